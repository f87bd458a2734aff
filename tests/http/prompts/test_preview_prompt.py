"""POST /api/chat/prompts/preview: filled in, answered, told with its price; no conversation is
made.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Usage
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.store import prompts
from reprise.web import engine as web_engine
from tests.api import Api, Response, everything_stored
from tests.chatbase import caller_of
from tests.conversations import CONVERSATIONS
from tests.faults import Fault, faults, meanwhile
from tests.models import FAKE, FakeModels
from tests.prompts import NOT_FOUND, PREVIEW, TEMPLATE, UNKNOWN, create, prompt, uses

FAILED = {"detail": "Failed to generate the preview, please try again"}
EITHER = {"detail": "body: needs prompt_id or content, and not both"}


def asked(models: FakeModels) -> list[str]:
    """What models were asked, each time in one message."""
    (*texts,) = (request.messages[0].text for request in models.requests)
    assert all(len(request.messages) == 1 for request in models.requests)
    return texts


def test_a_content_is_filled_in_and_answered(api: Api, models: FakeModels) -> None:
    models.enqueue(["A ", "summary", Finished("stop", Usage(11, 31))])

    answer = api.post(PREVIEW, json={"content": "Say: {text}!", "variables": {"text": "so"}})

    assert answer.status == 200
    assert answer.json() == {"preview": "A summary", "tokens_used": 42, "model_used": "fake"}
    assert asked(models) == ["Say: so!"]
    assert "x-unfilled-variables" not in answer.headers


def test_a_stored_prompt_is_asked_by_its_id_and_counted(api: Api, models: FakeModels) -> None:
    made = create(api, content="Say {text}")

    answer = api.post(PREVIEW, json={"prompt_id": made, "variables": {"text": "so"}})

    assert answer.json()["preview"] == "An answer."
    assert asked(models) == ["Say so"]
    assert uses(api, made) == 1


def test_a_use_does_not_change_the_prompt(api: Api, models: FakeModels) -> None:
    made = create(api)
    before = api.get(prompt(made)).json()

    api.post(PREVIEW, json={"prompt_id": made})

    assert api.get(prompt(made)).json() == before | {"usage_count": 1}


def test_a_template_is_counted_for_each_account(
    api: Api, stranger: Api, models: FakeModels
) -> None:
    for _ in range(2):
        sent = {"prompt_id": TEMPLATE, "variables": {"text": "long"}}
        assert api.post(PREVIEW, json=sent).status == 200

    assert asked(models)[0].endswith("\n\nlong")
    assert uses(api, TEMPLATE) == 2
    assert uses(stranger, TEMPLATE) == 0


def test_no_use_is_lost_however_many_come_at_once(api: Api, models: FakeModels) -> None:
    made = create(api)

    with ThreadPoolExecutor(8) as pool:
        for prompt_id in (made, TEMPLATE):
            sent = {"prompt_id": prompt_id}
            asking = [pool.submit(api.post, PREVIEW, json=sent) for _ in range(12)]
            assert {each.result().status for each in asking} == {200}

    assert (uses(api, made), uses(api, TEMPLATE)) == (12, 12)


def test_unfilled_variables_stay_and_are_listed_in_their_order(
    api: Api, models: FakeModels
) -> None:
    content = "{b} {a} {b} {{c}} {d}"

    answer = api.post(PREVIEW, json={"content": content, "variables": {"d": "4", "z": "unused"}})

    assert asked(models) == ["{b} {a} {b} {c} 4"]
    assert answer.headers["x-unfilled-variables"] == "b, a"


def test_values_are_never_expanded_again(api: Api, models: FakeModels) -> None:
    values = {"a": "{b} {{b}} {", "b": "{a}"}

    answer = api.post(PREVIEW, json={"content": "{a}|{b}", "variables": values})

    assert asked(models) == ["{b} {{b}} {|{a}"]
    assert "x-unfilled-variables" not in answer.headers


def test_many_long_names_fit_the_header(api: Api, models: FakeModels) -> None:
    names = [f"{number:02}".rjust(64, "n") for number in range(50)]

    answer = api.post(PREVIEW, json={"content": "".join(f"{{{name}}}" for name in names)})

    assert answer.headers["x-unfilled-variables"] == ", ".join(names)


def test_no_conversation_is_stored(api: Api, models: FakeModels) -> None:
    api.post(PREVIEW, json={"content": "Hello"})  # makes the account's balance
    before = everything_stored()

    api.post(PREVIEW, json={"content": "Hello"})

    assert everything_stored() == before
    assert api.get(CONVERSATIONS).json()["data"] == []


def test_the_model_that_really_answered_is_told(api: Api) -> None:
    second = replace(FAKE, name="second", id="vendor/second", aliases=frozenset())
    models = FakeModels(replace(FAKE, fallbacks=("second",)), second)
    web_engine.use(Engine(models, timing=Timing(retry_wait=0.001)))
    models.enqueue([UpstreamFailed("refused", refused=True)])

    try:
        answer = api.post(PREVIEW, json={"content": "Hello"})
    finally:
        web_engine.use(None)

    assert answer.json()["model_used"] == "second"
    assert [request.model for request in models.requests] == ["vendor/fake", "vendor/second"]


def test_without_a_provider_that_is_the_demo_model(api: Api) -> None:
    answer = api.post(PREVIEW, json={"content": "Hello {name}"}).json()

    assert answer["model_used"] == "demo"
    assert answer["preview"].endswith("You said: Hello {name}")
    assert answer["tokens_used"] > 0


def test_usage_that_is_not_reported_is_estimated(api: Api, models: FakeModels) -> None:
    models.enqueue(["x" * 400, Finished("stop")])

    answer = api.post(PREVIEW, json={"content": "y" * 400})

    assert 200 <= answer.json()["tokens_used"] < 300


def test_an_answer_of_nothing_is_one(api: Api, models: FakeModels) -> None:
    models.enqueue([Finished("stop", Usage(5, 0))])

    answer = api.post(PREVIEW, json={"content": "Hello"})

    assert answer.json() == {"preview": "", "tokens_used": 5, "model_used": "fake"}


@pytest.mark.parametrize(
    "script",
    [
        [UpstreamFailed("down")],
        ["Hel", UpstreamFailed("gone")],
        ["Hel", RuntimeError("plaintiff")],
        [TimeoutError()],
    ],
)
def test_an_upstream_that_fails(api: Api, models: FakeModels, script: list[Any]) -> None:
    models.enqueue(script)

    answer = api.post(PREVIEW, json={"content": "Hello"})

    assert (answer.status, answer.json()) == (500, FAILED)


def test_a_long_answer_is_told_as_far_as_it_came(api: Api, models: FakeModels) -> None:
    """The function has 285 seconds; here all but a little of it is left for the ending."""
    web_engine.use(Engine(models, timing=Timing(margin=284.5)))
    models.enqueue(["Hel", partial(asyncio.sleep, 60)])
    models.enqueue([partial(asyncio.sleep, 60)])

    cut, empty = (api.post(PREVIEW, json={"content": "Hello"}) for _ in range(2))

    assert (cut.status, cut.json()["preview"]) == (200, "Hel")
    assert (empty.status, empty.json()) == (500, FAILED)
    assert models.open == 0


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({}, EITHER["detail"]),
        ({"prompt_id": None, "content": None}, EITHER["detail"]),
        ({"prompt_id": TEMPLATE, "content": "Hello"}, EITHER["detail"]),
        ({"prompt_id": "1"}, "prompt_id: Input should be a valid integer"),
        ({"prompt_id": True}, "prompt_id: Input should be a valid integer"),
        ({"prompt_id": 1.5}, "prompt_id: Input should be a valid integer"),
        ({"content": ""}, "content: String should have at least 1 character"),
        ({"content": "x" * 1_048_576}, "content: String should have at most 100000 characters"),
        (
            {"content": "a}"},
            "content: the brace at character 2 belongs to no placeholder such as {name}; write {{ "
            "and }} for braces",
        ),
        ({"content": "{a}", "variables": {"a": " "}}, "content: must not be empty"),
        (
            {"content": "{a}" * 30_000, "variables": {"a": "x" * 1000}},
            "content: has more than 1,000,000 characters with its variables",
        ),
        ({"content": "x", "variables": {"a": 1}}, "variables.a: Input should be a valid string"),
        ({"content": "x", "variables": []}, "variables: Input should be a valid dictionary"),
    ],
)
def test_bad_input_is_refused_and_nothing_written(
    api: Api, models: FakeModels, sent: dict[str, Any], detail: str
) -> None:
    before = everything_stored()

    refused = api.post(PREVIEW, json=sent)

    assert (refused.status, refused.json()) == (422, {"detail": detail})
    assert everything_stored() == before
    assert models.requests == []


def test_what_fills_a_stored_prompt_is_checked_too(api: Api, models: FakeModels) -> None:
    made = create(api, content="{a}" * 1001)
    before = everything_stored()

    refused = [
        api.post(PREVIEW, json={"prompt_id": made, "variables": {"a": value}})
        for value in ("", "x" * 1000)
    ]

    assert [each.status for each in refused] == [422, 422]
    assert everything_stored() == before
    assert models.requests == []


@pytest.mark.parametrize("prompt_id", [UNKNOWN, 0, -1, 10**30, 10**2000])
def test_an_unknown_prompt(api: Api, models: FakeModels, prompt_id: int) -> None:
    before = everything_stored()

    refused = api.post(PREVIEW, json={"prompt_id": prompt_id})

    assert (refused.status, refused.json()) == (404, NOT_FOUND)
    assert everything_stored() == before


def test_a_prompt_that_is_deleted_meanwhile(api: Api, models: FakeModels) -> None:
    made = create(api)
    owner = caller_of(api).owner

    def delete() -> None:
        prompts.delete(owner, made)

    with faults(Fault("TransactWriteItems", meanwhile(delete), on=1)) as struck:
        refused: Response = api.post(PREVIEW, json={"prompt_id": made})

    assert struck
    assert (refused.status, refused.json()) == (404, NOT_FOUND)
    assert models.requests == []
    assert api.get(prompt(made)).status == 404

"""What clients may send wrongly: a sentence, the right status, and nothing stored."""

from typing import Any

import pytest

from tests.api import Api, everything_stored
from tests.fixie import begin, conversations, messages, regenerate
from tests.models import FakeModels

LONG = "x" * 1_000_001
PARAMETERS: list[Any] = [
    5,
    "text",
    [],
    {"systemPrompt": 5},
    {"systemPrompt": ["Rhyme"]},
    {"systemPrompt": "x" * 20_001},
    {"corpusId": 5},
    {"corpusId": {}},
    {"corpusId": "x" * 65},
]


def stored() -> set[str]:
    return {key for key in everything_stored() if "RATE#" not in key}


@pytest.fixture
def made(api: Api, agent: str) -> dict[str, Any]:
    begun: dict[str, Any] = begin(api, agent)
    return begun


@pytest.mark.parametrize(
    "body",
    [
        {"message": 5},
        {"message": ["Hello"]},
        {"message": {"text": "Hello"}},
        {"message": ""},
        {"message": " \n"},
        {"message": LONG},
        {"message": "Hello", "metadata": "none"},
        *({"message": "Hello", "runtimeParameters": each} for each in PARAMETERS),
    ],
)
def test_no_message_that_cannot_be_one_is_taken(
    api: Api, agent: str, made: dict[str, Any], body: dict[str, Any]
) -> None:
    before = stored()

    for path in (conversations(agent), messages(agent, made["id"])):
        answer = api.post(path, json=body)
        assert answer.status == 400, path
        assert answer.text.startswith("Invalid request: ")
        assert answer.headers["content-type"].startswith("text/plain")
        assert len(answer.text) < 300
    assert stored() == before


@pytest.mark.parametrize("body", [{}, {"message": None}, [], "Hello", 5])
def test_a_message_has_to_be_sent(api: Api, agent: str, made: dict[str, Any], body: Any) -> None:
    answer = api.post(messages(agent, made["id"]), json=body)

    assert answer.status == 400
    assert answer.text.startswith("Invalid request: ")


@pytest.mark.parametrize(
    "body",
    [
        {"generateInitialMessage": "no"},
        {"generateInitialMessage": 0},
        {"stream": "yes"},
        [],
        "Hello",
        5,
    ],
)
def test_a_beginning_of_the_wrong_form_is_refused(api: Api, agent: str, body: Any) -> None:
    before = stored()

    answer = api.post(conversations(agent), json=body)

    assert (answer.status, stored()) == (400, before)


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_runtime_parameters_of_the_wrong_form_are_refused(
    api: Api, agent: str, models: FakeModels, parameters: Any
) -> None:
    made = begin(api, agent)
    path = regenerate(agent, made["id"], made["turns"][1]["id"])

    answer = api.post(path, json={"runtimeParameters": parameters})

    assert answer.status == 400
    assert "runtimeParameters" in answer.text
    assert len(models.requests) == 1


@pytest.mark.parametrize("body", ["{", "", "message=Hello", b"\xff", "[" * 10_000])
def test_what_is_no_json_is_refused(
    api: Api, agent: str, made: dict[str, Any], body: str | bytes
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = api.post(messages(agent, made["id"]), body=body, headers=headers)

    assert answer.status == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor="])
def test_a_list_has_no_such_page(api: Api, agent: str, query: str) -> None:
    answer = api.get(f"{conversations(agent)}?{query}")

    assert answer.status == 400
    assert answer.text.startswith(f"Invalid request: {query.split('=')[0]}: ")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_no_use_is_refused(api: Api, agent: str, key: str) -> None:
    answer = api.post(conversations(agent), headers={"Idempotency-Key": key})

    assert answer.status == 400
    assert answer.text.startswith("Invalid request: Idempotency-Key: ")


def test_a_million_characters_are_taken(api: Api, agent: str, models: FakeModels) -> None:
    made = begin(api, agent, LONG[:-1])

    assert len(made["turns"][0]["messages"][0]["content"]) == 1_000_000

"""How often one may ask, at whose cost, and what every answer carries."""

import time
from typing import Any

import pytest

from reprise.accounts import plans, rates
from reprise.engine.engine import Engine
from reprise.llm.catalogue import Model
from reprise.store import windows
from reprise.web import engine as web_engine
from tests.api import Api, everything_stored, new_key, routes
from tests.chatbase import caller_of, new_client, put_agent
from tests.fixie import (
    BODIES,
    begin,
    conversation,
    conversations,
    last,
    messages,
    regenerate,
)
from tests.models import FakeModels

GENERATING = {"start_conversation", "send_message", "regenerate"}


@pytest.fixture
def api(aws: None) -> Api:
    """A client of an account on the standard plan."""
    return new_client("standard")


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> int:
    """The one minute in which all requests are made: when it begins, in seconds since the Unix
    epoch.
    """
    start = int(time.time()) // 60 * 60
    monkeypatch.setattr(rates.Rate, "_window", lambda rate, now: (start, start + 60))
    return start


def exhaust(subject: str, start: int) -> None:
    for _ in range(60):
        windows.add("fixie", subject, start, start + 60)


def but_windows() -> dict[str, Any]:
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


def generating(agent_id: str | None, made: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return [
        (conversations(agent_id), {"message": "Hello"}),
        (messages(agent_id, made["id"]), {"message": "Hello"}),
        (regenerate(agent_id, made["id"], made["turns"][1]["id"]), {}),
    ]


def test_the_plan_says_sixty_a_minute() -> None:
    assert plans.find("standard").requests["fixie"] == 60
    assert plans.find("local").requests["fixie"] == 100_000
    assert plans.find("standard").windows["fixie"] == 60


def test_who_has_asked_too_often_is_refused(api: Api, models: FakeModels, frozen: int) -> None:
    agent = put_agent(api, default=True)
    made = begin(api, agent)
    exhaust(caller_of(api).owner, frozen)
    before = but_windows()

    for named in (agent, None):
        for path, body in generating(named, made):
            answer = api.post(path, json=body)
            assert (answer.status, answer.text) == (429, "Query limit exceeded."), path
            assert answer.headers["content-type"].startswith("text/plain")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.headers["x-ratelimit-remaining"] == "0"
            assert answer.headers["x-ratelimit-reset"] == str(frozen + 60)
    assert but_windows() == before
    assert len(models.requests) == 1


def test_reading_is_not_counted(api: Api, agent: str, frozen: int) -> None:
    made = begin(api, agent)
    exhaust(caller_of(api).owner, frozen)

    found = api.get(conversation(agent, made["id"]))

    assert found.status == 200
    assert "x-ratelimit-limit" not in found.headers


def test_what_was_answered_before_is_answered_again_all_the_same(
    api: Api, agent: str, frozen: int
) -> None:
    path, sent = conversations(agent), {"headers": {"Idempotency-Key": "k"}}
    first = api.post(path, json={"message": "Hi"}, **sent)
    exhaust(caller_of(api).owner, frozen)

    assert last(api.post(path, json={"message": "Hi"}, **sent)) == last(first)


@pytest.mark.parametrize("who", ["account", "public"])
def test_without_credits_nothing_is_answered(aws: None, models: FakeModels, who: str) -> None:
    """The public's answers are paid by the agent's account."""
    owner = new_client("standard")
    agent = put_agent(owner, public=True)
    client = owner if who == "account" else Api.anonymous()
    made = begin(client, agent)
    dear = Model("fake", "vendor/fake", "demo", 16_000, 10_001)
    web_engine.use(Engine(FakeModels(dear)))
    before = but_windows()

    for path, body in generating(agent, made):
        answer = client.post(path, json=body)
        assert (answer.status, answer.text) == (402, "This month's credits are used up.")
        assert answer.headers["content-type"].startswith("text/plain")
    assert but_windows() == before


def test_a_plan_without_the_api_has_none(aws: None) -> None:
    """Neither for the account nor for the public of its agent."""
    owner = new_client("free")
    agent = put_agent(owner, public=True)

    for client in (owner, Api.anonymous()):
        answer = client.post(conversations(agent), json={"message": "Hello"})
        assert (answer.status, answer.text) == (
            403,
            "The account's plan does not include the API.",
        )


def test_every_answer_carries_what_it_has_to(api: Api, stranger: Api) -> None:
    agent = put_agent(api, default=True)
    for route in routes("fixie"):
        made = begin(api, agent)
        path = route.path.format(
            agent_id=agent, conversation_id=made["id"], message_id=made["turns"][1]["id"]
        )
        for client in (api, stranger):
            said = BODIES.get((route.method, route.path))
            answer = client.request(route.method, path, json=said)
            assert answer.headers["x-request-id"]
            assert answer.headers["access-control-allow-origin"] == "*"
            counted = route.function.handler.split(".")[1] in GENERATING
            assert ("x-ratelimit-limit" in answer.headers) == counted, route.path


def test_what_was_not_foreseen_is_an_internal_error(api: Api, agent: str) -> None:
    class Broken(FakeModels):
        def find(self, name: str | None) -> Model:
            raise KeyError("plaintiff said: Hello")

    web_engine.use(Engine(Broken()))
    try:
        answer = api.post(conversations(agent), json={"message": "Hello"})
    finally:
        web_engine.use(None)

    assert (answer.status, answer.text) == (500, "Something went wrong, please try again.")


def test_a_key_without_the_scope_is_refused(aws: None) -> None:
    reader = Api(new_key(scopes=["read"])[1])

    answer = reader.post(conversations(None), json={"message": "Hello"})

    assert (answer.status, answer.text) == (
        403,
        "The API key does not have the scope that this takes.",
    )
    assert reader.get(conversations(None)).status == 200

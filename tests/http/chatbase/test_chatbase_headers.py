"""What every answer carries, how often one may ask, and what neither answers nor logs may hold."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reprise.accounts import plans, rates
from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine
from reprise.llm.catalogue import Model
from reprise.web import engine as web_engine
from tests.api import Api, Response, aws_client, everything_stored, routes
from tests.chatbase import (
    CLOCK,
    UNKNOWN_ID,
    ask,
    begin,
    body_for,
    caller_of,
    chat,
    conversation,
    conversations,
    messages,
    new_client,
    put_agent,
    refusal,
    retry,
    tool_result,
)
from tests.faults import Fault, faults, throttled
from tests.models import FakeModels

SECRET = "plaintiff"  # stands in whatever must not be told
BROKEN = refusal("INTERNAL_SERVER_ERROR", "Something went wrong, please try again")
TOO_MANY = refusal("RATE_LIMIT_TOO_MANY_REQUESTS", "Too many requests, please try again later")
NO_CREDITS = refusal("CHAT_CREDITS_EXHAUSTED", "Message limit reached")
LIMITED = [route for route in routes("chatbase") if "{" in route.path]

Logs = Callable[[], str]


class Broken(FakeModels):
    """Fails in a way that nobody foresaw, with a text in its exception."""

    def find(self, name: str | None) -> Model:
        raise KeyError(f"{SECRET} said: Hello")


@pytest.fixture
def api(aws: None) -> Api:
    """A client of an account on the standard plan."""
    return new_client("standard")


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> int:
    """Rate windows that do not pass; returns when this one ends."""
    start = int(time.time()) // 10 * 10
    monkeypatch.setattr(rates.Rate, "_window", lambda self, now: (start, start + 10))
    return start + 10


def answers(api: Api, agent: str) -> Iterator[tuple[str, Response]]:
    """Of every route under an agent, to a good request."""
    made, _, reply = begin(api, agent)
    for route in LIMITED:
        path = route.path.format(
            agent_id=agent, conversation_id=made, message_id=reply, user_id="ada"
        )
        sent = body_for(route.method, route.path, reply)
        yield f"{route.method} {route.path}", api.request(route.method, path, json=sent)


def refused(api: Api, agent: str) -> Iterator[Response]:
    """A refusal of each kind."""
    yield api.post(chat(agent), json={})
    yield api.post(chat(agent), body="{")
    yield api.post(chat("nobody"), json={"message": "Hello"})
    yield api.get(conversation(agent, UNKNOWN_ID))
    yield api.get(f"{conversations(agent)}?limit=0")
    yield api.post(tool_result(agent, UNKNOWN_ID), json={"toolCallId": "x"})


def test_every_answer_says_how_often_one_may_still_ask(
    api: Api, agent: str, models: FakeModels, frozen: int
) -> None:
    everything = [answer for _, answer in answers(api, agent)] + list(refused(api, agent))

    for number, answer in enumerate(everything, 2):  # the first began the conversation
        assert answer.headers["x-ratelimit-limit"] == "100"
        assert answer.headers["x-ratelimit-remaining"] == str(100 - number)
        assert answer.headers["x-ratelimit-reset"] == str(frozen)  # in seconds
        assert "retry-after" not in answer.headers


def test_every_answer_names_its_request(api: Api, agent: str, models: FakeModels) -> None:
    everything = [answer for _, answer in answers(api, agent)] + list(refused(api, agent))
    everything.append(Api.anonymous().get(conversations(agent)))

    ids = [answer.headers["x-request-id"] for answer in everything]

    assert all(ids)
    assert len(set(ids)) == len(ids)


def test_pages_of_any_origin_may_read_every_answer(
    api: Api, agent: str, models: FakeModels
) -> None:
    for answer in [answer for _, answer in answers(api, agent)] + list(refused(api, agent)):
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"]
        assert {"X-Request-ID", "X-RateLimit-Reset", "Retry-After"} <= set(exposed.split(", "))
        assert "access-control-allow-credentials" not in answer.headers


def exhaust(api: Api, requests: int = 100) -> None:
    """Ask so often."""
    caller = caller_of(api)
    rate = rates.Rate(plans.find(caller.plan), "chatbase", caller.subject)
    for _ in range(requests):
        rate.add(time.time())


def test_who_asks_too_often_is_told_when_to_come_again(
    api: Api, agent: str, models: FakeModels, frozen: int
) -> None:
    made, _, reply = begin(api, agent)
    exhaust(api)
    before = but_windows(everything_stored())

    for route in LIMITED:
        path = route.path.format(
            agent_id=agent, conversation_id=made, message_id=reply, user_id="ada"
        )
        answer = api.request(route.method, path, json=body_for(route.method, route.path, reply))

        assert (answer.status, answer.json()) == (429, TOO_MANY), route.path
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert answer.headers["x-ratelimit-reset"] == str(frozen)
        assert answer.headers["x-request-id"]
    assert but_windows(everything_stored()) == before
    assert len(models.requests) == 1


def but_windows(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in stored.items() if "RATE#" not in key}


def test_a_hundred_in_ten_seconds_are_not_too_many(
    api: Api, agent: str, models: FakeModels, frozen: int
) -> None:
    exhaust(api, 99)

    statuses = [api.get(conversations(agent)).status for _ in range(2)]

    assert statuses == [200, 429]


def test_others_are_counted_by_themselves(
    api: Api, stranger: Api, agent: str, models: FakeModels, frozen: int
) -> None:
    exhaust(api)

    assert ask(stranger, put_agent(stranger))


def test_a_request_that_was_answered_before_is_answered_again_all_the_same(
    api: Api, agent: str, models: FakeModels, frozen: int
) -> None:
    sent = {"json": {"message": "Hi"}, "headers": {"Idempotency-Key": "k"}}
    first = api.post(chat(agent), **sent)
    exhaust(api)

    assert api.post(chat(agent), **sent).body == first.body


def test_without_credits_nothing_is_answered(
    api: Api, agent: str, models: FakeModels, aws: None
) -> None:
    made, _, reply = begin(api, agent)
    dear = Model("fake", "vendor/fake", "demo", 16_000, 10_001)
    web_engine.use(Engine(FakeModels(dear)))
    before = but_windows(everything_stored())

    refusals = [
        api.post(chat(agent), json={"message": "Hi"}),
        api.post(chat(agent), json={"message": "Hi", "conversationId": made, "stream": False}),
        api.post(retry(agent, made), json={"messageId": reply}),
    ]

    for answer in refusals:
        assert (answer.status, answer.json()) == (402, NO_CREDITS)
        assert answer.headers["content-type"] == "application/json"
    assert but_windows(everything_stored()) == before


def test_as_many_answers_run_at_once_as_the_plan_allows(aws: None, models: FakeModels) -> None:
    """20 of them; the 21st is refused until one has ended."""
    api = new_client("standard")
    agent = put_agent(api)
    running, go_on = threading.Semaphore(0), threading.Event()
    for _ in range(20):
        models.enqueue([running.release, partial(asyncio.to_thread, go_on.wait, 30), "Hi"])

    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(ask, api, agent) for _ in range(20)]
        for _ in range(20):
            assert running.acquire(timeout=30)
        answer = api.post(chat(agent), json={"message": "One more"})
        go_on.set()
        for each in asking:
            each.result()

    assert (answer.status, answer.json()) == (429, TOO_MANY)
    assert answer.headers["retry-after"] == "5"
    assert ask(api, agent)["metadata"]["finishReason"] == "stop"


# --- What was not foreseen ------------------------------------------------------------------------


def test_what_was_not_foreseen_is_an_internal_error(api: Api, agent: str, logs: Logs) -> None:
    web_engine.use(Engine(Broken()))
    try:
        for stream in (True, False):
            answer = api.post(
                chat(agent), json={"message": f"{SECRET} said: Hello", "stream": stream}
            )

            assert (answer.status, answer.json()) == (500, BROKEN)
            assert answer.headers["x-request-id"]
            assert answer.headers["x-ratelimit-limit"] == "100"
    finally:
        web_engine.use(None)
    assert SECRET not in logs()


def test_without_its_table_every_route_has_an_internal_error(
    api: Api, agent: str, models: FakeModels, logs: Logs
) -> None:
    made, _, reply = begin(api, agent)
    aws_client("dynamodb").delete_table(TableName="reprise")

    for route in LIMITED:
        path = route.path.format(
            agent_id=agent, conversation_id=made, message_id=reply, user_id="ada"
        )
        answer = api.request(route.method, path, json=body_for(route.method, route.path, reply))

        assert (answer.status, answer.json()) == (500, BROKEN), route.path
    assert api.headers["Authorization"].removeprefix("Bearer ") not in logs()


def test_where_requests_cannot_be_counted_the_error_leaves_all_the_same(
    api: Api, agent: str, models: FakeModels
) -> None:
    counting = Fault("UpdateItem", throttled, on=1, where=lambda call: "RATE" in str(call.request))

    with faults(counting) as struck:
        answer = api.post(chat(agent), json={"message": "Hi"})

    assert struck
    assert (answer.status, answer.json()) == (500, BROKEN)
    assert "x-ratelimit-limit" not in answer.headers
    assert models.requests == []


def test_logs_hold_no_texts_users_or_keys(api: Api, models: FakeModels, logs: Logs) -> None:
    agent = put_agent(api, instructions=f"{SECRET} instructions", tools=(CLOCK,))
    made, _, reply = begin(api, agent, f"a {SECRET} question", userId=SECRET)
    for script in (
        [f"a {SECRET} part", UpstreamFailed("gone")],
        [RuntimeError(f"a {SECRET} bug")],
    ):
        models.enqueue(script)
        api.post(chat(agent), json={"message": SECRET, "conversationId": made})
    api.post(retry(agent, made), json={"messageId": reply})
    api.post(tool_result(agent, made), json={"toolCallId": SECRET, "output": SECRET})
    api.post(chat(agent), json={"message": SECRET, "conversationId": made, "userId": "bob"})
    api.post(chat(agent), body=f"{{{SECRET}")
    api.get(messages(agent, made))
    api.get(f"{messages(agent, made)}?cursor={SECRET}")
    Api(f"rp_{SECRET}-is-no-key").get(conversations(agent))

    logged = logs()

    assert "generation failed" in logged
    assert SECRET not in logged
    assert api.headers["Authorization"].removeprefix("Bearer ") not in logged

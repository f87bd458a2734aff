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
from tests.api import Api, Response, aws_client, everything_stored, new_account, new_key, routes
from tests.chatbase import caller_of
from tests.models import FakeModels
from tests.sessions import (
    BROKEN,
    HISTORY,
    NO_CREDITS,
    STREAM,
    SWITCH,
    TOO_MANY,
    UNKNOWN,
    begin,
    body,
    refusal,
    session,
    stream,
)

SECRET = "plaintiff"  # stands in whatever must not be told
LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
Logs = Callable[[], str]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> int:
    """Rate windows that do not pass; returns when this one ends."""
    start = int(time.time()) // 60 * 60
    monkeypatch.setattr(rates.Rate, "_window", lambda self, now: (start, start + 60))
    return start + 60


@pytest.fixture
def standard(aws: None) -> Api:
    """A client on the standard plan."""
    return Api(new_key(new_account("standard"))[1])


def answers(api: Api) -> Iterator[Response]:
    """Of every route, to good requests and to bad ones."""
    made = begin(api)
    yield api.post(STREAM, json=body("Hi", stream=False))
    yield api.post(STREAM, json=body("Hi", session_id=UNKNOWN))
    yield api.post(STREAM, json={})
    yield api.post(SWITCH, json={"session_id": made, "model": "fake"})
    yield api.post(SWITCH, json={})
    yield api.get(HISTORY)
    yield api.get(f"{HISTORY}?page=0")
    yield api.delete(session(made))
    yield api.delete(session(made))
    yield Api.anonymous().get(HISTORY)


def test_every_answer_names_its_request_and_may_be_read_by_pages_of_any_origin(
    api: Api, models: FakeModels
) -> None:
    everything = list(answers(api))

    ids = [answer.headers["x-request-id"] for answer in everything]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for answer in everything:
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"X-Session-ID", "X-Model", "Retry-After", "X-RateLimit-Reset"} <= set(exposed)


def test_what_generates_is_counted_and_nothing_else(
    standard: Api, models: FakeModels, frozen: int
) -> None:
    """What is refused with 400 is not, either."""
    counted = [answer for answer in answers(standard) if LIMITS[0] in answer.headers]

    assert [tuple(answer.headers[name] for name in LIMITS) for answer in counted] == [
        ("60", "58", str(frozen)),
        ("60", "57", str(frozen)),
        ("60", "57", str(frozen)),
    ]


def exhaust(api: Api, requests: int = 60) -> None:
    """Ask so often."""
    caller = caller_of(api)
    rate = rates.Rate(plans.find(caller.plan), "sessions", caller.subject)
    for _ in range(requests):
        rate.add(time.time())


def test_sixty_in_a_minute_are_not_too_many(standard: Api, models: FakeModels, frozen: int) -> None:
    exhaust(standard, 59)
    last = stream(standard, "Hi")
    before = everything_stored()

    answer = standard.stream(STREAM, json=body("Hi"))

    assert last.headers["x-ratelimit-remaining"] == "0"
    assert (answer.status, answer.json()) == (429, TOO_MANY)
    assert answer.headers["content-type"] == "application/json"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert everything_stored() == before
    assert standard.get(HISTORY).status == 200


def test_others_are_counted_by_themselves(standard: Api, api: Api, models: FakeModels) -> None:
    exhaust(standard)

    assert begin(api)


def test_what_was_answered_before_is_answered_again_all_the_same(
    standard: Api, models: FakeModels, frozen: int
) -> None:
    key = {"Idempotency-Key": "k"}
    first = standard.stream(STREAM, json=body("Hi"), headers=key)
    exhaust(standard)

    assert standard.stream(STREAM, json=body("Hi"), headers=key).body == first.body


def test_as_many_answers_run_at_once_as_the_plan_allows(standard: Api, models: FakeModels) -> None:
    """20 of them; the 21st is refused until one has ended."""
    running, go_on = threading.Semaphore(0), threading.Event()
    for _ in range(20):
        models.enqueue([running.release, partial(asyncio.to_thread, go_on.wait, 30), "Hi"])

    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(stream, standard, "Hi") for _ in range(20)]
        for _ in range(20):
            assert running.acquire(timeout=30)
        answer = standard.post(STREAM, json=body("One more"))
        go_on.set()
        for each in asking:
            each.result()

    assert (answer.status, answer.json()) == (429, TOO_MANY)
    assert answer.headers["retry-after"] == "5"
    assert begin(standard)


def test_without_credits_nothing_is_answered_or_stored(standard: Api, models: FakeModels) -> None:
    made = begin(standard)
    web_engine.use(Engine(FakeModels(Model("fake", "vendor/fake", "demo", 16_000, 10_001))))
    before = everything_stored()

    for more in ({}, {"session_id": made}, {"stream": False}):
        answer = standard.post(STREAM, json=body("Hi", "Hello", "And?", **more))

        assert (answer.status, answer.json()) == (402, NO_CREDITS)
    assert everything_stored() == before


@pytest.mark.parametrize("plan", ["free"])
def test_plans_without_the_api_are_refused(aws: None, models: FakeModels, plan: str) -> None:
    api = Api(new_key(new_account(plan))[1])

    for route in routes("sessions"):
        answer = api.request(route.method, route.path.format(session_id=1), body="{")

        said = "The plan 'free' does not include the API"
        assert (answer.status, answer.json()) == (403, refusal(said))


# --- What was not foreseen ------------------------------------------------------------------------


class Broken(FakeModels):
    """Fails in a way that nobody foresaw, with a text in its exception."""

    def find(self, name: str | None) -> Model:
        raise KeyError(f"{SECRET} said: Hello")


def test_what_was_not_foreseen_is_an_internal_error(
    api: Api, models: FakeModels, logs: Logs
) -> None:
    web_engine.use(Engine(Broken()))

    for path, sent in ((STREAM, body(SECRET)), (SWITCH, {"session_id": 1, "model": SECRET})):
        answer = api.post(path, json=sent)

        assert (answer.status, answer.json()) == (500, BROKEN)
        assert answer.headers["x-request-id"]
    assert SECRET not in logs()


def test_without_its_table_every_route_has_an_internal_error(
    api: Api, models: FakeModels, logs: Logs
) -> None:
    aws_client("dynamodb").delete_table(TableName="reprise")

    for route in routes("sessions"):
        sent: dict[str, Any] | None = body("Hi") if route.method == "POST" else None
        answer = api.request(route.method, route.path.format(session_id=1), json=sent)

        assert (answer.status, answer.json()) == (500, BROKEN), route.path
    assert api.headers["Authorization"].removeprefix("Bearer ") not in logs()


def test_logs_hold_no_texts_or_keys(api: Api, models: FakeModels, logs: Logs) -> None:
    made = begin(api, f"a {SECRET} question")
    for script in ([f"a {SECRET} part", UpstreamFailed("gone")], [RuntimeError(f"a {SECRET} bug")]):
        models.enqueue(script)
        api.post(STREAM, json=body(SECRET, session_id=made))
    api.post(STREAM, body=f"{{{SECRET}")
    api.get(f"{HISTORY}?model={SECRET}")

    logged = logs()

    assert "generation failed" in logged
    assert SECRET not in logged
    assert api.headers["Authorization"].removeprefix("Bearer ") not in logged

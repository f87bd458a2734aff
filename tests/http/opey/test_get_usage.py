"""GET /usage, and the limits of anonymous sessions that it tells of."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from reprise.accounts.sessions import REQUEST_LIMIT, TOKEN_LIMIT
from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Usage
from reprise.llm.protocol import Finished
from reprise.store.sessions import SessionItem
from tests.api import Api
from tests.models import USAGE, FakeModels
from tests.opey import (
    NO_COOKIE,
    NO_THREAD,
    Visitor,
    regenerate,
    say,
    secret_of,
    texts,
    turn,
)

HELLO = {"message": "Hello"}


def used(visitor: Visitor, *, requests: int = 0, tokens: int = 0) -> None:
    """What was used so far, as if it had been."""
    (item,) = SessionItem.scan(SessionItem.pk.startswith("SESSION#"))
    item.requests, item.tokens = requests, tokens
    item.save()


def told(visitor: Visitor) -> tuple[int, int]:
    """Requests and tokens."""
    usage = visitor.get("/usage").json()
    return usage["requests_made"], usage["tokens_used"]


def test_an_anonymous_session_is_told_what_it_may(aws: None, anonymous: Visitor) -> None:
    assert anonymous.get("/usage").json() == {
        "session_type": "anonymous",
        "unlimited_usage": False,
        "tokens_used": 0,
        "token_limit": 10_000,
        "tokens_remaining": 10_000,
        "requests_made": 0,
        "request_limit": 20,
        "requests_remaining": 20,
        "approaching_token_limit": False,
        "approaching_request_limit": False,
    }


def test_its_creation_tells_too(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_ANONYMOUS_SESSIONS", "true")

    answer = Api.anonymous().post("/create-session")

    assert answer.json() == {
        "message": "Anonymous session created",
        "session_type": "anonymous",
        "usage_limits": {"token_limit": 10_000, "request_limit": 20},
    }


@pytest.mark.parametrize("setting", ["", "false", "True", "1"])
def test_there_are_such_sessions_only_where_they_are_allowed(
    aws: None, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("ALLOW_ANONYMOUS_SESSIONS", setting)

    assert Api.anonymous().post("/create-session").status == 401


def test_what_is_asked_and_answered_is_counted(anonymous: Visitor, models: FakeModels) -> None:
    thread, question, _ = turn(anonymous, "Hello")
    anonymous.post(regenerate(thread, question))

    assert told(anonymous) == (2, 2 * USAGE.total)


def test_an_answer_that_breaks_off_is_counted_by_what_it_said(
    anonymous: Visitor, models: FakeModels
) -> None:
    models.enqueue(["Hello " * 100, UpstreamFailed("gone")])

    say(anonymous, "Hello")

    requests, tokens = told(anonymous)
    assert requests == 1
    assert tokens > 100


def test_the_tokens_are_counted_before_the_stream_ends(
    anonymous: Visitor, models: FakeModels
) -> None:
    seen: list[tuple[int, int]] = []

    def look(write: bytes) -> None:
        if b"assistant_complete" in write:
            (item,) = SessionItem.scan(SessionItem.pk.startswith("SESSION#"))
            seen.append((int(item.requests), int(item.tokens)))

    anonymous.stream("/stream", json=HELLO, seen=look)

    assert seen == [(1, USAGE.total)]


def test_near_a_limit_it_says_so(anonymous: Visitor) -> None:
    used(anonymous, requests=16, tokens=8_000)

    usage = anonymous.get("/usage").json()

    assert usage["approaching_token_limit"] is True
    assert usage["approaching_request_limit"] is True
    assert (usage["tokens_remaining"], usage["requests_remaining"]) == (2_000, 4)


Ask = Callable[[Visitor], object]


@pytest.mark.parametrize("path", ["/stream", "/stream/trip/regenerate?message_id=x"])
def test_after_all_requests_there_is_none(
    anonymous: Visitor, models: FakeModels, path: str
) -> None:
    used(anonymous, requests=REQUEST_LIMIT, tokens=5)

    answer = anonymous.post(path, json=HELLO)

    assert answer.status == 429
    detail = {
        "error": "Request limit exceeded",
        "message": "Anonymous sessions are limited to 20 requests. "
        "Please authenticate to continue.",
        "usage": {
            "tokens_used": 5,
            "token_limit": 10_000,
            "requests_made": 20,
            "request_limit": 20,
        },
    }
    assert answer.json() == {
        "detail": detail,
        "error": detail["error"],
        "message": detail["message"],
    }
    assert 0 < int(answer.headers["retry-after"]) <= 14 * 24 * 3600
    assert models.requests == []
    assert told(anonymous) == (20, 5)


def test_nor_after_all_tokens(anonymous: Visitor, models: FakeModels) -> None:
    models.enqueue(["x", Finished("stop", Usage(9_000, 1_500))])
    say(anonymous, "Hello")  # the answer that goes over the limit is given

    answer = anonymous.post("/stream", json=HELLO)

    assert answer.status == 429
    assert answer.json()["error"] == "Token limit exceeded"
    assert answer.json()["detail"] == {
        "error": "Token limit exceeded",
        "message": "Anonymous sessions are limited to 10000 tokens. "
        "Please authenticate to continue.",
        "usage": {
            "tokens_used": 10_500,
            "token_limit": TOKEN_LIMIT,
            "requests_made": 1,
            "request_limit": REQUEST_LIMIT,
        },
    }


def test_who_asks_many_times_at_once_gets_no_more(anonymous: Visitor, models: FakeModels) -> None:
    used(anonymous, requests=REQUEST_LIMIT - 2)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: anonymous.post("/stream", json=HELLO), range(6)))

    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429, 429]
    assert told(anonymous)[0] == REQUEST_LIMIT


def test_what_it_said_can_still_be_read(anonymous: Visitor) -> None:
    thread, *_ = turn(anonymous, "Hello")
    used(anonymous, requests=REQUEST_LIMIT, tokens=TOKEN_LIMIT)

    assert texts(anonymous, thread)[0] == "Hello"


def test_a_session_owns_its_threads(aws: None, anonymous: Visitor, other: Visitor) -> None:
    somebody = Visitor.anonymous_session()
    thread, question, _ = turn(anonymous, "Hello")

    for visitor in (somebody, other):
        answer = visitor.post(regenerate(thread, question))
        assert (answer.status, answer.json()) == (404, NO_THREAD)
        assert texts(visitor, thread) == []


def test_who_logs_in_leaves_the_anonymous_session_behind(api: Api, anonymous: Visitor) -> None:
    cookie = {"Cookie": f"session={anonymous.secret}"}

    visitor = Visitor(secret_of(api.post("/create-session", headers=cookie)))

    assert visitor.get("/usage").json()["session_type"] == "authenticated"
    assert anonymous.get("/usage").status == 403


def test_an_accounts_session_has_no_such_limits(visitor: Visitor, models: FakeModels) -> None:
    used(visitor, requests=REQUEST_LIMIT, tokens=TOKEN_LIMIT)

    say(visitor, "Hello")

    assert visitor.get("/usage").json() == {
        "session_type": "authenticated",
        "unlimited_usage": True,
        "tokens_used": 0,
        "token_limit": None,
        "tokens_remaining": None,
        "requests_made": 0,
        "request_limit": None,
        "requests_remaining": None,
        "approaching_token_limit": False,
        "approaching_request_limit": False,
    }


def test_it_needs_a_session(aws: None) -> None:
    assert Api.anonymous().get("/usage").json() == NO_COOKIE

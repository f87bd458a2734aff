"""Requests that cannot be meant: refused with a reason, in the surface's shape, nothing written."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api, Response, everything_stored, routes
from tests.models import FakeModels
from tests.sessions import (
    BODIES,
    MODEL,
    NOBODY,
    STREAM,
    SWITCH,
    body,
    refusal,
    said,
)

JSON = {"Content-Type": "application/json"}
DEEP = 100_000
ROLES = "'system', 'user' or 'assistant'"


@pytest.fixture(scope="module")
def aws(shared_aws: None) -> None:
    """One table for all of these tests: they write nothing, or fail."""


@pytest.fixture(scope="module")
def api(aws: None) -> Api:
    return Api()


@pytest.fixture(autouse=True)
def unchanged(api: Api, models: FakeModels) -> Iterator[None]:
    """However it is called, nothing stored may change and no model be asked."""
    before = everything_stored()
    yield
    assert everything_stored() == before
    assert models.requests == []


def assert_refused(answer: Response, detail: str | None = None) -> None:
    assert answer.status == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    told: dict[str, Any] = answer.json()
    assert told.keys() == {"detail"}
    assert isinstance(told["detail"], str)
    assert told["detail"]
    assert detail is None or told == refusal(detail)


@pytest.mark.parametrize("path", [STREAM, SWITCH])
@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ("{", "body: is not valid JSON"),
        ("", None),
        ("{'model': 'fake'}", "body: is not valid JSON"),
        ("[]", None),
        ('"Hello"', None),
        ("1", None),
        ("null", None),
        ("[" * DEEP + "]" * DEEP, None),
        ('{"session_id": ' + "9" * 5_000 + "}", None),
        ('{"model": "\\ud800"}', None),
        (b'{"model": "\xff"}', None),
    ],
    ids=range(11),
)
def test_what_is_no_object_is_refused(
    api: Api, path: str, sent: str | bytes, detail: str | None
) -> None:
    assert_refused(api.post(path, body=sent, headers=JSON), detail)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"model": ...}, "model: Field required"),
        ({"model": None}, "model: Input should be a valid string"),
        ({"model": 4}, "model: Input should be a valid string"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ({"model": "x" * 201}, "model: String should have at most 200 characters"),
        ({"model": "gpt-nothing"}, "model: is not a known model"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": None}, "messages: Input should be a valid list"),
        ({"messages": "Hello"}, "messages: Input should be a valid list"),
        ({"messages": []}, None),
        ({"messages": said(*["x"] * 20_001)}, None),
        ({"messages": ["Hello"]}, None),
        ({"messages": [{}]}, "messages.0.role: Field required; messages.0.content: Field required"),
        (
            {"messages": [{"role": "robot", "content": "Hi"}]},
            f"messages.0.role: Input should be {ROLES}",
        ),
        (
            {"messages": [{"role": "tool", "content": "Hi"}, *said("Hi")]},
            f"messages.0.role: Input should be {ROLES}",
        ),
        ({"messages": [{"role": "User", "content": "Hi"}]}, None),
        ({"messages": [{"role": None, "content": "Hi"}]}, None),
        ({"messages": said("")}, "content: must not be empty"),
        ({"messages": said(" \n")}, "content: must not be empty"),
        ({"messages": said("Hi", "Hello", " ")}, "content: must not be empty"),
        ({"messages": said("", "Hello", "Hi")}, "content: must not be empty"),
        (
            {"messages": said("x" * 1_000_001)},
            "messages.0.content: String should have at most 1000000 characters",
        ),
        ({"messages": [{"role": "user", "content": None}]}, None),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}, None),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None),
        ({"messages": said("Hi", "Hello")}, "messages: the last one must not be an assistant's"),
        (
            {"messages": [{"role": "assistant", "content": "Hi"}]},
            "messages: the last one must not be an assistant's",
        ),
        ({"temperature": 2.1}, "temperature: Input should be less than or equal to 2"),
        ({"temperature": -0.1}, "temperature: Input should be greater than or equal to 0"),
        ({"temperature": "0.7"}, "temperature: Input should be a valid number"),
        ({"temperature": None}, "temperature: Input should be a valid number"),
        ({"temperature": float("nan")}, None),
        ({"temperature": float("inf")}, None),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 1.5}, None),
        ({"max_tokens": "12"}, None),
        ({"max_tokens": 10**9}, "max_tokens: Input should be less than or equal to 1000000"),
        ({"stream": "true"}, "stream: Input should be a valid boolean"),
        ({"stream": 1}, "stream: Input should be a valid boolean"),
        ({"session_id": "123"}, "session_id: Input should be a valid integer"),
        ({"session_id": 1.5}, None),
        ({"session_id": 123.0}, None),
        ({"session_id": True}, "session_id: Input should be a valid integer"),
        ({"session_id": [1]}, None),
    ],
)
def test_what_cannot_be_streamed_is_refused(
    api: Api, changes: dict[str, Any], detail: str | None
) -> None:
    sent = {name: value for name, value in (body("Hello") | changes).items() if value is not ...}

    assert_refused(api.post(STREAM, json=sent), detail)


def test_of_many_problems_some_are_told(api: Api) -> None:
    sent = {"model": MODEL, "messages": [{"role": "robot", "content": "Hi"}] * 1000}

    answer = api.post(STREAM, json=sent)

    assert_refused(answer)
    assert answer.json()["detail"].count(";") == 9


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({}, "session_id: Field required; model: Field required"),
        ({"session_id": 1}, "model: Field required"),
        ({"model": MODEL}, "session_id: Field required"),
        ({"session_id": None, "model": MODEL}, "session_id: Input should be a valid integer"),
        ({"session_id": "1", "model": MODEL}, "session_id: Input should be a valid integer"),
        ({"session_id": 1, "model": None}, "model: Input should be a valid string"),
        ({"session_id": 1, "model": ""}, "model: String should have at least 1 character"),
        ({"session_id": 1, "model": "nothing"}, "model: is not a known model"),
    ],
)
def test_what_cannot_be_switched_is_refused(api: Api, sent: dict[str, Any], detail: str) -> None:
    assert_refused(api.post(SWITCH, json=sent), detail)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    assert_refused(api.post(STREAM, json=body("Hi"), headers={"Idempotency-Key": key}))


@pytest.mark.parametrize("route", list(routes("sessions")), ids=lambda route: route.path)
@pytest.mark.parametrize("credentials", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic eDp5"])
def test_who_says_not_who_they_are_is_nobody(api: Api, route: Any, credentials: str) -> None:
    headers = {"Authorization": credentials} if credentials else {}

    answer = Api.anonymous().request(
        route.method, route.path.format(session_id=1), body="{", headers=headers
    )

    assert (answer.status, answer.json()) == (401, NOBODY)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"]


def test_every_route_with_a_body_is_known_here() -> None:
    methods = {(r.method, r.path) for r in routes("sessions") if r.method not in ("GET", "DELETE")}
    assert methods == BODIES.keys()

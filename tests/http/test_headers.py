"""What every answer carries, and what neither answers nor logs may hold."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from local.context import Context
from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine
from reprise.llm.catalogue import Model
from reprise.web import engine as web_engine
from tests.api import Api, Response, aws_client, call, handler_of, new_key, routes
from tests.conversations import (
    BODIES,
    CONVERSATIONS,
    START,
    UNKNOWN_ID,
    conversation,
    create,
    fill,
    message,
    messages,
    refusal,
    send,
    stream,
)
from tests.models import FakeModels, Step

EXPOSED = {
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "X-Session-ID",
    "X-Model",
    "X-Unfilled-Variables",
    "X-Fixie-Conversation-Id",
    "X-Thread-ID",
    "X-Regenerated",
    "X-Regenerated-From",
}
SECRET = "plaintiff"  # stands in whatever must not be told
BROKEN = refusal("INTERNAL_001", "Something went wrong, please try again")

Logs = Callable[[], str]


class Broken(FakeModels):
    """Fails in a way that nobody foresaw, with a text in its exception."""

    def find(self, name: str | None) -> Model:
        raise KeyError(f"{SECRET} said: Hello")


@pytest.fixture
def broken_models() -> Iterator[None]:
    web_engine.use(Engine(Broken()))
    yield
    web_engine.use(None)


def calls(api: Api) -> Iterator[tuple[str, str, dict[str, str] | None]]:
    """A good request to each route: method, path, body."""
    for route in routes("conversations"):
        made = create(api)
        user, reply = send(api, made, "Hello")
        path = fill(route.path, made, user["id"], reply["id"])
        yield route.method, path, BODIES.get((route.method, route.path))


def answers(api: Api) -> Iterator[Response]:
    """Of every route, and of every kind of refusal."""
    for method, path, body in calls(api):
        answer = api.request(method, path, json=body)
        assert answer.status in (200, 201, 204)
        yield answer
    made = create(api)
    yield api.post(messages(made), json={"content": 5})
    yield api.post(messages(made), body="{")
    yield Api.anonymous().get(CONVERSATIONS)
    yield Api(new_key(scopes=["read"])[1]).post(CONVERSATIONS)
    yield api.get(conversation(UNKNOWN_ID))
    yield api.get(conversation("%2F"))


def test_every_answer_names_api_gateways_id_of_its_request(api: Api) -> None:
    for method, path, body in calls(api):
        route, event = api.event(method, path, json=body)
        wanted = event["requestContext"]["requestId"]

        result = call(handler_of(route), event, Context.of(route.function))

        assert result["headers"]["x-request-id"] == wanted
        if result["headers"].get("content-type") == "application/json":
            assert json.loads(result["body"])["request_id"] == wanted


def test_answers_have_one_such_header_errors_too(api: Api) -> None:
    ids = [answer.headers["x-request-id"] for answer in answers(api)]

    assert all(ids)
    assert len(set(ids)) == len(ids)


def test_pages_of_any_origin_may_read_every_answer(api: Api) -> None:
    for answer in answers(api):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(answer.headers["access-control-expose-headers"].split(", ")) == EXPOSED
        assert "access-control-allow-credentials" not in answer.headers


def test_streams_carry_the_same_headers(api: Api) -> None:
    for answer in (
        api.stream(START, json={"content": "Hello"}),
        api.stream(START, json={"content": ""}),
        api.stream(messages(create(api)), json={"content": "Hello"}),
        api.stream(conversation(create(api)), method="GET"),
    ):
        assert answer.headers["x-request-id"]
        assert answer.headers["access-control-allow-origin"] == "*"


def test_who_is_refused_is_told_how_to_come_in(api: Api) -> None:
    assert Api.anonymous().get(CONVERSATIONS).headers["www-authenticate"] == "Bearer"
    assert "www-authenticate" not in api.get(conversation(UNKNOWN_ID)).headers


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_a_function_does_not_have_is_not_found(api: Api, method: str) -> None:
    """API Gateway does not hand on such requests, but nobody knows what it will be told to."""
    route, event = api.event("POST", CONVERSATIONS, json={})

    result = call(handler_of(route), event | {"httpMethod": method}, Context.of(route.function))

    assert result["statusCode"] == 404
    assert json.loads(result["body"]) == refusal("NOT_FOUND_001", "Route not found")
    assert result["headers"]["x-request-id"] == event["requestContext"]["requestId"]


def test_what_was_not_foreseen_is_an_internal_error(
    api: Api, broken_models: None, logs: Logs
) -> None:
    made = create(api, SECRET)

    for path in (messages(made), stream(made), START):
        answer = api.post(path, json={"content": f"{SECRET} said: Hello"})

        assert answer.status == 500
        assert answer.json() == BROKEN
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.headers["access-control-allow-origin"] == "*"
    assert SECRET not in logs()


def test_its_log_says_what_it_was_and_where(api: Api, broken_models: None, logs: Logs) -> None:
    answer = api.post(START, json={"content": "Hello"})

    logged = next(json.loads(line) for line in logs().splitlines() if "unhandled" in line)
    assert logged["level"] == "ERROR"
    assert logged["error"] == "KeyError"
    assert logged["request_id"] == answer.json()["request_id"]
    assert any("test_headers.py" in where for where in logged["where"])


def test_without_its_table_every_route_has_an_internal_error(api: Api, logs: Logs) -> None:
    requests = list(calls(api))
    aws_client("dynamodb").delete_table(TableName="reprise")

    for method, path, body in requests:
        answer = api.request(method, path, json=body)

        assert answer.status == 500, f"{method} {path}"
        assert answer.json() == BROKEN
    key = api.headers["Authorization"].removeprefix("Bearer ")
    assert key not in logs()


def test_logs_hold_no_texts_titles_or_keys(api: Api, models: FakeModels, logs: Logs) -> None:
    made = create(api, f"a {SECRET} title")
    scripts: tuple[tuple[Step, ...], ...] = (
        (f"a {SECRET} answer",),
        (f"a {SECRET} part", UpstreamFailed("gone")),
        (RuntimeError(f"a {SECRET} bug"),),
        (f"a {SECRET} part", lambda: asyncio.sleep(0.01), f"a {SECRET} rest"),
    )
    for script in scripts:
        models.enqueue(script)
        api.post(stream(made), json={"content": f"a {SECRET} question"})
    user, _ = send(api, made, SECRET * 40_000)
    api.post(START, json={"content": SECRET, "title": SECRET})
    api.patch(conversation(made), json={"title": SECRET})
    api.get(conversation(made))
    api.get(message(user["id"]))
    api.post(messages(made), json={"content": SECRET, "model": SECRET})
    api.post(messages(made), json={"content": [SECRET], SECRET: SECRET})
    api.post(messages(made), body=f"{{{SECRET}")
    Api(f"rp_{SECRET}-is-no-key").get(CONVERSATIONS)
    api.delete(conversation(made))

    logged = logs()

    assert "generation failed" in logged
    assert SECRET not in logged
    assert api.headers["Authorization"].removeprefix("Bearer ") not in logged

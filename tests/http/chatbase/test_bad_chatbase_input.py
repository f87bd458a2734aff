"""Requests that cannot be meant: refused with a reason, in the surface's shape, nothing written but
their count.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reprise.accounts import keys
from tests.api import Api, Response, everything_stored, new_key, routes
from tests.chatbase import (
    BASE,
    INVALID,
    begin,
    body_for,
    chat,
    conversations,
    feedback,
    new_client,
    put_agent,
    refusal,
    retry,
    tool_result,
)
from tests.models import FakeModels

JSON = {"Content-Type": "application/json"}
DEEP = 100_000
NOT_JSON = refusal("VALIDATION_INVALID_JSON", "Request body is not valid JSON")
TAKING = ("chat", "retry", "tool-result", "feedback")


@pytest.fixture(scope="module")
def aws(shared_aws: None) -> None:
    """One table for all of these tests: they write nothing, or fail."""


@pytest.fixture(scope="module")
def api(aws: None) -> Api:
    return new_client("local")  # there are more tests here than requests in ten seconds


@pytest.fixture(scope="module")
def agent(api: Api) -> str:
    return put_agent(api)


@pytest.fixture(scope="module")
def made(api: Api, agent: str) -> tuple[str, str, str]:
    """Ids of a conversation, of its message and of the answer."""
    return begin(api, agent)


def stored() -> dict[str, Any]:
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


@pytest.fixture
def untouched(made: tuple[str, str, str], models: FakeModels) -> Iterator[None]:
    """Nothing stored may change and no model be asked."""
    before = stored()
    yield
    assert stored() == before
    assert models.requests == []


def paths(agent: str, made: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    conversation, _, answer = made
    return {
        "chat": ("POST", chat(agent)),
        "retry": ("POST", retry(agent, conversation)),
        "tool-result": ("POST", tool_result(agent, conversation)),
        "feedback": ("PATCH", feedback(agent, conversation, answer)),
    }


@pytest.fixture
def send(api: Api, agent: str, made: tuple[str, str, str], untouched: None) -> Any:
    def call(endpoint: str, body: str | bytes, **headers: str) -> Response:
        method, path = paths(agent, made)[endpoint]
        return api.request(method, path, body=body, headers=headers or JSON)

    return call


def assert_refused(answer: Response, **details: str) -> None:
    assert answer.status == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == refusal(*INVALID, **details)


@pytest.mark.parametrize("endpoint", TAKING)
@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"message": "Hel',
        "{'message': 'Hello'}",
        '{"message": "Hello",}',
        '{"message": "Hello"} {}',
        "[" * DEEP + "]" * DEEP,
        "[" * DEEP,
        '{"message":' * DEEP + "1" + "}" * DEEP,
        '{"message": ' + "9" * 5_000 + "}",
        b'\xff\xfe{"message": "Hello"}',
        "undefined",
    ],
)
def test_a_body_has_to_be_json(send: Any, endpoint: str, body: str | bytes) -> None:
    answer = send(endpoint, body)

    assert (answer.status, answer.json()) == (400, NOT_JSON)


@pytest.mark.parametrize("endpoint", TAKING)
@pytest.mark.parametrize("body", ["null", "[]", '"Hello"', "1", "true", '[{"message": "Hello"}]'])
def test_a_body_has_to_be_an_object(send: Any, endpoint: str, body: str) -> None:
    wanted = "must be a JSON object, sent with Content-Type: application/json"

    assert_refused(send(endpoint, body), body=wanted)


@pytest.mark.parametrize("endpoint", TAKING)
def test_a_body_has_to_be_there(send: Any, endpoint: str) -> None:
    assert_refused(send(endpoint, ""), body="Required")


@pytest.mark.parametrize("endpoint", TAKING)
@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", ";;;"])
def test_a_body_has_to_be_declared_as_json(send: Any, endpoint: str, kind: str) -> None:
    answer = send(endpoint, '{"message": "Hello"}', **{"Content-Type": kind})

    assert answer.status == 400
    assert answer.json()["error"]["details"].keys() == {"body"}


STRING = "Input should be a valid string"
NO_TEXT = "Input should be a valid string, unable to parse raw data as a unicode string"
SHORT = "String should have at least 1 character"
BOOLEAN = "Input should be a valid boolean"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("5", STRING),
        ("true", STRING),
        ('["Hello"]', STRING),
        ('[{"type": "text", "text": "Hello"}]', STRING),
        ('{"text": "Hello"}', STRING),
        ('""', SHORT),
        ('" \\t\\n\\u00a0"', "must not be empty"),
        ('"Hello \\ud800"', NO_TEXT),
        (json.dumps("x" * 1_000_001), "String should have at most 1000000 characters"),
    ],
)
def test_a_message_is_a_text(send: Any, body: str, problem: str) -> None:
    assert_refused(send("chat", f'{{"message": {body}}}'), message=problem)


@pytest.mark.parametrize("endpoint", ["chat", "retry"])
@pytest.mark.parametrize("body", ['"true"', "1", "0", "null", "[]", "{}"])
def test_whether_to_stream_is_true_or_false(send: Any, endpoint: str, body: str) -> None:
    sent = f'{{"message": "Hello", "messageId": "x", "stream": {body}}}'

    assert_refused(send(endpoint, sent), stream=BOOLEAN)


@pytest.mark.parametrize("body", ["5", "true", "[]", "{}"])
def test_a_conversation_is_named_by_a_text(send: Any, body: str) -> None:
    sent = f'{{"message": "Hello", "conversationId": {body}}}'

    assert_refused(send("chat", sent), conversationId=STRING)


PATTERN = "String should match pattern '^[a-zA-Z0-9._-]+$'"


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        (5, STRING),
        (["ada"], STRING),
        ("", PATTERN),
        ("ada lovelace", PATTERN),
        ("ada@example.com", PATTERN),
        ("ada\n", PATTERN),
        ("ädä", PATTERN),
        ("a#b", PATTERN),
        ("a" * 129, "String should have at most 128 characters"),
        ("\ud800", NO_TEXT),
    ],
)
def test_a_user_has_a_plain_name(send: Any, user: Any, problem: str) -> None:
    sent = json.dumps({"message": "Hello", "userId": user})

    assert_refused(send("chat", sent), userId=problem)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{}", "Required"),
        ('{"message_id": "x"}', "Required"),
        ('{"messageId": null}', STRING),
        ('{"messageId": 5}', STRING),
        ('{"messageId": ["x"]}', STRING),
        ('{"messageId": ""}', SHORT),
        ('{"messageId": "\\ud800"}', NO_TEXT),
    ],
)
def test_a_retry_names_a_message(send: Any, body: str, problem: str) -> None:
    assert_refused(send("retry", body), messageId=problem)


def test_all_fields_at_fault_are_named(send: Any) -> None:
    sent = '{"message": 1, "conversationId": 2, "stream": 3, "userId": 4}'

    assert_refused(
        send("chat", sent),
        message=STRING,
        conversationId=STRING,
        stream=BOOLEAN,
        userId=STRING,
    )


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "String should have at least 1 character"),
        ("k" * 256, "String should have at most 255 characters"),
    ],
)
def test_a_request_is_named_by_a_short_text(send: Any, key: str, problem: str) -> None:
    headers = {**JSON, "Idempotency-Key": key}

    answer = send("chat", '{"message": "Hello"}', **headers)

    assert_refused(answer, **{"Idempotency-Key": problem})


def test_what_nobody_knows_is_left_alone(api: Api, agent: str, models: FakeModels) -> None:
    sent = {"message": "Hello", "stream": False, "model": "x", "temperature": 9}

    assert api.post(chat(agent), json=sent).status == 200


def test_what_may_be_left_out_may_be_null(api: Api, agent: str, models: FakeModels) -> None:
    sent = {"message": "Hello", "conversationId": None, "userId": None, "stream": False}

    assert api.post(chat(agent), json=sent).status == 200


# --- Credentials ----------------------------------------------------------------------------------

MISSING = refusal("AUTH_MISSING_API_KEY", "Authentication required")
UNKNOWN = refusal("AUTH_INVALID_API_KEY", "Invalid API key")
EXPIRED = refusal("AUTH_EXPIRED_API_KEY", "API key has expired")
FORBIDDEN = refusal(
    "AUTH_INSUFFICIENT_PERMISSIONS", "The API key does not have the permission that this takes"
)
RESTRICTED = refusal(
    "SUBSCRIPTION_API_RESTRICTED_PLAN",
    "A Standard plan or higher is required to access the API",
)


def answers(
    api: Api, agent: str, made: tuple[str, str, str], methods: str = "GET POST PATCH"
) -> Iterator[tuple[str, Response]]:
    """What every route but that of health answers to a good request."""
    conversation, _, answer = made
    before = stored()
    for route in routes("chatbase"):
        if "{" not in route.path or route.method not in methods:
            continue
        path = route.path.format(
            agent_id=agent, conversation_id=conversation, message_id=answer, user_id="ada"
        )
        sent = body_for(route.method, route.path, answer)
        yield f"{route.method} {route.path}", api.request(route.method, path, json=sent)
    assert stored() == before


def assert_unauthorized(
    api: Api, agent: str, made: tuple[str, str, str], told: dict[str, Any]
) -> None:
    for name, answer in answers(api, agent, made):
        assert (answer.status, answer.json()) == (401, told), name
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer   "},
        {"Authorization": "Basic bG9jYWw6a2V5"},
        {"X-API-Key": "rp_some-key"},
        {"Cookie": "session=rp_some-key"},
    ],
)
def test_without_a_key_nothing_is_done(
    agent: str, made: tuple[str, str, str], headers: dict[str, str]
) -> None:
    assert_unauthorized(Api(headers=headers), agent, made, MISSING)


@pytest.mark.parametrize(
    "token", ["rp_unknown-key-that-nobody-has", "x", "\u00fc \x7f~", "eyJhbGciOiJub25lIn0.e30."]
)
def test_with_an_unknown_one_neither(agent: str, made: tuple[str, str, str], token: str) -> None:
    assert_unauthorized(Api(token), agent, made, UNKNOWN)


def test_nor_with_a_revoked_one(agent: str, made: tuple[str, str, str]) -> None:
    key_id, secret = new_key(expires=time.time() - 1)
    keys.revoke(key_id, int(time.time() * 1000))

    assert_unauthorized(Api(secret), agent, made, UNKNOWN)


def test_nor_with_one_that_has_expired(agent: str, made: tuple[str, str, str]) -> None:
    _, secret = new_key(expires=time.time() - 1)

    assert_unauthorized(Api(secret), agent, made, EXPIRED)


def test_the_path_of_another_surface_has_its_own_words(aws: None) -> None:
    """That they are told apart here changes nothing elsewhere."""
    _, secret = new_key(expires=time.time() - 1)

    answer = Api(secret).get("/v1/chat/conversations")

    assert (answer.status, answer.json()["error"]["code"]) == (401, "AUTH_001")


@pytest.mark.parametrize(("scope", "methods"), [("read", "POST PATCH"), ("write", "GET")])
def test_a_key_does_what_its_scopes_say(
    agent: str, made: tuple[str, str, str], scope: str, methods: str
) -> None:
    _, secret = new_key(scopes=[scope])

    for name, answer in answers(Api(secret), agent, made, methods):
        assert (answer.status, answer.json()) == (403, FORBIDDEN), name


def test_a_plan_without_the_api_is_told_so(agent: str, made: tuple[str, str, str]) -> None:
    for name, answer in answers(new_client("free"), agent, made):
        assert (answer.status, answer.json()) == (403, RESTRICTED), name


def test_an_id_of_a_path_that_is_a_template_is_none(api: Api, agent: str) -> None:
    answer = api.get(conversations("%7BagentId%7D"))

    assert answer.status == 404


def test_every_route_but_that_of_health_lies_under_an_agent() -> None:
    outside = {r.path for r in routes("chatbase") if not r.path.startswith(f"{BASE}/agents/")}

    assert outside == {f"{BASE}/health"}

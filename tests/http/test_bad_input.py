"""Requests that cannot be meant: refused with a reason, in the surface's shape, nothing written."""

import base64
import json
import time
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from reprise.accounts import keys
from tests.api import Api, Response, everything_stored, new_key, routes
from tests.conversations import (
    BODIES,
    CONVERSATIONS,
    START,
    conversation,
    create,
    fill,
    message,
    messages,
    refusal,
    regenerate,
    send,
    stream,
)
from tests.models import FakeModels

JSON = {"Content-Type": "application/json"}
DEEP = 100_000

# How a request with a body is sent, by what it is for.
ENDPOINTS = {
    "create": ("POST", CONVERSATIONS),
    "rename": ("PATCH", conversation("{0}")),
    "send": ("POST", messages("{0}")),
    "stream": ("POST", stream("{0}")),
    "start": ("POST", START),
    "edit": ("PATCH", message("{1}")),
    "regenerate": ("POST", regenerate("{1}")),
}
TITLED = ("create", "rename", "start")
ASKING = ("send", "stream", "start", "edit")
ANSWERED = (*ASKING, "regenerate")
Ids = tuple[str, str]  # of a conversation, and of a user's message in it


def bad(*endpoints: str, **cases: str) -> list[Any]:
    """Cases of a table, each for every one of the endpoints. The bodies are JSON as it is sent."""
    return [
        pytest.param(endpoint, body, id=f"{endpoint}-{name}")
        for name, body in cases.items()
        for endpoint in endpoints
    ]


@pytest.fixture(scope="module")
def aws(shared_aws: None) -> None:
    """One table for all of these tests: they write nothing, or fail."""


@pytest.fixture(scope="module")
def api(aws: None) -> Api:
    return Api()


@pytest.fixture(scope="module")
def trip(api: Api) -> Ids:
    made = create(api)
    user, _ = send(api, made, "Hello")
    return made, user["id"]


@pytest.fixture
def made(trip: Ids, models: FakeModels) -> Iterator[Ids]:
    """A conversation with a message. However it is called, nothing stored may change and no model
    be asked.
    """
    before = everything_stored()
    yield trip
    assert everything_stored() == before
    assert models.requests == []


def call(api: Api, endpoint: str, made: Ids, body: str | bytes, **headers: str) -> Response:
    method, path = ENDPOINTS[endpoint]
    return api.request(method, path.format(*made), body=body, headers=headers or JSON)


def assert_refused(answer: Response, *fields: str) -> None:
    """A 400 that names what is at fault, in the surface's shape."""
    assert answer.status == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    details = answer.json()["error"]["details"]
    assert answer.json() == refusal("VALIDATION_001", "Invalid request", **details)
    assert sorted(details) == sorted(fields)
    assert all(details.values())
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        *ENDPOINTS,
        malformed="{",
        cut_off='{"content": "Hel',
        single_quotes="{'content': 'Hello'}",
        trailing_comma='{"content": "Hello",}',
        two_values='{"content": "Hello"} {}',
        a_list="[]",
        a_list_of_objects='[{"content": "Hello", "title": "Trip"}]',
        a_string='"Hello"',
        a_number="1",
        a_boolean="true",
        too_deep="[" * DEEP + "]" * DEEP,
        too_deep_and_open="[" * DEEP,
        too_deep_a_field='{"content":' * DEEP + "1" + "}" * DEEP,
        too_many_digits='{"temperature": ' + "9" * 5_000 + "}",
    ),
)
def test_a_body_has_to_be_a_json_object(api: Api, made: Ids, endpoint: str, body: str) -> None:
    assert_refused(call(api, endpoint, made, body), "body")


@pytest.mark.parametrize("endpoint", ["rename", *ASKING])
@pytest.mark.parametrize("body", ["", "null"])
def test_a_body_has_to_be_there(api: Api, made: Ids, endpoint: str, body: str) -> None:
    assert_refused(call(api, endpoint, made, body), "body")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/octet-stream",
        ";;;",
        "application/json-seq",
    ],
)
def test_a_body_has_to_be_declared_as_json(
    api: Api, made: Ids, endpoint: str, content_type: str
) -> None:
    body = '{"content": "Hello", "title": "Trip"}'

    answer = call(api, endpoint, made, body, **{"Content-Type": content_type})

    assert_refused(answer, "body")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bytes_that_are_no_text_are_no_json(api: Api, made: Ids, endpoint: str) -> None:
    assert_refused(call(api, endpoint, made, b'\xff\xfe{"content": "Hello"}'), "body")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        *ASKING,
        missing="{}",
        null='{"content": null}',
        a_number='{"content": 5}',
        a_boolean='{"content": true}',
        a_list='{"content": ["Hello"]}',
        parts='{"content": [{"type": "text", "text": "Hello"}]}',
        an_object='{"content": {"text": "Hello"}}',
        empty='{"content": ""}',
        blank='{"content": " \\t\\n\\u00a0"}',
        too_long=json.dumps({"content": "x" * 1_000_001}),
        lone_surrogate='{"content": "Hello \\ud800"}',
        halves_swapped='{"content": "\\udf0d\\ud83c"}',
        given_twice='{"content": "Hello", "content": 5}',
    ),
)
def test_content_has_to_be_a_text(api: Api, made: Ids, endpoint: str, body: str) -> None:
    assert_refused(call(api, endpoint, made, body), "content")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        *ANSWERED,
        below="-0.1",
        above="2.1",
        a_text='"0.7"',
        a_boolean="true",
        a_list="[0.7]",
        null="null",
        nan="NaN",
        infinity="Infinity",
        minus_infinity="-Infinity",
        overflow="1e999",
        huge="9" * 400,
    ),
)
def test_a_temperature_is_a_number_from_0_to_2(
    api: Api, made: Ids, endpoint: str, body: str
) -> None:
    sent = f'{{"content": "Hello", "temperature": {body}}}'

    assert_refused(call(api, endpoint, made, sent), "temperature")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        *ANSWERED,
        unknown='"no-such-model"',
        unknown_vendor='"nobody/nothing"',
        empty='""',
        white_space='" fake"',
        other_case='"FAKE"',
        a_number="4",
        a_boolean="false",
        a_list='["fake"]',
        an_object='{"name": "fake"}',
        too_long=json.dumps("x" * 10_000),
        traversal='"../../fake"',
        nul='"fake\\u0000"',
        lone_surrogate='"\\ud800"',
    ),
)
def test_a_model_is_one_of_those_there_are(api: Api, made: Ids, endpoint: str, body: str) -> None:
    sent = f'{{"content": "Hello", "model": {body}}}'

    assert_refused(call(api, endpoint, made, sent), "model")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        "send",
        "stream",
        unknown='"tool"',
        other_case='"User"',
        empty='""',
        null="null",
        a_number="1",
        a_list='["user"]',
        lone_surrogate='"\\ud800"',
    ),
)
def test_a_role_is_one_of_three(api: Api, made: Ids, endpoint: str, body: str) -> None:
    sent = f'{{"content": "Hello", "role": {body}}}'

    assert_refused(call(api, endpoint, made, sent), "role")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    bad(
        *TITLED,
        empty='""',
        blank='" \\n "',
        too_long=json.dumps("x" * 256),
        a_number="5",
        a_boolean="true",
        a_list="[]",
        an_object="{}",
        lone_surrogate='"\\ud800"',
    ),
)
def test_a_title_is_a_text_of_at_most_255_characters(
    api: Api, made: Ids, endpoint: str, body: str
) -> None:
    sent = f'{{"content": "Hello", "title": {body}}}'

    assert_refused(call(api, endpoint, made, sent), "title")


@pytest.mark.parametrize("body", ["{}", '{"title": null}', '{"is_pinned": true}'])
def test_a_new_title_has_to_be_there(api: Api, made: Ids, body: str) -> None:
    assert_refused(call(api, "rename", made, body), "title")


def test_all_fields_at_fault_are_named(api: Api, made: Ids) -> None:
    answer = call(api, "send", made, '{"content": 1, "role": 2, "model": 3, "temperature": 4}')

    assert_refused(answer, "content", "role", "model", "temperature")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=abc", "page"),
        ("page=", "page"),
        ("page=1.5", "page"),
        ("page=true", "page"),
        ("page=null", "page"),
        ("page=1000001", "page"),
        ("page=99999999999999999999", "page"),
        (f"page={'9' * 5_000}", "page"),
        ("page=%00", "page"),
        ("page=%ff", "page"),
        ("page=%D9%A1", "page"),
        ("page=2&page=0", "page"),
        ("limit=0", "limit"),
        ("limit=-5", "limit"),
        ("limit=101", "limit"),
        ("limit=1e1", "limit"),
        ("limit=ten", "limit"),
    ],
)
def test_pages_are_numbers_within_their_limits(api: Api, made: Ids, query: str, field: str) -> None:
    assert_refused(api.get(f"{CONVERSATIONS}?{query}"), field)


NO_IDS = {
    "garbage": "x",
    "null": "null",
    "a number": "1",
    "a padded number": "0373154035249587",
    "an id of another version": "9b2e6f0a-3c1d-4e5f-8a7b-0c1d2e3f4a5b",
    "an unknown id": "0a9b0a5b-abd4-8815-be96-fdacae4412ce",
    "the least id": "00000000-0000-8000-8000-000000000000",
    "the greatest id": "ffffffff-ffff-8fff-bfff-ffffffffffff",
    "dots": "..",
    "encoded dots": "%2e%2e",
    "traversal": "..%2f..%2faccounts",
    "a slash": "%2F",
    "twice encoded": "%252F",
    "NUL": "%00",
    "a line break": "%0A",
    "no UTF-8": "%ff%fe",
    "emoji": "%F0%9F%8C%8D",
    "very long": "a" * 5_000,
    "braces": "%7Bconversation_id%7D",
    "a key": "USER%230373154035249587%23CONV%230373154035249587",
    "wildcard": "*",
}


@pytest.mark.parametrize("no_id", NO_IDS.values(), ids=NO_IDS)
def test_what_is_no_id_is_not_found(api: Api, made: Ids, no_id: str) -> None:
    for route in routes("conversations"):
        if "{" not in route.path:
            continue
        path = route.path.format(conversation_id=no_id, message_id=no_id)

        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))

        assert answer.status == 404, f"{route.method} {path}: {answer.status}"
        what = answer.json()["error"]["message"].removesuffix(" not found")
        assert what in ("Conversation", "Message", "Route")
        assert answer.json() == refusal("NOT_FOUND_001", f"{what} not found")
        assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    "spoilt",
    [
        str.upper,
        lambda it: it[:-1],
        lambda it: it + "0",
        lambda it: it.replace("-", ""),
        lambda it: f"{{{it}}}",
        lambda it: it + "%2F",
        lambda it: it + "%2Fmessages",
        lambda it: it + "%00",
        lambda it: it + "%0A",
        lambda it: "%20" + it,
        lambda it: it[:-1] + ("0" if it[-1] != "0" else "1"),  # its last digit is random
    ],
)
def test_what_is_almost_an_id_is_not_found(api: Api, spoilt: Any) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")
    before = everything_stored()

    for route in routes("conversations"):
        if "{" in route.path:
            path = route.path.format(conversation_id=spoilt(made), message_id=spoilt(user["id"]))
            answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))
            assert answer.status == 404, f"{route.method} {path}: {answer.status}"

    assert everything_stored() == before


def test_a_body_may_begin_with_a_byte_order_mark(api: Api) -> None:
    answer = api.post(CONVERSATIONS, body='\ufeff{"title": "Trip"}', headers=JSON)

    assert answer.data["title"] == "Trip"


# --- Credentials ----------------------------------------------------------------------------------

METHODS = frozenset(("GET", "POST", "PATCH", "DELETE"))
NO_CREDENTIALS: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "scheme alone": "Bearer",
    "scheme and spaces": "Bearer   ",
    "another scheme": f"Basic {base64.b64encode(b'local:key').decode()}",
    "unknown key": "Bearer rp_unknown-key-that-nobody-has",
    "garbage": "Bearer \u00fc\u00e4 \x7f~",
    "a JWT": "Bearer eyJhbGciOiJub25lIn0.e30.",
    "very long": "Bearer " + "x" * 8_000,
    "a list": "Bearer a, Bearer b",
}


def refused(api: Api, methods: Collection[str] = METHODS) -> Iterator[tuple[str, Response]]:
    """What every route of the surface with one of the methods answers to a good request for a
    conversation and a message that are there. Nothing may be written.
    """
    owner = Api()
    made = create(owner)
    user, reply = send(owner, made, "Hello")
    before = everything_stored()
    for route in routes("conversations"):
        if route.method not in methods:
            continue
        path = fill(route.path, made, user["id"], reply["id"])
        yield (
            f"{route.method} {route.path}",
            api.request(route.method, path, json=BODIES.get((route.method, route.path))),
        )
    assert everything_stored() == before


def assert_unauthorized(api: Api) -> None:
    for name, answer in refused(api):
        assert answer.status == 401, f"{name}: {answer.text}"
        assert answer.json() == refusal("AUTH_001", "A valid API key is required")
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_without_a_valid_key_nothing_is_done(aws: None, header: str | None) -> None:
    assert_unauthorized(Api(headers={} if header is None else {"Authorization": header}))


def test_a_key_without_its_scheme_is_none(aws: None) -> None:
    _, secret = new_key()

    assert_unauthorized(Api(headers={"Authorization": secret}))
    assert_unauthorized(Api(headers={"Authorization": f"Token {secret}"}))
    assert_unauthorized(Api(headers={"X-API-Key": secret}))


def test_almost_a_key_is_none(aws: None) -> None:
    _, secret = new_key()

    for almost in (secret[:-1], secret + "x", secret.swapcase(), secret.removeprefix("rp_")):
        assert_unauthorized(Api(almost))


def test_the_hash_of_a_key_is_none(aws: None) -> None:
    _, secret = new_key()

    assert_unauthorized(Api(keys.digest(secret)))


def test_a_revoked_key_is_none(aws: None) -> None:
    key_id, secret = new_key()
    keys.revoke(key_id, int(time.time() * 1000))

    assert_unauthorized(Api(secret))


def test_an_expired_key_is_none(aws: None) -> None:
    _, secret = new_key(expires=time.time() - 1)

    assert_unauthorized(Api(secret))


def test_a_key_is_good_until_it_expires(aws: None) -> None:
    _, secret = new_key(expires=time.time() + 60)

    assert Api(secret).get(CONVERSATIONS).status == 200


def test_the_scheme_may_be_written_in_any_case(aws: None) -> None:
    _, secret = new_key()

    assert Api(headers={"Authorization": f"bearer  {secret} "}).get(CONVERSATIONS).status == 200


@pytest.mark.parametrize(
    ("scope", "missing", "methods"),
    [("read", "write", METHODS - {"GET"}), ("write", "read", {"GET"})],
)
def test_a_key_does_what_its_scopes_say(
    aws: None, scope: str, missing: str, methods: set[str]
) -> None:
    _, secret = new_key(scopes=[scope])

    for name, answer in refused(Api(secret), methods):
        assert answer.status == 403, name
        assert answer.json() == refusal(
            "AUTH_002", f"This API key does not have the scope '{missing}'"
        )


def test_a_key_of_one_scope_does_what_that_one_allows(aws: None) -> None:
    reader, writer = (Api(new_key(scopes=[scope])[1]) for scope in ("read", "write"))

    assert reader.get(CONVERSATIONS).status == 200
    assert writer.post(CONVERSATIONS).status == 201


def test_a_refused_id_does_not_tell_whether_somebody_has_it(api: Api, stranger: Api) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")

    theirs = stranger.get(message(user["id"])).json()["error"]
    unknown = stranger.get(message("0a9b0a5b-abd4-8815-be96-fdacae4412ce")).json()["error"]

    assert theirs == unknown

"""JWTs as credentials of the API, through the functions themselves."""

import asyncio
import io
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from conversations import list_conversations
from reprise.accounts import accounts, issuer, keys
from reprise.chat.ids import Mint
from reprise.web.app import logger
from tests.accounts.issuers import DISCOVERY, KEYS, FakeIssuer, Key, part, serving
from tests.api import Api, Response, everything_stored, new_key
from tests.capacity import measured
from tests.conversations import (
    CONVERSATIONS,
    START,
    assert_not_found,
    contents,
    conversation,
    create,
    refusal,
    send,
)
from tests.shapes import AN_ID

pytestmark = pytest.mark.usefixtures("aws")


def titles(api: Api) -> list[str]:
    return [each["title"] for each in api.get(CONVERSATIONS).data]


def assert_unauthorized(answer: Response) -> None:
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == refusal("AUTH_001", "A valid API key is required")


@pytest.fixture
def logs(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], str]]:
    """A function that gives everything that was logged or printed so far."""
    stream = io.StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    with caplog.at_level(logging.DEBUG):
        yield lambda: stream.getvalue() + caplog.text + "".join(capfd.readouterr())
    handler.setStream(before)


# --- What a JWT opens -----------------------------------------------------------------------------


def test_a_jwt_opens_an_account_of_its_own(trusted: FakeIssuer) -> None:
    api = Api(trusted.token_now(sub="ada"))

    made = api.post(CONVERSATIONS, json={"title": "Trip"})

    assert made.status == 201
    assert made.data["user_id"] == AN_ID
    assert titles(api) == ["Trip"]


def test_a_first_request_may_be_a_read(trusted: FakeIssuer) -> None:
    answer = Api(trusted.token_now()).get(CONVERSATIONS)

    assert (answer.status, answer.data) == (200, [])


def test_messages_are_answered(trusted: FakeIssuer) -> None:
    api = Api(trusted.token_now())
    made = create(api)
    user, reply = send(api, made, "Hello")

    streamed = api.stream(START, json={"content": "Hello again"})

    assert contents(api, made) == ["Hello", reply["content"]]
    assert user["content"] == "Hello"
    assert streamed.events()[0]["type"] == "conversation_created"


def test_the_next_token_of_somebody_opens_the_same(trusted: FakeIssuer) -> None:
    create(Api(trusted.token_now(sub="ada", jti="1")), "Trip")

    assert titles(Api(trusted.token_now(sub="ada", jti="2"))) == ["Trip"]


def test_those_of_others_do_not(trusted: FakeIssuer) -> None:
    ada, bob = Api(trusted.token_now(sub="ada")), Api(trusted.token_now(sub="bob"))
    made = create(ada)

    assert titles(bob) == []
    assert_not_found(bob.get(conversation(made)), "Conversation")
    assert_not_found(bob.delete(conversation(made)), "Conversation")
    assert titles(ada) == ["Trip"]


def test_nor_do_those_of_another_issuer(
    trusted: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(Api(trusted.token_now(sub="ada")))
    with serving(FakeIssuer()) as other:
        monkeypatch.setenv("OIDC_ISSUER", other.url)
        issuer.trusted.cache_clear()

        assert titles(Api(other.token_now(sub="ada"))) == []
        assert_unauthorized(Api(trusted.token_now(sub="ada")).get(CONVERSATIONS))


def test_api_keys_stay_what_they_are(trusted: FakeIssuer) -> None:
    by_key = Api()
    create(by_key)

    assert titles(by_key) == ["Trip"]
    assert titles(Api(trusted.token_now())) == []


def test_the_operator_can_make_a_key_for_such_an_account(trusted: FakeIssuer) -> None:
    create(Api(trusted.token_now(sub="ada")))
    name = accounts.subject_name(accounts.subject_digest(trusted.url, "ada"))

    _, secret = keys.create(Mint(), accounts.by_name(name))

    assert titles(Api(secret)) == ["Trip"]


def test_a_scope_of_a_token_is_all_it_allows(trusted: FakeIssuer) -> None:
    api = Api(trusted.token_now(scope="openid reprise/read"))

    assert api.get(CONVERSATIONS).status == 200
    assert api.post(CONVERSATIONS).status == 403


# --- What does not --------------------------------------------------------------------------------


def test_what_is_wrong_with_a_token_is_not_told(trusted: FakeIssuer) -> None:
    before = everything_stored()
    now = int(time.time())
    _, claims, signature = trusted.token_now().split(".")
    for token in (
        trusted.token_now(exp=now - 61),
        trusted.token_now(nbf=now + 120),
        trusted.token_now(aud="other"),
        trusted.token_now(iss="https://other.example.test"),
        trusted.token_now(sub=None),
        trusted.token_now(key=Key("second", which=2)),
        trusted.token_now(key=Key("first", which=2)),
        f"{part({'alg': 'none'})}.{claims}.",
        f"{part({'alg': 'HS256', 'kid': 'first'})}.{claims}.{signature}",
        f"{part({'alg': 'RS256', 'kid': ['first']})}.{claims}.{signature}",
        f"{part({'alg': 'RS256'})}.{part(b'[' * 50_000)}.{signature}",
        f"{part({'alg': 'RS256'})}.{part(b'not json')}.{signature}",
        f"{part(b'[' * 50_000)}.{claims}.{signature}",
        "a.b.c",
        "...",
    ):
        assert_unauthorized(Api(token).get(CONVERSATIONS))

    assert everything_stored() == before


def test_where_no_issuer_is_trusted_a_jwt_is_an_unknown_key(
    fake: FakeIssuer, nobody_trusted: None
) -> None:
    assert_unauthorized(Api(fake.token_now()).get(CONVERSATIONS))
    assert fake.asked == []


def test_a_key_that_looks_like_a_jwt_is_a_key_there(nobody_trusted: None) -> None:
    _, secret = new_key(secret=f"{part({'alg': 'local'})}.local.key")

    assert Api(secret).get(CONVERSATIONS).status == 200


@pytest.mark.parametrize("audience", ["", " "])
def test_an_issuer_without_an_audience_is_a_mistake_of_ours(
    trusted: FakeIssuer,
    monkeypatch: pytest.MonkeyPatch,
    logs: Callable[[], str],
    audience: str,
) -> None:
    monkeypatch.setenv("OIDC_AUDIENCE", audience)
    issuer.trusted.cache_clear()

    assert Api(trusted.token_now()).get(CONVERSATIONS).status == 500
    assert "OIDC_ISSUER and OIDC_AUDIENCE must both be set" in logs()
    assert Api().get(CONVERSATIONS).status == 200


# --- The issuer's part ----------------------------------------------------------------------------


def test_the_issuer_is_asked_once_for_all_requests(trusted: FakeIssuer) -> None:
    for subject in ("ada", "bob", "ada"):
        api = Api(trusted.token_now(sub=subject))
        assert api.get(CONVERSATIONS).status == 200
        assert api.post(CONVERSATIONS).status == 201

    assert trusted.asked == [DISCOVERY, KEYS]


def test_without_its_keys_nobody_is_called_unauthorized(
    trusted: FakeIssuer, logs: Callable[[], str]
) -> None:
    trusted.down = True

    answer = Api(trusted.token_now()).get(CONVERSATIONS)

    assert answer.status == 500
    expected = refusal("INTERNAL_001", "Something went wrong, please try again")
    assert answer.json() == expected
    assert "the issuer's keys cannot be had" in logs()
    assert Api().get(CONVERSATIONS).status == 200


def test_its_later_failures_are_not_noticed(trusted: FakeIssuer) -> None:
    api = Api(trusted.token_now())
    create(api)
    trusted.down = True

    assert titles(api) == ["Trip"]


async def test_others_do_not_wait_while_it_is_slow(trusted: FakeIssuer) -> None:
    trusted.slow = 0.2
    transport = httpx.ASGITransport(list_conversations.app)
    headers = {"Authorization": f"Bearer {trusted.token_now()}"}
    turns = 0

    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        asking = asyncio.create_task(client.get(CONVERSATIONS, headers=headers))
        while not asking.done():
            await asyncio.sleep(0.01)
            turns += 1

    assert (await asking).status_code == 200
    assert turns > 10


# --- What it costs --------------------------------------------------------------------------------


def test_a_known_caller_is_admitted_in_one_read(trusted: FakeIssuer) -> None:
    api = Api(trusted.token_now())
    made = create(api)

    with measured() as cost:
        api.get(conversation(made))

    assert cost.operations == ["GetItem", "Query"]


def test_a_message_takes_three_round_trips_to_the_model_the_very_first_four(
    trusted: FakeIssuer,
) -> None:
    api = Api(trusted.token_now())

    with measured(units=False) as first:
        api.stream(START, json={"content": "Hello"})
    with measured(units=False) as second:
        api.stream(START, json={"content": "Hello"})

    assert second.operations[:3] == ["GetItem", "UpdateItem", "TransactWriteItems"]
    assert first.operations[:4] == ["GetItem", "TransactWriteItems", *second.operations[1:3]]


def test_nothing_of_a_token_is_logged(trusted: FakeIssuer, logs: Callable[[], str]) -> None:
    tokens = [
        trusted.token_now(sub="ada@example.test"),
        trusted.token_now(sub="ada@example.test", aud="other"),
        trusted.token_now(sub="ada@example.test", key=Key(which=2)),
    ]
    for token in tokens:
        Api(token).get(CONVERSATIONS)

    logged = logs()
    assert "JWT refused" in logged
    assert not any(piece in logged for token in tokens for piece in token.split("."))
    assert "ada@example.test" not in logged


SCRIPT = """
import os, sys
trusted = {name: os.environ[name] for name in ("OIDC_ISSUER", "OIDC_AUDIENCE")}
from tests import conftest  # which clears them
os.environ |= trusted
from tests.api import Api
from moto import mock_aws
import joserfc, cryptography  # moto's own

def loaded():
    return "jwt" in sys.modules

with mock_aws():
    conftest.backend.create(
        conftest.DESIGN, conftest._client("dynamodb"), conftest._client("s3")
    )
    Api().get("/v1/chat/conversations")
    Api("not.a.jwt").get("/v1/chat/conversations")
    print(loaded())
    Api(sys.argv[1]).get("/v1/chat/conversations")
    print(loaded())
"""


def test_its_library_is_loaded_for_those_who_bring_one(trusted: FakeIssuer) -> None:
    command = [sys.executable, "-c", SCRIPT, trusted.token_now()]

    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout.split() == ["False", "True"]

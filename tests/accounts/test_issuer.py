"""The issuer's keys: when it is asked for them, and what becomes of tokens when it does not answer.

Times are seconds after NOW.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, IncompleteRead, InvalidURL
from typing import Any

import pytest

from reprise.accounts import issuer as issuer_module
from reprise.accounts.issuer import (
    KEPT,
    MAX_BYTES,
    PAUSE,
    RETRY,
    Issuer,
    KeysUnavailable,
    Settings,
)
from tests.accounts.issuers import DISCOVERY, KEYS, NOW, FakeIssuer, Key, serving


def has_key(issuer: Issuer, kid: str | None, at: float = 0, algorithm: str = "RS256") -> bool:
    found = issuer.key(kid, algorithm, NOW + at)
    assert found is None or kid in (None, found.get("kid"))
    return found is not None


# --- When it is asked -----------------------------------------------------------------------------


def test_it_is_not_asked_before_there_is_a_token(fake: FakeIssuer, issuer: Issuer) -> None:
    assert fake.asked == []


def test_its_keys_are_where_its_discovery_document_says(fake: FakeIssuer, issuer: Issuer) -> None:
    assert has_key(issuer, "first")
    assert fake.asked == [DISCOVERY, KEYS]


def test_they_are_kept(fake: FakeIssuer, issuer: Issuer) -> None:
    for at in (0, 1, PAUSE + 1, KEPT - 1):
        assert has_key(issuer, "first", at)

    assert fake.asked.count(KEYS) == 1


def test_for_an_hour(fake: FakeIssuer, issuer: Issuer) -> None:
    has_key(issuer, "first")
    fake.keys = [Key("second")]

    assert has_key(issuer, "first", KEPT - 1)
    assert not has_key(issuer, "first", KEPT)
    assert has_key(issuer, "second", KEPT)
    assert fake.asked.count(KEYS) == 2


def test_a_new_key_is_found_when_its_first_token_comes(fake: FakeIssuer, issuer: Issuer) -> None:
    has_key(issuer, "first")
    fake.keys = [Key("first"), Key("second", which=2)]

    assert has_key(issuer, "second", PAUSE)
    assert has_key(issuer, "first", PAUSE)
    assert fake.asked.count(KEYS) == 2


def test_unknown_keys_make_it_be_asked_once_a_minute_at_most(
    fake: FakeIssuer, issuer: Issuer
) -> None:
    for at in range(0, 5 * PAUSE, 5):
        assert not has_key(issuer, f"made-up-{at}", at)

    assert fake.asked.count(KEYS) == 5


def test_a_rotation_within_that_minute_shows_after_it(fake: FakeIssuer, issuer: Issuer) -> None:
    has_key(issuer, "first")
    fake.keys = [Key("second")]

    assert not has_key(issuer, "second", PAUSE - 1)
    assert has_key(issuer, "second", PAUSE)


def test_many_at_once_ask_once(fake: FakeIssuer, issuer: Issuer) -> None:
    fake.slow = 0.05
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda _: has_key(issuer, "first"), range(16)))

    assert fake.asked == [DISCOVERY, KEYS]


def test_who_has_a_key_does_not_wait_for_its_renewal(fake: FakeIssuer) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def fetch(url: str) -> bytes:
        asked.set()
        assert may_answer.wait(5)
        return fake.fetch(url)

    issuer = Issuer(fake.settings, fetch)
    may_answer.set()
    has_key(issuer, "first")
    asked.clear()
    may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(has_key, issuer, "first", KEPT)
        assert asked.wait(5)

        assert has_key(issuer, "first", KEPT)
        assert not renewal.done()

        may_answer.set()
        assert renewal.result()


# --- Which key ------------------------------------------------------------------------------------


def test_a_token_without_a_key_id_means_the_only_key(fake: FakeIssuer, issuer: Issuer) -> None:
    fake.keys = [Key("first"), Key("second", "ES256")]

    assert has_key(issuer, None)
    assert has_key(issuer, None, algorithm="ES256")
    assert not has_key(issuer, None, algorithm="ES384")


def test_among_several_it_means_none(fake: FakeIssuer, issuer: Issuer) -> None:
    fake.keys = [Key("first"), Key("second", which=2)]

    assert not has_key(issuer, None)


def test_keys_of_other_curves_are_others(fake: FakeIssuer, issuer: Issuer) -> None:
    both = [Key(None, "ES256").jwk(), Key(None, "ES384").jwk()]
    for key in both:
        del key["alg"]
    fake.jwks = {"keys": both}

    assert has_key(issuer, None, algorithm="ES256")
    assert has_key(issuer, None, algorithm="ES384")
    assert not has_key(issuer, None, algorithm="ES512")


def test_keys_for_other_ends_are_passed_over(fake: FakeIssuer, issuer: Issuer) -> None:
    usual = Key().jwk()
    others: list[Any] = [
        {**usual, "use": "enc"},
        {**usual, "key_ops": ["sign"]},
        {**usual, "key_ops": "verify"},
        {**usual, "kty": "oct", "k": "c2VjcmV0"},
        {**usual, "d": "AQAB"},
        {**usual, "alg": "RSA-OAEP"},
        {**usual, "alg": None},
        {"kty": None},
        "key",
        None,
    ]
    fake.jwks = {"keys": [*others, {**usual, "key_ops": ["verify"]}]}

    assert has_key(issuer, "first")


# --- When it does not answer ----------------------------------------------------------------------


def test_without_any_keys_no_token_can_be_judged(fake: FakeIssuer, issuer: Issuer) -> None:
    fake.down = True

    with pytest.raises(KeysUnavailable):
        issuer.key("first", "RS256", NOW)


def test_then_it_is_asked_again_soon(fake: FakeIssuer, issuer: Issuer) -> None:
    fake.down = True
    for at in (0.0, 1, RETRY - 1):
        with pytest.raises(KeysUnavailable):
            issuer.key("first", "RS256", NOW + at)
    assert fake.asked == [DISCOVERY]
    fake.down = False

    assert has_key(issuer, "first", RETRY)


def test_old_keys_stay_good_while_new_ones_cannot_be_had(fake: FakeIssuer, issuer: Issuer) -> None:
    has_key(issuer, "first")
    fake.down = True

    assert has_key(issuer, "first", KEPT)
    assert has_key(issuer, "first", 24 * KEPT)
    assert not has_key(issuer, "second", 48 * KEPT)


def test_then_it_is_asked_once_a_minute(fake: FakeIssuer, issuer: Issuer) -> None:
    has_key(issuer, "first")
    fake.down = True

    for at in range(KEPT, KEPT + 3 * PAUSE, 5):
        has_key(issuer, "first", at)
    assert fake.asked.count(DISCOVERY) == 1 + 3

    fake.down, fake.keys = False, [Key("second")]
    assert has_key(issuer, "second", KEPT + 3 * PAUSE)


def test_that_is_logged(fake: FakeIssuer, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    fake.down = True
    with pytest.raises(KeysUnavailable):
        issuer.key("first", "RS256", NOW)

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.__dict__["issuer"] == fake.url
    assert record.__dict__["reason"].startswith("ConnectionError: ")
    assert record.__dict__["kept"] == 0


# --- What it may answer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": None},
        {"issuer": "https://issuer.example.test"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "http://issuer.example.test/keys"},
        {"jwks_uri": "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next"},
        {"jwks_uri": "http://169.254.170.2/credentials"},
        {"jwks_uri": "http://127.0.0.1.example.test/keys"},
        {"jwks_uri": "https://user:password@issuer.example.test/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://issuer.example.test/ke ys"},
    ],
)
def test_a_document_that_cannot_be_its_leads_nowhere(
    fake: FakeIssuer, issuer: Issuer, described: dict[str, Any]
) -> None:
    fake.described = described

    with pytest.raises(KeysUnavailable):
        issuer.key("first", "RS256", NOW)
    assert fake.asked == [DISCOVERY]


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": []}, {"keys": None}, {"keys": {}}, [], 7, {"keys": [{"kty": "oct"}]}]
)
def test_no_keys_are_not_taken_for_its_keys(fake: FakeIssuer, issuer: Issuer, jwks: object) -> None:
    has_key(issuer, "first")
    fake.jwks = jwks

    assert has_key(issuer, "first", KEPT)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"9" * 5_000])
def test_nor_is_what_is_not_json(fake: FakeIssuer, body: bytes) -> None:
    issuer = Issuer(fake.settings, lambda _: body)

    with pytest.raises(KeysUnavailable):
        issuer.key("first", "RS256", NOW)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        socket.gaierror(),
        ssl.SSLError(),
        BadStatusLine("x"),
        IncompleteRead(b"x"),
        InvalidURL(),
        UnicodeError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_asking_may_fail_in_many_ways(fake: FakeIssuer, error: Exception) -> None:
    def fetch(_: str) -> bytes:
        raise error

    with pytest.raises(KeysUnavailable):
        Issuer(fake.settings, fetch).key("first", "RS256", NOW)


def test_an_issuer_with_a_slash_at_its_end_is_asked_with_one() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        raise ConnectionError

    with pytest.raises(KeysUnavailable):
        Issuer(Settings("https://a.example.test/", frozenset("x")), fetch).key(None, "RS256", NOW)
    assert asked == [f"https://a.example.test{DISCOVERY}"]


# --- Over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
def served(fake: FakeIssuer) -> Iterator[FakeIssuer]:
    with serving(fake):
        yield fake


def test_it_is_asked_over_http(served: FakeIssuer) -> None:
    assert has_key(Issuer(served.settings), "first")
    assert served.asked == [DISCOVERY, KEYS]


def test_its_keys_may_need_a_query(served: FakeIssuer) -> None:
    served.described = {"jwks_uri": f"{served.url}{KEYS}?policy=x"}

    assert has_key(Issuer(served.settings), "first")


@pytest.mark.parametrize("status", [201, 301, 302, 307, 400, 404, 500, 503])
def test_other_answers_than_200_are_none(served: FakeIssuer, status: int) -> None:
    served.status = status

    with pytest.raises(KeysUnavailable):
        Issuer(served.settings).key("first", "RS256", NOW)
    assert served.asked == [DISCOVERY, KEYS]


def test_an_answer_has_a_bound(served: FakeIssuer) -> None:
    served.jwks = json.dumps({"keys": [Key().jwk()]}).encode() + b" " * MAX_BYTES

    with pytest.raises(KeysUnavailable):
        Issuer(served.settings).key("first", "RS256", NOW)


def test_nobody_waits_for_it_for_long(served: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_module, "TIMEOUT", 0.1)
    served.slow = 1
    began = time.monotonic()

    with pytest.raises(KeysUnavailable):
        Issuer(served.settings).key("first", "RS256", NOW)
    assert time.monotonic() - began < 0.5


def test_it_may_not_be_there_at_all(served: FakeIssuer) -> None:
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:99999", "https://127.0.0.1:1"):
        with pytest.raises(KeysUnavailable):
            Issuer(Settings(url, frozenset("x"))).key("first", "RS256", NOW)


def test_https_needs_a_certificate_that_is_trusted(served: FakeIssuer) -> None:
    issuer = Issuer(Settings(served.url.replace("http:", "https:"), frozenset("x")))

    with pytest.raises(KeysUnavailable):
        issuer.key("first", "RS256", NOW)
    assert issuer_module._tls().check_hostname


# --- How it is named ------------------------------------------------------------------------------


def test_without_a_name_there_is_none() -> None:
    assert Settings.read({}) is None
    assert Settings.read({"OIDC_ISSUER": "", "OIDC_AUDIENCE": " "}) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_aBcDeF123",
        "https://tenant.eu.auth0.com/",
        "https://accounts.google.com",
        "https://keycloak.example.test:8443/realms/chat",
        "http://127.0.0.1:8080/realms/chat",
        "http://localhost:8080",
        "http://[::1]:8080",
    ],
)
def test_it_is_named_by_its_url(url: str) -> None:
    read = Settings.read({"OIDC_ISSUER": url, "OIDC_AUDIENCE": " web  mobile"})

    assert read == Settings(url, frozenset({"web", "mobile"}))


@pytest.mark.parametrize(
    "environ",
    [
        {"OIDC_ISSUER": "https://issuer.example.test"},
        {"OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "issuer.example.test", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "http://issuer.example.test", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "http://localhost.example.test", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "https://issuer.example.test/?a=b", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "https://issuer.example.test/#a", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "https://user@issuer.example.test", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "https://issuer.example.test/a b", "OIDC_AUDIENCE": "web"},
        {"OIDC_ISSUER": "file:///etc/passwd", "OIDC_AUDIENCE": "web"},
    ],
)
def test_what_cannot_be_meant_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="OIDC_ISSUER"):
        Settings.read(environ)


def test_a_document_is_json_of_any_layout(fake: FakeIssuer) -> None:
    def fetch(url: str) -> bytes:
        return b"\xef\xbb\xbf" + json.dumps(json.loads(fake.fetch(url)), indent=4).encode()

    assert has_key(Issuer(fake.settings, fetch), "first")

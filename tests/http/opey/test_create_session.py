"""POST /create-session, and what its cookie is."""

import time

import pytest

from reprise.accounts import accounts, keys
from reprise.chat.ids import Mint
from reprise.store.sessions import SessionItem
from tests.accounts.issuers import FakeIssuer
from tests.api import Api, everything_stored, new_key
from tests.opey import (
    LOG_IN,
    ORIGIN,
    TAMPERED,
    UNKNOWN_SESSION,
    Visitor,
    morsel_of,
    say,
    secret_of,
    turn,
)

CREATE = "/create-session"
TWO_WEEKS = 14 * 24 * 3600
MISSING = {
    "detail": "Missing Authorization headers. Must provide one of: "
    "'Authorization: Bearer <token>' or 'Consent-Id'"
}
INVALID_TOKEN = {"detail": "Invalid Bearer token"}


def test_a_key_makes_a_session_of_its_account(api: Api) -> None:
    answer = api.post(CREATE)

    assert answer.status == 200
    assert answer.json() == {
        "message": "Authenticated session created",
        "session_type": "authenticated",
        "usage_limits": {},
    }
    assert Visitor(secret_of(answer)).get("/usage").json()["unlimited_usage"] is True


def test_a_jwt_does_too(aws: None, trusted: FakeIssuer) -> None:
    answer = Api(trusted.token_now(sub="ada")).post(CREATE)

    assert answer.json()["session_type"] == "authenticated"
    assert say(Visitor(secret_of(answer)), "Hello").events()


@pytest.mark.parametrize("sent", [{"json": {}}, {"body": ""}, {"body": "{"}, {"json": [5]}])
def test_its_body_is_not_read(api: Api, sent: dict[str, object]) -> None:
    assert api.post(CREATE, **sent).status == 200


def test_its_threads_are_the_accounts(api: Api) -> None:
    first, second = Visitor(secret_of(api.post(CREATE))), Visitor(secret_of(api.post(CREATE)))
    thread, *_ = turn(first, "Hello", "trip")

    assert second.get(f"/threads/{thread}/messages").json()["message_count"] == 2


def test_a_plan_without_the_api_may_log_in(aws: None) -> None:
    """This is a front end's, and such plans are for those who use front ends."""
    account = accounts.create(Mint(), "free-of-charge", "free")
    _, secret = keys.create(Mint(), account)

    visitor = Visitor(key=secret)

    assert say(visitor, "Hello").status == 200


def test_a_key_that_may_only_read_makes_a_session_that_may_only_read(aws: None) -> None:
    visitor = Visitor(key=new_key(scopes=["read"])[1])

    refused = visitor.post("/stream", json={"message": "Hello"})

    assert visitor.get("/threads/any/messages").status == 200
    assert refused.status == 403
    assert refused.json()["error"] == LOG_IN
    assert refused.json()["error_code"] == "authentication_failed"
    assert "scope" in refused.json()["message"]
    assert "x-ratelimit-remaining" in refused.headers
    assert visitor.post("/delete-session").status == 200


# --- The cookie -----------------------------------------------------------------------------------


def test_the_cookie_is_for_this_api_alone_and_two_weeks(api: Api) -> None:
    morsel = morsel_of(api.post(CREATE))

    assert morsel["httponly"] is True
    assert morsel["max-age"] == str(TWO_WEEKS)
    assert morsel["path"] == "/"
    assert morsel["domain"] == ""


def test_on_lambda_it_is_secure_and_of_any_site(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "CreateSession")

    morsel = morsel_of(api.post(CREATE))

    assert (morsel["secure"], morsel["samesite"]) == (True, "none")


@pytest.mark.parametrize("same_site", ["none", "lax", "strict"])
def test_its_site_is_a_setting(api: Api, monkeypatch: pytest.MonkeyPatch, same_site: str) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "CreateSession")
    monkeypatch.setenv("COOKIE_SAME_SITE", same_site)

    assert morsel_of(api.post(CREATE))["samesite"] == same_site


@pytest.mark.parametrize(("same_site", "told"), [("none", "lax"), ("strict", "strict")])
def test_on_this_machine_it_works_without_https(
    api: Api, monkeypatch: pytest.MonkeyPatch, same_site: str, told: str
) -> None:
    """Browsers refuse SameSite=None without Secure."""
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "CreateSession")
    monkeypatch.setenv("COOKIE_SAME_SITE", same_site)

    morsel = morsel_of(api.post(CREATE))

    assert (morsel["secure"], morsel["samesite"]) == ("", told)


def test_what_is_stored_is_not_what_is_in_the_cookie(api: Api) -> None:
    secret = secret_of(api.post(CREATE))

    assert "SESSION#" in str(everything_stored())
    assert secret not in str(everything_stored())


def test_logging_in_rotates_it(api: Api) -> None:
    """A cookie that somebody else has put there must not become that of who logs in."""
    before = secret_of(api.post(CREATE))

    after = secret_of(api.post(CREATE, headers={"Cookie": f"session={before}"}))

    assert after != before
    assert Visitor(after).get("/usage").status == 200
    assert Visitor(before).get("/usage").status == 403


def test_a_cookie_of_any_form_is_no_hindrance(api: Api) -> None:
    for cookie in ("session=junk", "session=", "other=1; session=a; session=b", "=;=", "ä=ö"):
        assert api.post(CREATE, headers={"Cookie": cookie}).status == 200


def test_after_two_weeks_it_is_good_for_nothing(visitor: Visitor) -> None:
    (item,) = SessionItem.scan(SessionItem.pk.startswith("SESSION#"))
    assert time.time() + TWO_WEEKS - 60 < item.ttl <= time.time() + TWO_WEEKS
    item.ttl = int(time.time())
    item.save()

    refused = visitor.get("/usage")

    assert (refused.status, refused.json()) == (403, UNKNOWN_SESSION)


def test_with_its_plan_it_ends_too(visitor: Visitor) -> None:
    """Who logs in again is on the plan that their account is on by now."""
    (item,) = SessionItem.scan(SessionItem.pk.startswith("SESSION#"))
    item.plan = "discontinued"
    item.save()

    refused = visitor.post("/stream", json={"message": "Hello"})

    assert (refused.status, refused.json()) == (403, UNKNOWN_SESSION)


# --- Refusals -------------------------------------------------------------------------------------


def test_without_credentials_there_is_none(aws: None) -> None:
    answer = Api.anonymous().post(CREATE)

    assert (answer.status, answer.json()) == (401, MISSING)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "sent", ["Bearer rp_unknown", "Bearer a.b.c", "Bearer ", "Bearer", "Basic YTpi", "rp_unknown"]
)
def test_an_invalid_token_makes_none(aws: None, monkeypatch: pytest.MonkeyPatch, sent: str) -> None:
    """Nor an anonymous one: who shows a token wants to be somebody."""
    monkeypatch.setenv("ALLOW_ANONYMOUS_SESSIONS", "true")

    answer = Api.anonymous().post(CREATE, headers={"Authorization": sent})

    assert (answer.status, answer.json()) == (401, INVALID_TOKEN)


def test_revoked_and_expired_keys_make_none(aws: None) -> None:
    key_id, revoked = new_key()
    keys.revoke(key_id, 1)
    _, expired = new_key(expires=time.time() - 1)

    for secret in (revoked, expired):
        answer = Api(secret).post(CREATE)
        assert (answer.status, answer.json()) == (401, INVALID_TOKEN)


def test_consents_are_not_taken(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_ANONYMOUS_SESSIONS", "true")

    answer = Api.anonymous().post(CREATE, headers={"Consent-Id": "c1"})

    assert (answer.status, answer.json()) == (401, {"detail": "Invalid Consent-Id"})


def test_a_token_goes_over_a_consent(api: Api) -> None:
    assert api.post(CREATE, headers={"Consent-Id": "c1"}).status == 200


def test_pages_of_other_origins_get_none(api: Api) -> None:
    before = everything_stored()

    answer = api.post(CREATE, headers={"Origin": "https://evil.example"})

    assert answer.status == 403
    assert answer.json()["error_code"] == "origin_not_allowed"
    assert everything_stored() == before
    assert api.post(CREATE, headers={"Origin": ORIGIN}).status == 200


def test_a_tampered_cookie_is_not_an_unknown_one(visitor: Visitor) -> None:
    """Front ends ask for another session at 401, and for a login at 403."""
    secret = visitor.secret
    for tampered in (secret[:-1], secret + "A", secret[:-1] + "!", "é", secret.replace("", " ")):
        answer = Api(headers={"Cookie": f"session={tampered}"}).get("/usage")
        assert (answer.status, answer.json()) == (401, TAMPERED), tampered
    other = ("A" if secret[0] != "A" else "B") + secret[1:]
    answer = Api(headers={"Cookie": f"session={other}"}).get("/usage")
    assert (answer.status, answer.json()) == (403, UNKNOWN_SESSION)

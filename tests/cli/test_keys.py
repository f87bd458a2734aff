"""`reprise keys`."""

import json
import re
import time
from datetime import UTC, datetime

import pytest

from reprise.accounts import accounts, keys
from reprise.chat.ids import Mint
from tests.api import Api, everything_stored
from tests.calls import Call, intercept
from tests.cli.conftest import Reprise
from tests.conversations import CONVERSATIONS
from tests.shapes import AN_ID

UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"


def day(seconds_from_now: float = 0) -> str:
    return datetime.fromtimestamp(time.time() + seconds_from_now, UTC).date().isoformat()


@pytest.fixture
def reprise_with_ada(reprise: Reprise) -> Reprise:
    """With an account `ada`."""
    reprise("accounts", "create", "ada")
    return reprise


def create(reprise: Reprise, *options: str) -> str:
    return reprise("keys", "create", "--account", "ada", *options).out.strip()


def listed(reprise: Reprise) -> list[list[str]]:
    """The rows of `keys list`: id, made, scopes, last used, state."""
    _, *rows = reprise("keys", "list", "--account", "ada").out.splitlines()
    return [re.split(r" {2,}", row) for row in rows]


def test_the_secret_stands_alone_on_stdout(reprise_with_ada: Reprise) -> None:
    made = reprise_with_ada("keys", "create", "--account", "ada")

    assert made.status == 0
    assert re.fullmatch(r"rp_[A-Za-z0-9_-]{43}\n", made.out)
    assert re.fullmatch(r"key \S{36} of ada; its secret is shown this once:\n", made.err)
    assert made.err.split()[1] == AN_ID


def test_the_secret_opens_the_api(reprise_with_ada: Reprise) -> None:
    api = Api(create(reprise_with_ada))

    assert api.post(CONVERSATIONS, json={"title": "Trip"}).status == 201
    assert api.get(CONVERSATIONS).data[0]["title"] == "Trip"


def test_all_keys_of_an_account_open_the_same(reprise_with_ada: Reprise) -> None:
    first, second = (Api(create(reprise_with_ada)) for _ in range(2))

    first.post(CONVERSATIONS, json={"title": "Trip"})

    assert [each["title"] for each in second.get(CONVERSATIONS).data] == ["Trip"]


def test_only_the_hash_of_a_secret_is_stored(reprise_with_ada: Reprise) -> None:
    secret = create(reprise_with_ada)

    stored = json.dumps(everything_stored())

    assert secret not in stored
    assert secret.removeprefix("rp_") not in stored
    assert keys.digest(secret) in stored


def test_no_two_secrets_are_alike(reprise_with_ada: Reprise) -> None:
    assert len({create(reprise_with_ada) for _ in range(5)}) == 5


def test_a_key_may_be_for_reading_only(reprise_with_ada: Reprise) -> None:
    api = Api(create(reprise_with_ada, "--scope", "read"))

    assert api.get(CONVERSATIONS).status == 200
    assert api.post(CONVERSATIONS).status == 403


def test_both_scopes_are_given_by_naming_both(reprise_with_ada: Reprise) -> None:
    api = Api(create(reprise_with_ada, "--scope", "read", "--scope", "write"))

    assert api.get(CONVERSATIONS).status == 200
    assert api.post(CONVERSATIONS).status == 201


def test_a_scope_that_there_is_not_is_refused(reprise_with_ada: Reprise) -> None:
    refused = reprise_with_ada("keys", "create", "--account", "ada", "--scope", "admin")

    assert refused.status == 2
    assert "admin" in refused.err


def test_a_key_may_be_valid_for_some_days(reprise_with_ada: Reprise) -> None:
    secret = create(reprise_with_ada, "--days", "30")

    assert listed(reprise_with_ada)[0][4] == f"valid until {day(30 * 86_400)}"
    assert Api(secret).get(CONVERSATIONS).status == 200


def test_or_for_less_than_one(reprise_with_ada: Reprise) -> None:
    secret = create(reprise_with_ada, "--days", "0.000001")

    time.sleep(0.1)

    assert Api(secret).get(CONVERSATIONS).status == 401


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "36501"])
def test_but_not_for_any_number_of_them(reprise_with_ada: Reprise, days: str) -> None:
    before = everything_stored()

    refused = reprise_with_ada("keys", "create", "--account", "ada", f"--days={days}")

    assert refused.status == 1
    assert refused.err == "reprise: days: must be more than 0, at most 36500\n"
    assert everything_stored() == before


@pytest.mark.parametrize("verb", ["create", "list"])
def test_an_account_that_there_is_not_has_no_keys(reprise: Reprise, verb: str) -> None:
    refused = reprise("keys", verb, "--account", "nobody")

    assert refused.status == 1
    assert refused.out == ""
    assert refused.err == "reprise: Account nobody not found\n"


def test_an_accounts_keys_are_listed_in_the_order_of_their_making(
    reprise_with_ada: Reprise,
) -> None:
    ids = [
        reprise_with_ada("keys", "create", "--account", "ada", *options).err.split()[1]
        for options in ((), ("--scope", "read"), ("--scope", "write"))
    ]

    assert listed(reprise_with_ada) == [
        [ids[0], day(), "read,write", "never", "valid"],
        [ids[1], day(), "read", "never", "valid"],
        [ids[2], day(), "write", "never", "valid"],
    ]


def test_the_list_has_a_head_and_no_secrets(reprise_with_ada: Reprise) -> None:
    secret = create(reprise_with_ada)

    out = reprise_with_ada("keys", "list", "--account", "ada").out

    assert out.splitlines()[0].split() == ["ID", "MADE", "SCOPES", "LAST", "USED", "STATE"]
    assert secret not in out
    assert keys.digest(secret) not in out


def test_an_account_without_keys_has_an_empty_list(reprise_with_ada: Reprise) -> None:
    assert listed(reprise_with_ada) == []


def test_the_keys_of_others_are_not_listed(reprise_with_ada: Reprise) -> None:
    reprise_with_ada("accounts", "create", "bob")
    reprise_with_ada("keys", "create", "--account", "bob")

    assert listed(reprise_with_ada) == []


def test_an_expired_key_is_listed_as_such(reprise_with_ada: Reprise) -> None:
    keys.create(Mint(), accounts.by_name("ada"), expires=time.time() - 86_400)

    assert listed(reprise_with_ada)[0][4] == f"expired {day(-86_400)}"


def test_the_day_of_its_last_use_is_listed(reprise_with_ada: Reprise) -> None:
    api = Api(create(reprise_with_ada))
    assert listed(reprise_with_ada)[0][3] == "never"

    api.get(CONVERSATIONS)

    assert listed(reprise_with_ada)[0][3] == day()


def test_that_day_is_written_once(reprise_with_ada: Reprise) -> None:
    api, written = Api(create(reprise_with_ada)), []

    def note(call: Call) -> object:
        if call.operation == "UpdateItem" and "KEY" in call.sort_keys:
            written.append(call)
        return call.proceed()

    with intercept(note):
        for _ in range(3):
            api.get(CONVERSATIONS)

    assert len(written) == 1


def test_a_refused_request_is_no_use_of_a_key(reprise_with_ada: Reprise) -> None:
    api = Api(create(reprise_with_ada, "--scope", "read"))

    api.post(CONVERSATIONS)

    assert listed(reprise_with_ada)[0][3] == "never"


def test_a_revoked_key_opens_nothing_from_then_on(reprise_with_ada: Reprise) -> None:
    secret = create(reprise_with_ada)
    ((key_id, *_),) = listed(reprise_with_ada)
    assert Api(secret).get(CONVERSATIONS).status == 200

    revoked = reprise_with_ada("keys", "revoke", key_id)

    assert revoked.status == 0
    assert (revoked.out, revoked.err) == ("", f"revoked {key_id}\n")
    assert Api(secret).get(CONVERSATIONS).status == 401


def test_it_stays_listed(reprise_with_ada: Reprise) -> None:
    create(reprise_with_ada)
    ((key_id, *_),) = listed(reprise_with_ada)

    reprise_with_ada("keys", "revoke", key_id)

    assert listed(reprise_with_ada) == [[key_id, day(), "read,write", "never", f"revoked {day()}"]]


def test_the_other_keys_of_its_account_stay_valid(reprise_with_ada: Reprise) -> None:
    create(reprise_with_ada)
    ((key_id, *_),) = listed(reprise_with_ada)
    other = create(reprise_with_ada)

    reprise_with_ada("keys", "revoke", key_id)

    assert Api(other).get(CONVERSATIONS).status == 200


@pytest.mark.parametrize("key_id", [UNKNOWN_ID, "x", "", "rp_secret", "../../KEY"])
def test_a_key_that_there_is_not_cannot_be_revoked(reprise_with_ada: Reprise, key_id: str) -> None:
    create(reprise_with_ada)
    before = everything_stored()

    refused = reprise_with_ada("keys", "revoke", key_id)

    assert refused.status == 1
    assert refused.err == f"reprise: Key {key_id} not found\n"
    assert everything_stored() == before

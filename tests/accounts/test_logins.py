"""Cookie sessions of accounts: on the account's plan, and as good as their key."""

import time

import pytest

from reprise.accounts import accounts, keys, sessions
from reprise.accounts.callers import Caller
from reprise.chat.errors import Invalid, Unauthorized
from reprise.chat.ids import Mint
from reprise.store import keys as store_keys
from reprise.store.accounts import Account, ApiKey
from reprise.store.sessions import KEPT, Session
from tests.api import everything_stored
from tests.faults import Fault, Killed, faults, killed, killed_after, meanwhile, writing

NOW = time.time()

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def ada() -> Account:
    return accounts.create(Mint(), "ada", "standard")


def key_of(account: Account, **more: float) -> tuple[Caller, ApiKey]:
    _, secret = keys.create(Mint(), account, **more)  # type: ignore[arg-type]
    return keys.authenticate(secret, NOW)


def token_of(account: Account) -> Caller:
    """Who shows a JWT."""
    owner = store_keys.account(account.number)
    return Caller(account.id, owner, account.plan, frozenset({"read", "write"}))


def login(account: Account) -> str:
    return sessions.create(*key_of(account), NOW)[1]


def session_of(secret: str) -> Session:
    return sessions.find(secret, NOW)


def is_good(secret: str) -> bool:
    try:
        sessions.find(secret, NOW)
    except Unauthorized:
        return False
    return True


# --- Plans ----------------------------------------------------------------------------------------


def test_they_are_on_the_plan_that_their_account_is_put_on(ada: Account) -> None:
    bob = accounts.create(Mint(), "bob", "standard")
    _, by_token = sessions.create(token_of(ada), None, NOW)
    mine, his = [login(ada), login(ada), by_token], login(bob)

    accounts.put_on(ada, "free")

    assert [session_of(each).plan for each in mine] == ["free"] * 3
    assert session_of(his).plan == "standard"


def test_those_that_ended_meanwhile_stay_ended(ada: Account) -> None:
    ended, rotated, left = login(ada), login(ada), login(ada)
    sessions.end(session_of(ended))
    sessions.end_by(rotated)

    accounts.put_on(ada, "free")

    assert [is_good(ended), is_good(rotated), session_of(left).plan] == [False, False, "free"]


@pytest.mark.parametrize("kind", [killed, killed_after])
def test_changing_them_goes_on_where_it_was_cut_off(ada: Account, kind: object) -> None:
    made = [login(ada) for _ in range(3)]
    cut = Fault("TransactWriteItems", kind, 2, where=writing("SESSION"))  # type: ignore[arg-type]

    with faults(cut) as struck, pytest.raises(Killed):
        accounts.put_on(ada, "free")
    assert struck
    accounts.put_on(accounts.by_name("ada"), "free")

    assert {session_of(each).plan for each in made} == {"free"}


def test_of_two_changes_at_the_same_time_one_is_told(ada: Account) -> None:
    made = login(ada)
    other = meanwhile(lambda: accounts.put_on(ada, "local"))

    with (
        faults(Fault("TransactWriteItems", other, where=writing("SESSION"))) as struck,
        pytest.raises(Invalid, match="somebody else"),
    ):
        accounts.put_on(ada, "free")

    assert struck
    assert session_of(made).plan == "local"


@pytest.mark.parametrize("by_key", [True, False])
def test_one_that_begins_while_the_plan_changes_does_not(ada: Account, by_key: bool) -> None:
    caller, key = key_of(ada) if by_key else (token_of(ada), None)
    change = meanwhile(lambda: accounts.put_on(ada, "free"))

    with (
        faults(Fault("TransactWriteItems", change, where=writing("SESSION"))) as struck,
        pytest.raises(Unauthorized),
    ):
        sessions.create(caller, key, NOW)

    assert struck
    assert "SESSION#" not in str(everything_stored())


# --- Keys -----------------------------------------------------------------------------------------


def test_they_end_when_their_key_is_revoked(ada: Account) -> None:
    caller, key = key_of(ada)
    made = [sessions.create(caller, key, NOW)[1] for _ in range(2)]
    _, by_token = sessions.create(token_of(ada), None, NOW)
    others = [login(ada), by_token]

    keys.revoke(key.id, 1)

    assert not any(map(is_good, made))
    assert all(map(is_good, others))
    assert len([each for each in everything_stored() if "SESSION#" in each]) == 4


def test_revoking_goes_on_where_it_was_cut_off(ada: Account) -> None:
    caller, key = key_of(ada)
    made = [sessions.create(caller, key, NOW)[1] for _ in range(2)]

    with faults(Fault("DeleteItem", killed, 2)) as struck, pytest.raises(Killed):
        keys.revoke(key.id, 1)
    assert struck
    keys.revoke(key.id, 2)

    assert not any(map(is_good, made))
    assert "SESSION#" not in str(everything_stored())


def test_one_that_begins_while_its_key_is_revoked_does_not(ada: Account) -> None:
    caller, key = key_of(ada)
    revoke = meanwhile(lambda: keys.revoke(key.id, 1))

    with (
        faults(Fault("TransactWriteItems", revoke, where=writing("SESSION"))) as struck,
        pytest.raises(Unauthorized),
    ):
        sessions.create(caller, key, NOW)

    assert struck
    assert "SESSION#" not in str(everything_stored())


def test_they_last_no_longer_than_their_key(ada: Account) -> None:
    short, _ = sessions.create(*key_of(ada, expires=NOW + 60), NOW)
    long, _ = sessions.create(*key_of(ada, expires=NOW + 2 * KEPT), NOW)

    assert [short.expires, long.expires] == [int(NOW + 60), int(NOW) + KEPT]

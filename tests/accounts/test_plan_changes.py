"""Putting an account on another plan: it, its keys and whom an issuer knows it as."""

import pytest

from reprise.accounts import accounts, keys
from reprise.chat.errors import Invalid
from reprise.chat.ids import Mint
from reprise.store import accounts as store
from reprise.store import keys as store_keys
from reprise.store.accounts import Account
from tests.api import everything_stored
from tests.calls import intercept
from tests.faults import (
    Fault,
    Killed,
    faults,
    killed,
    killed_after,
    lost_answer,
    meanwhile,
    writing,
)

ISSUER = "https://issuer.example.test/pool"
NOW = 1_800_000_000.0

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def ada() -> Account:
    return accounts.create(Mint(), "ada", "standard")


def plans_of(account: Account, *secrets: str) -> list[str]:
    """What the account and the callers behind some secrets are on."""
    return [
        accounts.by_name(account.name).plan,
        *(keys.authenticate(secret, NOW)[0].plan for secret in secrets),
    ]


def test_the_account_and_all_its_keys_are_on_it(ada: Account) -> None:
    secrets = [keys.create(Mint(), ada)[1] for _ in range(3)]

    accounts.put_on(ada, "local")

    assert plans_of(ada, *secrets) == ["local"] * 4


def test_keys_that_are_made_later_are_too(ada: Account) -> None:
    accounts.put_on(ada, "local")

    _, secret = keys.create(Mint(), accounts.by_name("ada"))

    assert plans_of(ada, secret) == ["local", "local"]


def test_nothing_else_of_them_changes(ada: Account) -> None:
    keys.create(Mint(), ada, scopes=["read"], expires=NOW + 60)
    revoked, _ = keys.create(Mint(), ada)
    keys.revoke(revoked.id, 5)
    before = everything_stored()

    accounts.put_on(ada, "local")

    changed = everything_stored()
    assert changed.keys() == before.keys()
    for key, item in changed.items():
        assert item | {"plan": {"S": "standard"}} == before[key] | {"plan": {"S": "standard"}}


def test_the_user_of_an_issuer_is_on_it() -> None:
    subject = accounts.of_subject(Mint(), ISSUER, "ada")
    digest = accounts.subject_digest(ISSUER, "ada")

    accounts.put_on(accounts.by_name(accounts.subject_name(digest)), "free")

    again = accounts.of_subject(Mint(), ISSUER, "ada")
    assert (again.account_id, again.plan) == (subject.account_id, "free")


def test_others_stay_where_they_are(ada: Account) -> None:
    bob = accounts.create(Mint(), "bob", "standard")
    _, secret = keys.create(Mint(), bob)
    other = accounts.of_subject(Mint(), ISSUER, "bob")

    accounts.put_on(ada, "local")

    assert plans_of(bob, secret) == ["standard", "standard"]
    assert accounts.of_subject(Mint(), ISSUER, "bob") == other


def test_a_secret_that_is_another_accounts_by_now_stays_with_it(ada: Account) -> None:
    secret = "a-secret-that-the-operator-chose"
    bob = accounts.create(Mint(), "bob", "standard")
    keys.create(Mint(), ada, secret=secret)
    keys.create(Mint(), bob, secret=secret)

    accounts.put_on(ada, "local")

    assert plans_of(bob, secret) == ["standard", "standard"]


def test_a_plan_that_there_is_not_changes_nothing(ada: Account) -> None:
    before = everything_stored()

    with pytest.raises(Invalid, match="free, standard, local"):
        accounts.put_on(ada, "gold")

    assert everything_stored() == before


def test_doing_it_again_changes_nothing(ada: Account) -> None:
    keys.create(Mint(), ada)
    accounts.put_on(ada, "local")
    before = everything_stored()

    accounts.put_on(accounts.by_name("ada"), "local")

    assert everything_stored() == before


@pytest.mark.parametrize("keys_made", [1, 101])
def test_any_number_of_keys_can_be_put_on_it(ada: Account, keys_made: int) -> None:
    secrets = [keys.create(Mint(), ada)[1] for _ in range(keys_made)]

    accounts.put_on(ada, "local")

    assert set(plans_of(ada, *secrets)) == {"local"}


@pytest.mark.parametrize("kind", [killed, killed_after, lost_answer])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_it_goes_on_where_it_was_cut_off(ada: Account, write: int, kind: object) -> None:
    secrets = [keys.create(Mint(), ada)[1] for _ in range(51)]

    try:
        with faults(Fault("TransactWriteItems", kind, write)) as struck:  # type: ignore[arg-type]
            accounts.put_on(ada, "local")
    except Killed:
        pass
    assert struck

    accounts.put_on(accounts.by_name("ada"), "local")

    assert set(plans_of(ada, *secrets)) == {"local"}


def test_a_key_that_is_made_at_the_same_time_is_on_it_before_the_change_is_seen(
    ada: Account,
) -> None:
    made: list[str] = []

    def make() -> None:
        made.append(keys.create(Mint(), ada)[1])  # `ada` as it was read: on the old plan

    with faults(Fault("TransactWriteItems", meanwhile(make), where=writing("PROFILE"))) as struck:
        accounts.put_on(ada, "local")

    assert struck
    assert plans_of(ada, *made) == ["local", "local"]


def test_so_is_one_whose_account_is_changed_before_it_is_stored(ada: Account) -> None:
    change = meanwhile(lambda: accounts.put_on(ada, "local"))

    with faults(Fault("TransactWriteItems", change, where=writing("KEY"))) as struck:
        key, secret = keys.create(Mint(), ada)

    assert struck
    assert key.plan == "local"
    assert plans_of(ada, secret) == ["local", "local"]


def test_of_two_changes_at_the_same_time_one_is_told(ada: Account) -> None:
    _, secret = keys.create(Mint(), ada)
    other = meanwhile(lambda: accounts.put_on(ada, "free"))

    with (
        faults(Fault("TransactWriteItems", other, 2)) as struck,
        pytest.raises(Invalid, match="somebody else"),
    ):
        accounts.put_on(ada, "local")

    assert struck
    assert plans_of(ada, secret) == ["free", "free"]


def test_the_index_of_subjects_is_not_searched(ada: Account) -> None:
    operations: list[str] = []

    def note(call: object) -> object:
        operations.append(call.operation)  # type: ignore[attr-defined]
        return call.proceed()  # type: ignore[attr-defined]

    keys.create(Mint(), ada)
    with intercept(note):
        accounts.put_on(ada, "local")

    own = ["TransactWriteItems", "Query", "BatchGetItem", "TransactWriteItems"]
    assert operations == [*own, "Query"], "of its sessions"


def test_an_account_that_is_gone_is_not_made_again(ada: Account) -> None:
    from reprise.store.table import Refused

    gone = Account(ada.number + 1, ada.id, "gone", "standard", 0)

    with pytest.raises(Refused):
        store.set_plan(gone, "local")

    assert f"{store_keys.account(gone.number)} PROFILE" not in everything_stored()

"""Accounts made for users of an issuer, when they come for the first time."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pynamodb.exceptions import TransactWriteError

from reprise.accounts import accounts
from reprise.accounts.plans import DEFAULT_PLAN
from reprise.chat.errors import Invalid
from reprise.chat.ids import Mint
from reprise.store import keys
from reprise.store.accounts import Subject, SubjectItem
from reprise.store.table import Refused
from tests.api import everything_stored
from tests.capacity import measured
from tests.faults import Fault, conflict, faults, lost_answer, meanwhile, repeated, throttled

ISSUER = "https://issuer.example.test/pool"
NOW_MS = 1_800_000_000_000
CREATION = "TransactWriteItems"

pytestmark = pytest.mark.usefixtures("aws")


def seen(subject: str = "ada", issuer: str = ISSUER) -> Subject:
    return accounts.of_subject(Mint(), issuer, subject)


def stored_accounts() -> list[str]:
    return [key for key in everything_stored() if key.endswith(" PROFILE")]


def test_the_first_time_an_account_is_made() -> None:
    digest = hashlib.sha256(f"{ISSUER}\0ada".encode()).hexdigest()

    made = accounts.of_subject(Mint(lambda: NOW_MS), ISSUER, "ada")

    account = accounts.by_name(f"oidc:{digest[:32]}")
    assert (account.id, account.plan, account.created) == (made.account_id, DEFAULT_PLAN, NOW_MS)
    assert made == Subject(account.id, keys.account(account.number), DEFAULT_PLAN, NOW_MS)
    assert set(everything_stored()) == {
        f"{made.owner} PROFILE",
        f"NAME#oidc:{digest[:32]} NAME",
        f"SUB#{digest} SUB",
    }


def test_from_then_on_it_is_found() -> None:
    made = seen()
    before = everything_stored()

    assert seen() == made
    assert everything_stored() == before


def test_in_one_read() -> None:
    seen()

    with measured() as cost:
        seen()

    assert cost.operations == ["GetItem"]
    assert cost.read_units == 1


def test_making_it_is_one_write_more() -> None:
    with measured() as cost:
        seen()

    assert cost.operations == ["GetItem", CREATION]
    assert cost.write_units == 6


def test_others_have_other_accounts() -> None:
    made = [seen(), seen("bob"), seen("Ada"), seen("ada "), seen("ada", f"{ISSUER}/"), seen("é")]

    assert len({each.account_id for each in made}) == len({each.owner for each in made}) == 6


def test_who_they_are_is_not_stored() -> None:
    seen("ada@example.test")

    stored = str(everything_stored())
    assert "example.test" not in stored
    assert ISSUER not in stored


def test_the_operator_cannot_take_the_name_of_one() -> None:
    with pytest.raises(Invalid):
        accounts.create(Mint(), accounts.subject_name("0" * 64), "standard")


def test_of_many_at_once_one_makes_it() -> None:
    at_once = threading.Barrier(8)

    def arrive(_: int) -> Subject:
        at_once.wait(5)
        return seen()

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(arrive, range(8)))

    assert len(made) == 1
    assert len(stored_accounts()) == 1


def test_who_is_overtaken_takes_theirs() -> None:
    theirs: list[Subject] = []
    overtaking = meanwhile(lambda: theirs.append(seen()))

    with faults(Fault(CREATION, overtaking)), measured() as cost:
        ours = seen()

    assert theirs == [ours]
    assert len(stored_accounts()) == 1
    assert cost.operations.count("GetItem") == 2  # theirs and ours: the refusal brought theirs


@pytest.mark.parametrize("kind", [conflict, lost_answer, repeated])
def test_trouble_on_the_way_makes_no_second_one(kind: object) -> None:
    with faults(Fault(CREATION, kind)) as struck:  # type: ignore[arg-type]
        made = seen()

    assert struck
    assert seen() == made
    assert len(stored_accounts()) == 1


def test_a_number_that_is_taken_is_not_shared() -> None:
    taken = accounts.create(Mint(lambda: NOW_MS, lambda _: 7), "ada", "standard")
    bits = iter([7, 1, 8, 1])

    made = accounts.of_subject(Mint(lambda: NOW_MS, lambda _: next(bits)), ISSUER, "ada")

    assert made.owner != keys.account(taken.number)
    assert len(stored_accounts()) == 2


def test_a_name_without_its_owner_is_an_error_and_no_endless_loop() -> None:
    made = seen()
    digest = accounts.subject_digest(ISSUER, "ada")
    SubjectItem(keys.subject(digest), keys.SUBJECT).delete()

    with pytest.raises(Refused):
        seen()
    assert accounts.by_name(accounts.subject_name(digest)).id == made.account_id


def test_without_the_table_there_is_no_account() -> None:
    with faults(Fault(CREATION, throttled, on=range(1, 100))), pytest.raises(TransactWriteError):
        seen()

    assert stored_accounts() == []

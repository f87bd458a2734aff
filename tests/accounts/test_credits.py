"""What an account has left, what is held for it, and what it was granted."""

import time
from datetime import UTC, datetime

import pytest

from reprise.accounts import accounts
from reprise.accounts import credits as account_credits
from reprise.accounts.credits import MOST
from reprise.chat.errors import Invalid
from reprise.chat.ids import Mint
from reprise.engine import conversations
from reprise.engine.repair import release_expired
from reprise.store import accounts as stored_accounts
from reprise.store import balances, keys
from reprise.store.accounts import Account
from reprise.store.balances import Allowance
from tests.api import everything_stored
from tests.capacity import measured
from tests.engine.world import OWNER, World
from tests.faults import Fault, faults, lost_answer

NOW = int(time.time() * 1000)
STANDARD = 10_000  # credits a month

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def ada() -> Account:
    return accounts.create(Mint(), "ada", "standard")


@pytest.fixture
def world() -> World:
    """Its owner is an account too."""
    mint = Mint()
    number = int(OWNER.partition("#")[2])
    account = Account(number, mint.text_id(number), "owner", "standard", NOW)
    assert stored_accounts.create(account) == "stored"
    return World(allowance=Allowance(STANDARD, 20))


def owner() -> Account:
    return accounts.by_name("owner")


# What is left


def test_a_month_begins_with_the_plans_credits(ada: Account) -> None:
    before = everything_stored()

    assert account_credits.left(ada, NOW) == STANDARD
    assert everything_stored() == before


def test_where_they_are_not_limited_there_is_no_number() -> None:
    account = accounts.create(Mint(), "local", "local")

    assert account_credits.left(account, NOW) is None


def test_an_account_whose_plan_is_no_more_is_told(ada: Account) -> None:
    gone = Account(ada.number, ada.id, ada.name, "gold", ada.created)

    for ask in (account_credits.left, lambda *a: account_credits.grant(a[0], 5, a[1])):
        with pytest.raises(Invalid, match="there is no gold any more"):
            ask(gone, NOW)


# Grants


@pytest.mark.parametrize("amount", [1, -1, 500, -STANDARD - 1, MOST, -MOST])
def test_a_grant_changes_what_is_left(ada: Account, amount: int) -> None:
    assert account_credits.grant(ada, amount, NOW) == STANDARD + amount
    assert account_credits.left(ada, NOW) == STANDARD + amount


def test_grants_add_up(ada: Account) -> None:
    assert [account_credits.grant(ada, amount, NOW) for amount in (5, 7, -2)] == [
        10_005,
        10_012,
        10_010,
    ]


def test_each_has_an_entry_in_the_ledger(ada: Account) -> None:
    account_credits.grant(ada, 5, NOW)
    account_credits.grant(ada, -2, NOW + 1)

    found = account_credits.statement(ada, NOW, 10).entries

    assert [(entry.credits, entry.at, entry.granted) for entry in found] == [
        (-2, NOW + 1, True),
        (5, NOW, True),
    ]


@pytest.mark.parametrize("amount", [0, MOST + 1, -MOST - 1])
def test_what_is_no_amount_is_refused(ada: Account, amount: int) -> None:
    before = everything_stored()

    with pytest.raises(Invalid):
        account_credits.grant(ada, amount, NOW)

    assert everything_stored() == before


def test_where_credits_are_not_limited_none_are_granted() -> None:
    account = accounts.create(Mint(), "local", "local")

    with pytest.raises(Invalid, match="local does not limit credits"):
        account_credits.grant(account, 5, NOW)


def test_a_grant_whose_answer_is_lost_is_made_once(ada: Account) -> None:
    with faults(Fault("TransactWriteItems", lost_answer)) as struck:
        assert account_credits.grant(ada, 5, NOW) == STANDARD + 5

    assert struck
    assert len(account_credits.statement(ada, NOW, 10).entries) == 1


def test_a_grant_is_for_the_month_that_it_is_made_in(ada: Account) -> None:
    november = int(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp() * 1000)

    account_credits.grant(ada, 5, november)

    assert account_credits.left(ada, november) == STANDARD + 5
    assert account_credits.left(ada, november + 1000) == STANDARD


# Statements


def test_a_statement_of_an_account_that_did_nothing(ada: Account) -> None:
    found = account_credits.statement(ada, NOW, 10)

    assert found.month == balances.period(NOW)
    assert (found.allowance, found.left) == (STANDARD, STANDARD)
    assert (found.holds, found.entries) == ({}, ())


async def test_a_statement_has_what_is_held_and_what_was_paid(world: World) -> None:
    answer = await world.say("Hi")
    running = world.abandon("Again")

    found = account_credits.statement(owner(), world.engine.now_ms(), 10)

    assert found.left == STANDARD - 2
    assert found.holds == {running.id: 1}
    (entry,) = found.entries
    assert (entry.id, entry.credits, entry.model) == (answer.id, 1, "fake")
    assert entry.usage == answer.usage
    assert not entry.granted


async def test_what_is_held_of_a_plan_without_credits_is_a_place(world: World) -> None:
    world.allowance = Allowance(credits=None, concurrent=20)
    running = world.abandon("Hi")

    assert account_credits.statement(owner(), world.engine.now_ms(), 10).holds == {running.id: 0}


async def test_the_last_entries_come_first_whatever_they_are(world: World) -> None:
    account, said = owner(), []
    for _ in range(3):
        said.append((await world.say("Hi")).id)
        world.later(1)
        account_credits.grant(account, 5, world.engine.now_ms())
        world.later(1)

    found = account_credits.statement(account, world.engine.now_ms(), 4).entries

    assert [entry.granted for entry in found] == [True, False, True, False]
    assert [found[1].id, found[3].id] == [said[2], said[1]]


async def test_a_statement_costs_no_more_for_a_long_ledger(ada: Account) -> None:
    for n in range(40):
        account_credits.grant(ada, 5, NOW + n)

    with measured() as cost:
        account_credits.statement(ada, NOW, 10)

    assert cost.operations == ["GetItem", "GetItem", "Query", "Query"]
    assert cost.read_units <= 5


# The end of a month


async def test_what_crashed_in_the_month_before_is_released_in_this(world: World) -> None:
    world.abandon("Hi", ["Hel", "lo"])
    month = balances.period(world.engine.now_ms())
    conversations.delete(world.engine, OWNER, world.conversation.id)  # no other way leads to it
    while balances.period(world.engine.now_ms()) == month:
        world.later(3600)

    release_expired(OWNER, world.now())

    assert balances.find(OWNER, month) == balances.Balance(STANDARD - 1, frozenset())
    assert [int(entry.credits) for entry in balances.entries(OWNER)] == [1]


@pytest.mark.parametrize(
    ("month", "before"), [("2026-11", "2026-10"), ("2026-10", "2026-09"), ("2027-01", "2026-12")]
)
def test_the_month_before(month: str, before: str) -> None:
    assert balances.before(month) == before


def test_a_balance_lies_under_its_month() -> None:
    assert keys.balance(balances.period(1_796_083_199_999)) == "BALANCE#2026-11"
    assert keys.balance(balances.period(1_796_083_200_000)) == "BALANCE#2026-12"

"""`reprise credits`."""

import asyncio
import re
import time
from datetime import UTC, datetime
from functools import partial

import pytest

from reprise.accounts import accounts
from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Usage
from reprise.llm.protocol import Finished
from reprise.store import accounts as stored_accounts
from reprise.store.accounts import Account
from reprise.store.balances import Allowance
from tests.api import everything_stored
from tests.cli.conftest import Reprise
from tests.engine.world import OWNER, World
from tests.shapes import AN_ID


@pytest.fixture
def reprise_with_ada(reprise: Reprise) -> Reprise:
    """With an account `ada`, on the standard plan."""
    reprise("accounts", "create", "ada")
    return reprise


@pytest.fixture
def world(reprise: Reprise) -> World:
    """Whose owner is the account `ada`."""
    number = int(OWNER.partition("#")[2])
    stored_accounts.create(Account(number, OWNER, "ada", "standard", 0))
    return World(allowance=Allowance(10_000, 20))


def shown(reprise: Reprise) -> list[list[str]]:
    """The lines of `credits show`, by words that stand apart."""
    out = reprise("credits", "show", "ada").out
    return [re.split(r" {2,}", line.strip()) for line in out.splitlines()]


def this_month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")


def test_a_grant_says_what_is_left(reprise_with_ada: Reprise) -> None:
    granted = reprise_with_ada("credits", "grant", "ada", "500")

    assert granted.status == 0
    assert granted.out == "10500\n"
    assert granted.err == "granted 500 to ada; what is left this month:\n"


def test_it_may_be_taken_back(reprise_with_ada: Reprise) -> None:
    reprise_with_ada("credits", "grant", "ada", "500")

    assert reprise_with_ada("credits", "grant", "ada", "-501").out == "9999\n"


@pytest.mark.parametrize("amount", ["x", "1.5", ""])
def test_what_is_no_number_is_refused(reprise_with_ada: Reprise, amount: str) -> None:
    refused = reprise_with_ada("credits", "grant", "ada", amount)

    assert refused.status == 2
    assert "AMOUNT" in refused.err


@pytest.mark.parametrize("amount", ["0", "1000000001", "-1000000001"])
def test_so_is_what_cannot_be_meant(reprise_with_ada: Reprise, amount: str) -> None:
    before = everything_stored()

    refused = reprise_with_ada("credits", "grant", "ada", amount)

    assert refused.status == 1
    assert refused.err == (
        "reprise: credits: must be a whole number other than 0, at most 1,000,000,000\n"
    )
    assert everything_stored() == before


def test_a_plan_that_limits_none_is_granted_none(reprise: Reprise) -> None:
    reprise("accounts", "create", "ada", "--plan", "local")

    refused = reprise("credits", "grant", "ada", "5")

    assert refused.status == 1
    assert refused.err == "reprise: plan: local does not limit credits\n"


@pytest.mark.parametrize("arguments", [("show", "nobody"), ("grant", "nobody", "5")])
def test_an_account_that_there_is_not(reprise: Reprise, arguments: tuple[str, ...]) -> None:
    refused = reprise("credits", *arguments)

    assert refused.status == 1
    assert refused.out == ""
    assert refused.err == "reprise: Account nobody not found\n"


def test_what_a_new_account_has(reprise_with_ada: Reprise) -> None:
    assert shown(reprise_with_ada) == [
        ["plan", "standard"],
        ["month", this_month()],
        ["left", "10000 (10000 a month)"],
        ["held", "0 for 0 running"],
    ]


def test_where_credits_are_not_limited_it_says_so(reprise: Reprise) -> None:
    reprise("accounts", "create", "ada", "--plan", "local")

    assert shown(reprise)[2] == ["left", "not limited"]


async def test_what_was_paid_and_granted_and_is_held(reprise: Reprise, world: World) -> None:
    answer = await world.say("Hi", ["Hello", Finished("stop", Usage(1_900, 101))])
    running = world.abandon("And")
    await asyncio.to_thread(time.sleep, 0.002)  # grants have the command's own clock
    reprise("credits", "grant", "ada", "500")

    *_, held, empty, head, granted, paid = shown(reprise)

    assert held == [f"1 for {running.id}"]
    assert empty == [""]
    assert head == ["WHEN (UTC)", "CREDITS", "TOKENS", "ANSWER", "MODEL"]
    assert granted[1:] == ["+500", "granted"]
    assert paid[1:] == ["-3", "2001", answer.id, "fake"]
    assert paid[3] == AN_ID
    assert re.fullmatch(rf"{this_month()}-\d\d \d\d:\d\d", paid[0])


async def test_tokens_that_nobody_reported_are_marked(reprise: Reprise, world: World) -> None:
    answer = await world.say("Hi", ["Hello", Finished("stop")])
    assert answer.usage

    assert shown(reprise)[-1][2] == f"~{answer.usage.total}"


async def test_what_came_to_nothing_cost_nothing(reprise: Reprise, world: World) -> None:
    await world.say("Hi", [UpstreamFailed("no")])

    assert re.split(r" +", shown(reprise)[-1][1]) == ["0"]


async def test_the_last_ten_entries_are_shown(reprise: Reprise, world: World) -> None:
    said = [(await world.say(str(number))).id for number in range(12)]

    rows = shown(reprise)[6:]

    assert [row[-2] for row in rows] == said[:1:-1]


def test_what_is_left_may_be_less_than_nothing(reprise_with_ada: Reprise) -> None:
    reprise_with_ada("credits", "grant", "ada", "-10005")

    assert shown(reprise_with_ada)[2] == ["left", "-5 (10000 a month)"]


def test_a_plan_that_is_no_more_is_told(
    reprise_with_ada: Reprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reprise.accounts import plans

    rest = {name: plan for name, plan in plans.load().items() if name != "standard"}
    monkeypatch.setattr(plans, "load", partial(dict, rest))

    refused = reprise_with_ada("credits", "show", "ada")

    assert refused.status == 1
    assert refused.err == "reprise: plan: there is no standard any more\n"
    assert accounts.by_name("ada").plan == "standard"

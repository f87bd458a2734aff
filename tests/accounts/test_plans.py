"""`plans.toml`, and what is wrong with others."""

import subprocess
import sys

import pytest

from reprise.accounts import plans
from reprise.accounts.plans import DEFAULT_PLAN
from reprise.store.balances import Allowance
from tests.docs.walkthrough import ROOT

GOOD = """
[windows]
conversations = 3600
uploads = 60

[plans.standard]
api = true
credits = 100
concurrent = 2
requests = { conversations = 30, uploads = 5 }
"""


def test_there_are_the_plans_that_the_documentation_names() -> None:
    assert plans.names() == ["free", "standard", "local"]
    assert DEFAULT_PLAN == "standard"


def test_sessions_of_nobody_have_one_of_their_own_which_is_no_accounts() -> None:
    assert list(plans.load()) == [*plans.names(), plans.ANONYMOUS]
    anonymous = plans.find(plans.ANONYMOUS)
    assert not anonymous.api
    assert not anonymous.allowance.limited
    assert {scope for scope, most in anonymous.requests.items() if most} == {
        "opey_stream",
        "opey_regenerate",
    }


def test_the_standard_plan_is_that_of_the_contracts() -> None:
    standard = plans.find("standard")

    assert standard.api
    assert (standard.requests["conversations"], standard.windows["conversations"]) == (30, 3600)
    assert standard.allowance.limited


def test_the_account_of_make_dev_has_room() -> None:
    local = plans.find("local")

    assert set(local.requests.values()) == {100_000}
    assert local.allowance == Allowance(credits=None, concurrent=1_000)


def test_the_free_plan_has_no_api() -> None:
    assert not plans.find("free").api


def test_the_documentation_says_what_they_allow() -> None:
    text = (ROOT / "docs/plans.md").read_text()

    for plan in map(plans.find, plans.names()):
        allowance = plan.allowance
        limits = [allowance.concurrent, allowance.credits]
        told = ["not limited" if limit is None else f"{limit:,}" for limit in limits]
        api = "yes" if plan.api else "no"
        assert f"| {' | '.join([f'`{plan.name}`', api, *told])} |\n" in text


def test_what_is_written_is_what_a_plan_allows() -> None:
    (plan,) = plans.parse(GOOD).values()

    assert plan.name == "standard"
    assert plan.api
    assert plan.allowance == Allowance(100, 2)
    assert plan.requests == {"conversations": 30, "uploads": 5}
    assert plan.windows == {"conversations": 3600, "uploads": 60}


def test_what_is_not_limited_is_left_out() -> None:
    text = GOOD.replace("credits = 100\n", "").replace("concurrent = 2\n", "")

    assert plans.parse(text)["standard"].allowance == Allowance(None, None)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("concurrent = 2", "concurent = 2", "plans.standard has concurent, which nothing reads"),
        ("api = true\n", "", "plans.standard lacks api"),
        ("api = true", "api = 1", "plans.standard.api is neither true nor false"),
        (
            "credits = 100",
            "credits = 1.5",
            "plans.standard.credits is no whole number of 0 or more",
        ),
        ("credits = 100", "credits = true", "plans.standard.credits is no whole number of 0"),
        ("credits = 100", "credits = -1", "plans.standard.credits is no whole number of 0"),
        ("concurrent = 2", "concurrent = 0", "plans.standard.concurrent is no whole number of 1"),
        (", uploads = 5", "", "plans.standard.requests lacks uploads"),
        ("uploads = 5", "uploads = 5, x = 1", "plans.standard.requests has x, which nothing reads"),
        ("uploads = 5", "uploads = '5'", "plans.standard.requests.uploads is no whole number"),
        ("{ conversations = 30, uploads = 5 }", "30", "plans.standard.requests is no table"),
        ("uploads = 60", "uploads = 0", "windows.uploads is no whole number of 1 or more"),
        ("[windows]", "[window]", "the file lacks windows"),
        ("[windows]", "more = 1\n[windows]", "the file has more, which nothing reads"),
        ("plans.standard", "plans.gold", "there is no plan standard"),
        ("[plans.standard]", "[plans.standard", "line 6"),  # in TOML's own words
    ],
)
def test_what_cannot_be_meant_is_told(right: str, wrong: str, told: str) -> None:
    assert right in GOOD

    with pytest.raises(ValueError, match=told):
        plans.parse(GOOD.replace(right, wrong))


def test_the_names_are_had_without_the_store() -> None:
    """The command line lists them before it knows its table."""
    script = """
import sys
from reprise.accounts import plans
plans.names()
print("pynamodb" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"

"""`reprise accounts`."""

import pytest

from reprise.accounts import plans
from tests.api import Api, everything_stored
from tests.cli.conftest import Reprise
from tests.conversations import CONVERSATIONS
from tests.shapes import AN_ID


def test_a_new_account_is_named_by_its_id(reprise: Reprise) -> None:
    made = reprise("accounts", "create", "ada")

    assert made.status == 0
    assert made.out.removesuffix("\n") == AN_ID
    assert made.err == ""


def test_it_is_on_the_standard_plan(reprise: Reprise) -> None:
    account_id = reprise("accounts", "create", "ada").out.strip()

    (account,) = [item for item in everything_stored().values() if item.get("id")]
    assert account["id"] == {"S": account_id}
    assert account["name"] == {"S": "ada"}
    assert account["plan"] == {"S": "standard"}


@pytest.mark.parametrize("plan", ["free", "standard", "local"])
def test_it_may_be_on_another_plan(reprise: Reprise, plan: str) -> None:
    assert reprise("accounts", "create", "ada", "--plan", plan).status == 0

    (account,) = [item for item in everything_stored().values() if item.get("id")]
    assert account["plan"] == {"S": plan}


@pytest.mark.parametrize("plan", ["gold", "anonymous"])  # which is of sessions without an account
def test_a_plan_that_there_is_not_is_refused(reprise: Reprise, plan: str) -> None:
    refused = reprise("accounts", "create", "ada", "--plan", plan)

    assert refused.status == 1
    assert refused.err == "reprise: plan: there are free, standard, local\n"
    assert everything_stored() == {}


def test_a_name_is_given_once(reprise: Reprise) -> None:
    reprise("accounts", "create", "ada")
    before = everything_stored()

    refused = reprise("accounts", "create", "ada")

    assert refused.status == 1
    assert refused.out == ""
    assert refused.err == "reprise: name: there is an account ada already\n"
    assert everything_stored() == before


@pytest.mark.parametrize("name", ["a", "ada@example.org", "Team-1_x.y+z", "9" * 64])
def test_names_are_short_and_plain(reprise: Reprise, name: str) -> None:
    assert reprise("accounts", "create", name).status == 0


@pytest.mark.parametrize("name", ["", " ", "a b", ".a", "a/b", "a#b", "é", "a\n", "x" * 65])
def test_other_names_are_refused(reprise: Reprise, name: str) -> None:
    refused = reprise("accounts", "create", name)

    assert refused.status == 1
    assert refused.err == "reprise: name: up to 64 letters, digits and . _ @ + - are allowed\n"
    assert everything_stored() == {}


def test_a_name_has_to_be_given(reprise: Reprise) -> None:
    refused = reprise("accounts", "create")

    assert refused.status == 2
    assert "NAME" in refused.err


def test_help_names_the_plans_that_there_are(reprise: Reprise) -> None:
    for verb in ("create", "plan"):
        assert ", ".join(plans.names()) in reprise("accounts", verb, "--help").out


# Another plan


def test_an_account_is_put_on_another_plan_with_its_keys(reprise: Reprise) -> None:
    reprise("accounts", "create", "ada")
    api = Api(reprise("keys", "create", "--account", "ada").out.strip())
    assert api.get(CONVERSATIONS).status == 200

    put = reprise("accounts", "plan", "ada", "free")

    assert (put.status, put.out, put.err) == (0, "", "ada is on the plan free\n")
    assert api.get(CONVERSATIONS).status == 403, "which has no API"
    reprise("accounts", "plan", "ada", "standard")
    assert api.get(CONVERSATIONS).status == 200


@pytest.mark.parametrize("plan", ["gold", "anonymous"])
def test_a_plan_that_there_is_not_leaves_it_where_it_is(reprise: Reprise, plan: str) -> None:
    reprise("accounts", "create", "ada")
    before = everything_stored()

    refused = reprise("accounts", "plan", "ada", plan)

    assert refused.status == 1
    assert refused.err == "reprise: plan: there are free, standard, local\n"
    assert everything_stored() == before


def test_an_account_that_there_is_not_has_no_plan(reprise: Reprise) -> None:
    refused = reprise("accounts", "plan", "nobody", "free")

    assert refused.status == 1
    assert refused.err == "reprise: Account nobody not found\n"

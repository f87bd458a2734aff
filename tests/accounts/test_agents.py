"""Whoever calls finds the agents that are open to them, and may be told what was half a minute
ago.
"""

from dataclasses import replace
from typing import Any

import pytest

from reprise.accounts import accounts, agents
from reprise.accounts.callers import Caller
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid, NotFound, Unauthorized
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation
from reprise.store import keys
from reprise.store.accounts import Account
from reprise.store.agents import Entry
from tests.capacity import Cost, measured

NOW = 1_750_000_000.0  # seconds since the Unix epoch


@pytest.fixture
def ada(aws: None) -> Account:
    return accounts.create(Mint(), "ada", "standard")


@pytest.fixture
def bob(aws: None) -> Account:
    return accounts.create(Mint(), "bob", "standard")


def caller(account: Account) -> Caller:
    owner = keys.account(account.number)
    return Caller(account.id, owner, account.plan, frozenset({"read", "write"}))


def agent(account: Account, agent_id: str = "support", **changes: Any) -> Agent:
    owner = keys.account(account.number)
    made = Agent(agent_id, "Support", owner, account.id, account.plan)
    return replace(made, **changes)


def put(account: Account, agent_id: str = "support", **changes: Any) -> Agent:
    default = changes.pop("default", False)
    return agents.put(agent(account, agent_id, **changes), default=default)


def put_elsewhere(made: Agent) -> None:
    """As another process does: this one does not hear of it."""
    stored = agents.store.put(made, make_default=False)
    assert stored


def reads(cost: Cost) -> int:
    return len(cost.calls)


# Finding


def test_an_agent_is_found_whoever_asks(ada: Account) -> None:
    put(ada)

    assert agents.find("support", NOW) == agent(ada)


@pytest.mark.parametrize(
    "agent_id", ["", "a/b", "a b", "a#b", "é", "support\n", ".", "..", ".a", "x" * 65, "\0"]
)
def test_what_cannot_be_an_id_is_not_even_looked_up(aws: None, agent_id: str) -> None:
    with measured(units=False) as cost:
        assert agents.find(agent_id, NOW) is None

    assert reads(cost) == 0


@pytest.mark.parametrize("agent_id", ["a", "0", "_-", "-a", "5QHA6VB-DIAbBhxwqxfdi", "x" * 64])
def test_ids_are_short_and_plain(ada: Account, agent_id: str) -> None:
    put(ada, agent_id)

    assert agents.find(agent_id, NOW)


# Remembering


def test_an_agent_is_read_once_in_half_a_minute(ada: Account) -> None:
    put(ada)

    with measured(units=False) as cost:
        found = [agents.find("support", NOW + seconds) for seconds in (0, 1, 29.9)]

    assert found == [agent(ada)] * 3
    assert reads(cost) == 1


def test_after_that_it_is_read_anew(ada: Account) -> None:
    put(ada)
    agents.find("support", NOW)
    put_elsewhere(agent(ada, name="Help"))

    then, later = agents.find("support", NOW + 29.9), agents.find("support", NOW + 30)

    assert then == agent(ada)
    assert later == agent(ada, name="Help")


def test_one_that_was_deleted_elsewhere_is_gone_then(ada: Account) -> None:
    put(ada)
    agents.find("support", NOW)
    agents.store.delete(keys.account(ada.number), "support")

    assert agents.find("support", NOW + 29) == agent(ada)
    assert agents.find("support", NOW + 30) is None
    assert agents.find("support", NOW + 29) is None


def test_a_clock_that_was_set_back_keeps_nothing_for_longer(ada: Account) -> None:
    put(ada)
    agents.find("support", NOW)
    put_elsewhere(agent(ada, name="Help"))

    assert agents.find("support", NOW - 3600) == agent(ada, name="Help")


def test_one_that_was_not_there_is_found_as_soon_as_it_is(ada: Account) -> None:
    assert agents.find("support", NOW) is None

    put_elsewhere(agent(ada))

    assert agents.find("support", NOW) == agent(ada)


def test_what_this_process_puts_or_deletes_it_knows_at_once(ada: Account) -> None:
    put(ada)
    agents.find("support", NOW)

    put(ada, name="Help")
    replaced = agents.find("support", NOW)
    agents.delete(ada, "support")

    assert replaced == agent(ada, name="Help")
    assert agents.find("support", NOW) is None


def test_only_so_many_are_remembered_the_latest_ones(
    ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "MOST_KEPT", 2)
    for agent_id in ("a", "b", "c"):
        put(ada, agent_id)
    for agent_id in ("a", "b", "c"):
        agents.find(agent_id, NOW)

    with measured(units=False) as kept:
        agents.find("b", NOW)
        agents.find("c", NOW)
    with measured(units=False) as dropped:
        agents.find("a", NOW)

    assert (reads(kept), reads(dropped)) == (0, 1)


def test_the_default_one_is_remembered_as_well(ada: Account) -> None:
    put(ada, default=True)

    with measured(units=False) as cost:
        for seconds in (0, 29):
            assert agents.default_of(caller(ada), NOW + seconds).id == "support"

    assert reads(cost) == 1


def test_so_is_that_there_is_none_but_the_implicit_one(ada: Account, bob: Account) -> None:
    with measured(units=False) as cost:
        for seconds in (0, 29):
            assert agents.default_of(caller(ada), NOW + seconds).id == ada.id
    agents.store.put(agent(ada), make_default=True)  # as another process does

    assert reads(cost) == 1
    assert agents.default_of(caller(ada), NOW + 29.9).id == ada.id
    assert agents.default_of(caller(ada), NOW + 30).id == "support"
    assert agents.default_of(caller(bob), NOW).id == bob.id


# The default one


def test_an_account_without_agents_has_an_implicit_one(ada: Account) -> None:
    default = agents.default_of(caller(ada), NOW)

    assert default == Agent(
        ada.id, "Assistant", keys.account(ada.number), ada.id, "standard", default=True
    )
    assert default.named is None


def test_so_has_one_that_has_chosen_none_of_its_own(ada: Account) -> None:
    put(ada)

    assert agents.default_of(caller(ada), NOW).id == ada.id


def test_the_chosen_one_takes_its_place_at_once(ada: Account) -> None:
    agents.default_of(caller(ada), NOW)

    chosen = put(ada, default=True)

    assert agents.default_of(caller(ada), NOW) == chosen == agent(ada, default=True)
    assert chosen.named == "support"


def test_when_that_is_deleted_it_is_the_default_again(ada: Account) -> None:
    put(ada, default=True)

    agents.delete(ada, "support")

    assert agents.default_of(caller(ada), NOW).id == ada.id


# For whom


def test_a_caller_gets_the_agent_that_is_named(ada: Account) -> None:
    put(ada)

    assert agents.for_caller("support", caller(ada), NOW) == agent(ada)


def test_one_that_names_none_gets_the_default_one(ada: Account) -> None:
    implicit = agents.for_caller(None, caller(ada), NOW)

    chosen = put(ada, default=True)

    assert implicit.id == ada.id
    assert agents.for_caller(None, caller(ada), NOW) == chosen


def test_the_implicit_one_may_be_named_while_it_is_the_default(ada: Account, bob: Account) -> None:
    implicit = agents.for_caller(ada.id, caller(ada), NOW)

    assert implicit == agents.default_of(caller(ada), NOW)
    for other in (caller(bob), None):
        with pytest.raises(NotFound):
            agents.for_caller(ada.id, other, NOW)
    put(ada, default=True)
    with pytest.raises(NotFound):
        agents.for_caller(ada.id, caller(ada), NOW)


def test_a_private_agent_is_for_its_account_only(ada: Account, bob: Account) -> None:
    put(ada)

    for other in (caller(bob), None):
        with pytest.raises(NotFound):
            agents.for_caller("support", other, NOW)


def test_a_public_agent_is_for_everybody(ada: Account, bob: Account) -> None:
    public = put(ada, public=True)

    for anybody in (caller(ada), caller(bob), None):
        assert agents.for_caller("support", anybody, NOW) == public


def test_one_that_nobody_has_is_not_found(ada: Account) -> None:
    with pytest.raises(NotFound):
        agents.for_caller("support", caller(ada), NOW)


def test_without_credentials_there_is_no_default_one(aws: None) -> None:
    with pytest.raises(Unauthorized):
        agents.for_caller(None, None, NOW)


@pytest.mark.parametrize("named", [True, False])
def test_it_takes_one_read_and_none_where_it_was_found_before(ada: Account, named: bool) -> None:
    put(ada, default=True)
    agent_id = "support" if named else None

    with measured(units=False) as first:
        agents.for_caller(agent_id, caller(ada), NOW)
    with measured(units=False) as second:
        agents.for_caller(agent_id, caller(ada), NOW)

    assert (reads(first), reads(second)) == (1, 0)


def test_naming_the_implicit_one_takes_one_read_too(ada: Account) -> None:
    with measured(units=False) as cost:
        agents.for_caller(ada.id, caller(ada), NOW)

    assert reads(cost) == 1


# Which conversations are its


def conversation(account: Account, agent_id: str | None = None) -> Conversation:
    mint, owner = Mint(), keys.account(account.number)
    number = mint.number()
    made = Conversation(number, mint.text_id(number), owner, None, None, 0, 0, 0)
    return replace(made, agent=agent_id)


def test_those_that_were_begun_with_it_are(ada: Account, bob: Account) -> None:
    support = agent(ada, public=True)

    assert support.has(conversation(ada, "support"))
    assert support.has(conversation(bob, "support"))
    assert not support.has(conversation(ada, "sales"))


def test_those_that_name_none_are_their_accounts_default_agents(ada: Account, bob: Account) -> None:
    default = agent(ada, public=True, default=True)

    assert default.has(conversation(ada))
    assert agents.default_of(caller(ada), NOW).has(conversation(ada))
    assert not default.has(conversation(bob))
    assert not agent(ada).has(conversation(ada))


# Putting, listing, deleting


def test_an_agent_that_was_put_is_returned_as_it_is_stored(ada: Account) -> None:
    put(ada, default=True)

    assert put(ada, name="Help") == agent(ada, name="Help", default=True)


def test_the_id_of_anothers_agent_is_refused(ada: Account, bob: Account) -> None:
    put(ada)

    with pytest.raises(Invalid, match="id: support belongs to another account"):
        put(bob)


def test_ids_of_accounts_are_refused(ada: Account, bob: Account) -> None:
    """Of its own as well: that names the implicit agent."""
    for agent_id in (ada.id, bob.id, Mint().text_id(bob.number)):
        with pytest.raises(Invalid, match="id: is reserved"):
            put(ada, agent_id)


@pytest.mark.parametrize(
    "agent_id", ["f47ac10b-58cc-4372-a567-0e02b2c3d479", "5QHA6VB-DIAbBhxwqxfdi"]
)
def test_other_uuids_may_be_ids(ada: Account, agent_id: str) -> None:
    assert put(ada, agent_id).id == agent_id


def test_so_may_a_new_one_of_its_account(ada: Account) -> None:
    agent_id = Mint().text_id(ada.number)

    assert put(ada, agent_id).id == agent_id


def test_an_agent_that_is_too_large_is_refused_with_its_size(ada: Account) -> None:
    with pytest.raises(Invalid, match=r"agent: has 40\d,\d{3} bytes; 400,000 fit into the table"):
        put(ada, instructions="👍" * 100_000)

    assert agents.find("support", NOW) is None


def test_the_list_has_the_implicit_one_while_it_is_the_default(ada: Account) -> None:
    put(ada, model="gpt-4o")
    support = Entry("support", "Support", "gpt-4o", public=False, default=False)

    assert agents.list_of(ada) == [
        Entry(ada.id, "Assistant", None, public=False, default=True),
        support,
    ]
    put(ada, model="gpt-4o", default=True)
    assert agents.list_of(ada) == [replace(support, default=True)]


def test_an_agent_is_shown_to_its_account_as_it_is_now(ada: Account, bob: Account) -> None:
    put(ada, public=True)
    agents.find("support", NOW)
    put_elsewhere(agent(ada, name="Help"))

    assert agents.show(ada, "support") == agent(ada, name="Help")
    for account, agent_id in ((bob, "support"), (ada, "sales"), (ada, "a/b"), (bob, ada.id)):
        with pytest.raises(NotFound):
            agents.show(account, agent_id)


def test_the_implicit_one_is_shown_while_it_is_the_default(ada: Account) -> None:
    assert agents.show(ada, ada.id) == agents.default_of(caller(ada), NOW)

    put(ada, default=True)

    with pytest.raises(NotFound):
        agents.show(ada, ada.id)


def test_nobody_deletes_what_is_not_theirs(ada: Account, bob: Account) -> None:
    put(ada, public=True)

    for account, agent_id in ((bob, "support"), (ada, "sales"), (ada, ada.id), (ada, "a/b")):
        with pytest.raises(NotFound):
            agents.delete(account, agent_id)
    assert agents.show(ada, "support")

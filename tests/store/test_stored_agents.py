"""Agents are stored under ids that nobody else gets, and one of an account's is its default."""

from dataclasses import replace
from typing import Any

import pytest

from reprise.chat.agents import BUILT_IN, Agent, AgentTool
from reprise.store import agents, keys
from reprise.store.agents import AgentItem, Entry
from reprise.store.table import connection, query_all
from tests.capacity import measured, size_of
from tests.faults import Fault, conflict, faults, lost_answer, meanwhile
from tests.store.scribe import OTHER, OWNER, sort_keys

pytestmark = pytest.mark.usefixtures("aws")

ITEM_LIMIT = 400 * 1024  # bytes, DynamoDB's
WEATHER = AgentTool(
    "get_weather",
    "Tells the weather of a city",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"minimum": 0.5, "enum": [1, 2.5]}},
        "required": ["city"],
    },
)


def agent(agent_id: str = "support", owner: str = OWNER, **changes: Any) -> Agent:
    return replace(Agent(agent_id, "Support", owner, "account-id", "standard"), **changes)


def put(*args: Any, make_default: bool = False, **changes: Any) -> Agent:
    stored = agents.put(agent(*args, **changes), make_default=make_default)
    assert stored
    return stored


def defaults() -> list[str]:
    """The ids of all agents that are called a default, wherever: the copy among them."""
    partitions = [OWNER, OTHER, *(keys.agent(each) for each in ("support", "sales", "third"))]
    items = [item for partition in partitions for item in query_all(partition)]
    return [item.id for item in items if isinstance(item, AgentItem) and item.default]


# Putting and finding


def test_an_agent_is_found_as_it_was_put() -> None:
    full = agent(
        model="gpt-4o",
        instructions="Sei höflich 👍\n",
        temperature=0.7,
        tools=(WEATHER, *BUILT_IN.values()),
        corpora=("handbook", "faq"),
        public=True,
    )

    stored = agents.put(full, make_default=False)

    assert stored == full
    assert agents.find("support") == full


def test_what_is_not_given_is_not_there() -> None:
    bare = put()

    assert agents.find("support") == bare == agent()


@pytest.mark.parametrize("temperature", [0.0, 1.0, 0.1, 2.0])
def test_temperatures_stay_exact(temperature: float) -> None:
    put(temperature=temperature)

    found = agents.find("support")

    assert found
    assert found.temperature == temperature


def test_an_id_that_nobody_has_is_not_found() -> None:
    assert agents.find("support") is None


def test_finding_is_one_read() -> None:
    put()

    with measured() as cost:
        agents.find("support")

    assert cost.operations == ["GetItem"]
    assert cost.read_units == 1


def test_putting_again_replaces_all_of_it() -> None:
    put(instructions="Be brief", tools=(WEATHER,))

    put(name="Help")

    assert agents.find("support") == agent(name="Help")


def test_of_a_built_in_tool_the_name_is_stored() -> None:
    """So that agents which were put long ago have it as it is now."""
    put(tools=tuple(BUILT_IN.values()))

    (item,) = query_all(keys.agent("support"))

    assert isinstance(item, AgentItem)
    assert item.tools == '[{"name":"queryKnowledgeBase","builtin":true}]'


def test_a_built_in_tool_that_is_no_more_is_left_out() -> None:
    put(tools=(WEATHER, replace(next(iter(BUILT_IN.values())), name="gone")))

    found = agents.find("support")

    assert found
    assert found.tools == (WEATHER,)


# Whose it is


def test_the_id_of_anothers_agent_is_taken() -> None:
    mine = put()

    stored = agents.put(agent(owner=OTHER, name="Theirs"), make_default=True)

    assert stored is None
    assert agents.find("support") == mine
    assert sort_keys(OTHER) == []


def test_of_two_accounts_that_put_one_id_at_once_one_gets_it() -> None:
    with faults(Fault("TransactWriteItems", meanwhile(lambda: put(owner=OTHER)))) as struck:
        stored = agents.put(agent(), make_default=True)

    assert struck
    assert stored is None
    assert agents.find("support") == agent(owner=OTHER)
    assert sort_keys(OWNER) == []


def test_anothers_agent_is_not_deleted() -> None:
    mine = put()

    assert not agents.delete(OTHER, "support")
    assert agents.find("support") == mine


def test_the_id_of_a_deleted_agent_stays_its_accounts() -> None:
    put()
    agents.delete(OWNER, "support")

    assert agents.put(agent(owner=OTHER), make_default=False) is None
    assert agents.find("support") is None
    assert put() == agents.find("support")


# Listing


def test_an_accounts_agents_are_listed_by_id() -> None:
    put("support", model="gpt-4o")
    put("sales", name="Sales", public=True, make_default=True)
    put("third", owner=OTHER)

    assert agents.all_of(OWNER) == [
        Entry("sales", "Sales", None, public=True, default=True),
        Entry("support", "Support", "gpt-4o", public=False, default=False),
    ]


def test_an_account_without_agents_has_an_empty_list() -> None:
    assert agents.all_of(OWNER) == []


def test_a_list_of_many_pages_is_read_to_its_end() -> None:
    """A page holds 1 MB; names as long as these make two of them."""
    ids = [f"agent-{letter}" for letter in "abcdefghi"]
    for each in ids:
        put(each, name="x" * 200_000)

    with measured(units=False) as cost:
        entries = agents.all_of(OWNER)

    assert [entry.id for entry in entries] == ids
    assert len(cost.calls) > 1


def test_a_deleted_agent_is_not_listed() -> None:
    put()

    assert agents.delete(OWNER, "support")
    assert agents.all_of(OWNER) == []
    assert sort_keys(OWNER) == []


def test_deleting_twice_is_noticed() -> None:
    put()

    assert agents.delete(OWNER, "support")
    assert not agents.delete(OWNER, "support")


def test_deleting_what_never_was_is_noticed_and_takes_no_id() -> None:
    assert not agents.delete(OWNER, "support")
    assert agents.put(agent(owner=OTHER), make_default=False)


# The default one


def test_no_agent_is_the_default_unless_it_is_chosen() -> None:
    put()

    assert agents.default_of(OWNER) is None


def test_the_chosen_one_is_the_default_in_full() -> None:
    chosen = put(instructions="Be brief", tools=(WEATHER,), make_default=True)

    with measured() as cost:
        default = agents.default_of(OWNER)

    assert default == chosen == agents.find("support")
    assert chosen.default
    assert cost.operations == ["GetItem"]


def test_choosing_another_one_leaves_one_default() -> None:
    put("support", make_default=True)

    put("sales", make_default=True)

    assert defaults() == ["sales", "sales"]
    before = agents.find("support")
    assert before
    assert not before.default


def test_choosing_it_again_changes_nothing() -> None:
    put(make_default=True)

    assert put(make_default=True) == agents.default_of(OWNER)
    assert defaults() == ["support", "support"]


def test_the_default_that_is_put_again_stays_the_default_and_is_the_new_one() -> None:
    put(make_default=True)

    stored = put(name="Help")

    assert stored.default
    assert agents.default_of(OWNER) == stored == agents.find("support")


def test_putting_another_one_leaves_the_default() -> None:
    chosen = put("support", make_default=True)

    put("sales")

    assert agents.default_of(OWNER) == chosen
    assert defaults() == ["support", "support"]


def test_where_the_default_is_deleted_there_is_none() -> None:
    put("support", make_default=True)
    put("sales")

    agents.delete(OWNER, "support")

    assert agents.default_of(OWNER) is None
    assert defaults() == []


def test_deleting_another_one_leaves_the_default() -> None:
    chosen = put("support", make_default=True)
    put("sales")

    agents.delete(OWNER, "sales")

    assert agents.default_of(OWNER) == chosen


def test_accounts_have_defaults_of_their_own() -> None:
    mine, theirs = put(make_default=True), put("sales", owner=OTHER, make_default=True)

    assert (agents.default_of(OWNER), agents.default_of(OTHER)) == (mine, theirs)


# Two at once


def test_of_two_that_are_chosen_at_once_the_later_one_is_the_default() -> None:
    other = Fault("TransactWriteItems", meanwhile(lambda: put("sales", make_default=True)))

    with faults(other):
        chosen = put("support", make_default=True)

    assert agents.default_of(OWNER) == chosen
    assert defaults() == ["support", "support"]
    assert [entry.id for entry in agents.all_of(OWNER)] == ["sales", "support"]


def test_one_that_is_chosen_while_it_is_put_again_stays_chosen() -> None:
    put()
    choosing = Fault("TransactWriteItems", meanwhile(lambda: put(make_default=True)))

    with faults(choosing):
        stored = put(name="Help")

    assert stored.default
    assert agents.default_of(OWNER) == stored


def test_one_that_is_no_more_the_default_while_it_is_put_again_stays_none() -> None:
    put("support", make_default=True)
    another = Fault("TransactWriteItems", meanwhile(lambda: put("sales", make_default=True)))

    with faults(another):
        stored = put("support", name="Help")

    assert not stored.default
    assert defaults() == ["sales", "sales"]


def test_one_that_is_chosen_while_it_is_deleted_is_not_the_default() -> None:
    put()
    choosing = Fault("TransactWriteItems", meanwhile(lambda: put(make_default=True)))

    with faults(choosing):
        assert agents.delete(OWNER, "support")

    assert agents.default_of(OWNER) is None
    assert agents.find("support") is None


def test_one_that_is_deleted_while_another_is_chosen_is_gone() -> None:
    put("support", make_default=True)
    deleting = Fault("TransactWriteItems", meanwhile(lambda: agents.delete(OWNER, "support")))

    with faults(deleting):
        chosen = put("sales", make_default=True)

    assert agents.find("support") is None
    assert agents.default_of(OWNER) == chosen


@pytest.mark.parametrize("kind", [conflict, lost_answer])
def test_a_put_is_made_again_where_that_may_help(kind: Any) -> None:
    with faults(Fault("TransactWriteItems", kind)) as struck:
        stored = put(make_default=True)

    assert struck
    assert agents.default_of(OWNER) == agents.find("support") == stored


# Sizes


def test_the_largest_agent_is_stored_as_the_default_too() -> None:
    fits = agent(instructions="ä" * ((agents.MAX_BYTES - agents.size_of(agent())) // 2 - 8))
    assert agents.MAX_BYTES - 10 <= agents.size_of(fits) <= agents.MAX_BYTES

    stored = agents.put(fits, make_default=True)

    assert agents.find("support") == agents.default_of(OWNER) == stored
    for partition in (keys.agent("support"), OWNER):
        item, *_ = connection().query(partition, consistent_read=True)["Items"]
        assert agents.MAX_BYTES - 100 <= size_of(item) <= ITEM_LIMIT


def test_no_agent_writes_more_than_its_items() -> None:
    with measured() as cost:
        put()

    # the agent, the entry of the list, the check that no other is the default
    assert cost.write_units == 6
    assert cost.operations == ["GetItem", "TransactWriteItems"]

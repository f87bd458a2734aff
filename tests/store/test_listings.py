"""The conversations with an agent, and those of an agent's end user: each once, latest activity
first, page by page, and nobody else's.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid
from reprise.chat.messages import Conversation
from reprise.store import conversations, keys
from reprise.store.listings import Listed, of_agent, of_end_user
from tests.capacity import measured
from tests.store.scribe import OTHER, OWNER, START, Scribe, read

SUPPORT = Agent("support", "Support", OWNER, "account-id", "standard", public=True)
CHOSEN = replace(SUPPORT, default=True)
SALES = replace(SUPPORT, id="sales")
IMPLICIT = Agent.implicit(OWNER, "account-id", "standard")
PUBLIC = keys.agent("support")

Read = Callable[[int, str | None], Listed]


def ids(listed: Listed) -> list[str]:
    return [conversation.id for conversation in listed.conversations]


def all_pages(page: Read, limit: int) -> list[str]:
    """The ids of a list that is read to its end."""
    found: list[str] = []
    cursor = None
    while True:
        listed = page(limit, cursor)
        found += ids(listed)
        cursor = listed.cursor
        if cursor is None:
            return found
        assert len(listed.conversations) == limit


# What is stored


@pytest.mark.parametrize(
    "said",
    [
        {"agent": "support"},
        {"agent": "support", "end_user": "ada"},
        {"end_user": "a.b_c-d"},
        {"owner": PUBLIC, "agent": "support"},
        {"owner": PUBLIC, "agent": "support", "end_user": "ada"},
        {"owner": keys.agent("a.b_c-1"), "agent": "a.b_c-1"},
    ],
    ids=lambda said: ", ".join(said),
)
def test_a_conversation_knows_its_agent_and_its_end_user(
    scribe: Scribe, said: dict[str, str]
) -> None:
    conversation = scribe.stored(**said)

    assert read(conversation) == conversation


def test_turns_and_titles_leave_both_as_they_are(scribe: Scribe) -> None:
    conversation = scribe.stored(agent="support", end_user="ada")

    begun, _, _ = scribe.exchange(conversation)
    conversations.rename(begun, "New", begun.activity + 1)

    there = read(conversation)
    assert there
    assert (there.agent, there.end_user) == ("support", "ada")
    assert ids(of_agent(SUPPORT, OWNER, 10)) == [conversation.id]
    assert ids(of_end_user(SUPPORT, OWNER, "ada", 10)) == [conversation.id]


def test_an_accounts_list_has_them_whatever_their_agent(scribe: Scribe) -> None:
    named, unnamed = scribe.stored(agent="support", end_user="ada"), scribe.stored()
    scribe.stored(owner=PUBLIC, agent="support")

    assert conversations.page(OWNER, 0, 10) == ([unnamed, named], 2)


# Whose they are


def test_an_agents_conversations_are_listed_and_no_others(scribe: Scribe) -> None:
    older, newer = scribe.stored(agent="support"), scribe.stored(agent="support")
    scribe.stored(agent="sales")
    scribe.stored()

    listed = of_agent(SUPPORT, OWNER, 10)

    assert listed == Listed([newer, older], None, 2)


def test_a_list_shows_all_that_there_is_but_the_head(scribe: Scribe) -> None:
    conversation = scribe.stored("Größe", agent="support", end_user="ada", model="fast")
    begun, _ = scribe.begun(conversation)

    for listed in (of_agent(SUPPORT, OWNER, 1), of_end_user(SUPPORT, OWNER, "ada", 1)):
        assert listed.conversations == [replace(begun, head=None, version=0)]


def test_the_default_agents_list_has_those_that_name_none(scribe: Scribe) -> None:
    unnamed, named = scribe.stored(), scribe.stored(agent="support")
    scribe.stored(agent="sales")

    assert ids(of_agent(CHOSEN, OWNER, 10)) == [named.id, unnamed.id]
    assert ids(of_agent(IMPLICIT, OWNER, 10)) == [unnamed.id]
    assert ids(of_agent(SUPPORT, OWNER, 10)) == [named.id]


def test_the_owner_of_a_public_agent_sees_what_the_public_has_with_it(scribe: Scribe) -> None:
    own, public = scribe.stored(agent="support"), scribe.stored(owner=PUBLIC, agent="support")

    assert of_agent(SUPPORT, OWNER, 10) == Listed([public, own], None, 2)


def test_another_account_sees_its_own_with_a_public_agent_only(scribe: Scribe) -> None:
    scribe.stored(agent="support", end_user="ada")
    scribe.stored(owner=PUBLIC, agent="support")
    scribe.stored(owner=OTHER)
    theirs = scribe.stored(owner=OTHER, agent="support", end_user="ada")

    for agent in (SUPPORT, CHOSEN):
        assert of_agent(agent, OTHER, 10) == Listed([theirs], None, 1)
        assert of_end_user(agent, OTHER, "ada", 10) == Listed([theirs], None, 1)


def test_the_owner_does_not_see_what_another_account_has_with_it(scribe: Scribe) -> None:
    scribe.stored(owner=OTHER, agent="support", end_user="ada")
    scribe.stored(owner=OTHER)

    for agent in (SUPPORT, CHOSEN, IMPLICIT):
        assert of_agent(agent, OWNER, 10) == Listed([], None, 0)
        assert of_end_user(agent, OWNER, "ada", 10) == Listed([], None, 0)


def test_ids_that_begin_alike_are_kept_apart(scribe: Scribe) -> None:
    scribe.stored(agent="support-2", end_user="ada-2")
    scribe.stored(owner=keys.agent("support-2"), agent="support-2")

    assert of_agent(SUPPORT, OWNER, 10).total == 0
    assert of_end_user(CHOSEN, OWNER, "ada", 10).total == 0


def test_an_end_users_conversations_are_those_with_this_agent(scribe: Scribe) -> None:
    with_support = scribe.stored(agent="support", end_user="ada")
    with_none = scribe.stored(end_user="ada")
    scribe.stored(agent="sales", end_user="ada")
    scribe.stored(agent="support", end_user="bob")
    scribe.stored(agent="support")

    assert ids(of_end_user(SUPPORT, OWNER, "ada", 10)) == [with_support.id]
    assert ids(of_end_user(CHOSEN, OWNER, "ada", 10)) == [with_none.id, with_support.id]
    assert ids(of_end_user(IMPLICIT, OWNER, "ada", 10)) == [with_none.id]
    assert of_end_user(SALES, OWNER, "eve", 10) == Listed([], None, 0)


def test_a_deleted_conversation_is_in_no_list(scribe: Scribe) -> None:
    conversation = scribe.stored(agent="support", end_user="ada")

    conversations.delete(conversation)

    assert of_agent(SUPPORT, OWNER, 10) == Listed([], None, 0)
    assert of_end_user(SUPPORT, OWNER, "ada", 10) == Listed([], None, 0)


# Page by page


def mixed(scribe: Scribe, count: int, ms: int = 1) -> list[Conversation]:
    """What belongs to the default agent `support`, of all kinds, and as many others; the latest
    first. Several have the same activity where `ms` is less than their number.
    """
    kinds: list[dict[str, Any]] = [
        {"agent": "support"},
        {},
        {"owner": PUBLIC, "agent": "support"},
    ]
    made = []
    for number in range(count):
        activity = scribe.now_ms + 60_000 + number * ms // count
        kind = kinds[Random(number).randrange(3)]
        made.append(scribe.stored(activity=activity, end_user="ada", **kind))
        scribe.stored(activity=activity, end_user="ada", agent="sales")
    return sorted(made, key=lambda each: -each.activity)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21, 100])
def test_pages_follow_each_other_to_the_end(scribe: Scribe, limit: int) -> None:
    stored = mixed(scribe, 20, ms=20_000)

    found = all_pages(lambda *page: of_agent(CHOSEN, OWNER, *page), limit)

    assert found == [each.id for each in stored]


@settings(settings.get_profile("store"))
@given(
    drawn=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12),
    limit=st.integers(1, 13),
)
def test_conversations_of_the_same_moment_are_each_listed_once(
    scribe: Scribe, drawn: list[tuple[int, int]], limit: int
) -> None:
    number = scribe.mint.number()  # of an account of its own: the examples share a table
    owner, agent_id = keys.account(number), f"agent-{number}"
    agent = replace(CHOSEN, id=agent_id, owner=owner)
    kinds: list[dict[str, Any]] = [
        {"owner": owner, "agent": agent_id},
        {"owner": owner},
        {"owner": keys.agent(agent_id), "agent": agent_id},
        {"owner": owner, "agent": "another"},
    ]
    stored = [
        scribe.stored(activity=START + tick, end_user="ada", **kinds[kind]) for kind, tick in drawn
    ]

    found = all_pages(lambda *page: of_agent(agent, owner, *page), limit)
    of_ada = all_pages(lambda *page: of_end_user(agent, owner, "ada", *page), limit)

    belonging = [each for each in stored if each.agent in (None, agent_id)]
    assert sorted(found) == sorted(each.id for each in belonging)
    assert sorted(of_ada) == sorted(each.id for each in belonging if each.owner == owner)
    activity = {each.id: each.activity for each in stored}
    for listed in (found, of_ada):
        times = [activity[each] for each in listed]
        assert times == sorted(times, reverse=True)


def test_every_page_tells_how_many_there_were_at_first(scribe: Scribe) -> None:
    mixed(scribe, 5, ms=5)
    first = of_agent(CHOSEN, OWNER, 2)
    scribe.stored(agent="support")

    second = of_agent(CHOSEN, OWNER, 2, first.cursor)

    assert (first.total, second.total) == (5, 5)
    assert of_agent(CHOSEN, OWNER, 2).total == 6


def test_what_came_later_is_on_no_further_page(scribe: Scribe) -> None:
    """Whichever source it is in: none of them was looked at by the first page but one."""
    stored = [scribe.stored(agent="support") for _ in range(4)][::-1]
    first = of_agent(CHOSEN, OWNER, 2)
    for kind in ({"agent": "support"}, {}, {"owner": PUBLIC, "agent": "support"}):
        scribe.stored(**kind)

    second = of_agent(CHOSEN, OWNER, 10, first.cursor)

    assert ids(second) == [each.id for each in stored[2:]]


def test_a_page_begins_where_the_last_one_ended_though_its_last_one_moved(scribe: Scribe) -> None:
    stored = [scribe.stored(agent="support") for _ in range(3)][::-1]
    first = of_agent(SUPPORT, OWNER, 1)
    scribe.begun(stored[0])

    second = of_agent(SUPPORT, OWNER, 1, first.cursor)

    assert ids(second) == [stored[1].id]


def test_a_page_begins_where_the_last_one_ended_though_its_last_one_is_deleted(
    scribe: Scribe,
) -> None:
    stored = [scribe.stored() for _ in range(3)][::-1]
    first = of_agent(IMPLICIT, OWNER, 1)
    conversations.delete(stored[0])

    assert ids(of_agent(IMPLICIT, OWNER, 1, first.cursor)) == [stored[1].id]


def test_a_list_of_many_index_pages_is_read_to_its_end(scribe: Scribe) -> None:
    """An index page holds 1 MB; titles as long as these make several of each source's."""
    stored = []
    for number in range(8):
        stored.append(scribe.stored("x" * 200_000 + str(number), agent="support"))
        stored.append(scribe.stored("x" * 200_000 + str(number)))

    with measured(units=False) as cost:
        listed = of_agent(CHOSEN, OWNER, 14)

    assert ids(listed) == [each.id for each in stored[:1:-1]]
    assert listed.total == 16
    assert len(cost.calls) > 3


# What it costs


def test_a_page_costs_a_read_of_each_source(scribe: Scribe) -> None:
    for _ in range(30):
        scribe.stored(agent="support")
        scribe.stored()

    with measured() as named:
        of_agent(SUPPORT, OWNER, 20)
    with measured() as chosen:
        of_agent(CHOSEN, OWNER, 20)

    # each source a page and the rest of the count, half a unit at least
    assert [timed.call.request["IndexName"] for timed in named.calls] == [
        "by_agent",
        "by_owner",
        "by_agent",
    ]
    assert named.read_units <= 2.5
    assert chosen.read_units <= 5


def test_a_further_page_counts_nothing(scribe: Scribe) -> None:
    for _ in range(30):
        scribe.stored(agent="support")
    first = of_agent(SUPPORT, OWNER, 10)

    with measured() as cost:
        second = of_agent(SUPPORT, OWNER, 10, first.cursor)

    assert second.total == 30
    assert len(cost.calls) == 2  # a page of each source
    assert cost.read_units <= 2


def test_the_few_that_name_no_agent_are_found_among_many_that_do(scribe: Scribe) -> None:
    """In pages that grow: not as many reads as conversations are passed over."""
    unnamed = [scribe.stored() for _ in range(3)][::-1]
    for _ in range(150):
        scribe.stored(agent="sales")
    newest = [scribe.stored() for _ in range(2)][::-1]
    first = of_agent(IMPLICIT, OWNER, 1)

    with measured() as cost:
        second = of_agent(IMPLICIT, OWNER, 2, first.cursor)

    assert ids(first) == [newest[0].id]
    assert ids(second) == [newest[1].id, unnamed[0].id]
    assert len(cost.calls) == 4


# Cursors


def test_a_cursor_is_one_word_and_tells_nothing_about_keys(scribe: Scribe) -> None:
    mixed(scribe, 3)

    cursor = of_agent(CHOSEN, OWNER, 1).cursor

    assert cursor
    assert len(cursor) < 150
    assert all(part.isalnum() for part in cursor.rstrip("=").replace("-", "").split("_"))
    assert "USER" not in base64.urlsafe_b64decode(cursor).decode()


def made_of(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "next",
        "é",
        "\ud800",
        "=" * 8,
        "AAAA",
        made_of(None),
        made_of({}),
        made_of([]),
        made_of([1]),
        made_of([1, 1]),
        made_of([1, 1, 1, 1]),
        made_of([1, 1, "1"]),
        made_of([1, 1, 1.5]),
        made_of([1, 1, True]),
        made_of(["1", 1, 1]),
        made_of([1, None, 1]),
        made_of([-1, 1, 1]),
        made_of([1, -1, 1]),
        made_of([1, 1, -1]),
        made_of([1 << 53, 1, 1]),
        made_of([1, 1, 10**30]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        made_of([1, 1, 1]) + "!",
    ],
    ids=lambda cursor: cursor.encode("ascii", "replace").decode()[:20],
)
def test_another_cursor_is_refused(scribe: Scribe, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        of_agent(IMPLICIT, OWNER, 10, cursor)

    assert refused.value.field == "cursor"


def test_a_cursor_of_another_list_is_refused_or_shows_this_one(scribe: Scribe) -> None:
    mine = [scribe.stored(agent="support") for _ in range(3)]
    for _ in range(3):
        scribe.stored(owner=OTHER, agent="support")
    theirs = of_agent(SUPPORT, OTHER, 1).cursor

    with pytest.raises(Invalid):
        of_agent(SUPPORT, OWNER, 10, theirs)
    seen = of_end_user(SUPPORT, OWNER, "ada", 10, theirs)
    assert set(ids(seen)) <= {each.id for each in mine}

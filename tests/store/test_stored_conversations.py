"""Conversations are made once, found by their number, listed by activity, and gone when deleted."""

from dataclasses import replace

import pytest

from reprise.chat.messages import Conversation
from reprise.store import conversations, generations, keys
from tests.capacity import measured
from tests.faults import Fault, conflict, faults, meanwhile, repeated
from tests.store.scribe import EXPIRES, OTHER, OWNER, Scribe, everything, found, read

# Making and finding


def test_a_new_conversation_is_found_as_it_was_made(scribe: Scribe) -> None:
    conversation = scribe.conversation("Größe 👍", model="fast")

    stored = conversations.create(conversation)

    assert stored
    assert conversations.find(OWNER, conversation.number) == (conversation, None)


def test_a_conversation_without_a_title_stays_without(scribe: Scribe) -> None:
    conversation = scribe.stored(None)

    assert read(conversation) == conversation


def test_a_number_that_is_taken_stores_nothing(scribe: Scribe) -> None:
    first = scribe.stored("First")
    second = replace(scribe.conversation("Second"), number=first.number)

    stored = conversations.create(second)

    assert not stored
    assert read(first) == first


def test_the_same_number_may_be_anothers_too(scribe: Scribe) -> None:
    mine = scribe.stored("Mine")
    theirs = replace(scribe.conversation("Theirs", owner=OTHER), number=mine.number)

    stored = conversations.create(theirs)

    assert stored
    assert (read(mine), read(theirs)) == (mine, theirs)


def test_a_making_whose_answer_was_lost_is_no_collision_with_itself(scribe: Scribe) -> None:
    conversation = scribe.conversation()

    with faults(Fault("PutItem", repeated)) as struck:
        stored = conversations.create(conversation)

    assert struck
    assert stored
    assert read(conversation) == conversation


def test_anothers_conversation_is_not_found(scribe: Scribe) -> None:
    conversation = scribe.stored()

    assert conversations.find(OTHER, conversation.number) == (None, None)


@pytest.mark.usefixtures("aws")
def test_a_number_that_nobody_has_is_not_found() -> None:
    assert conversations.find(OWNER, 1) == (None, None)


def test_a_conversation_is_found_with_its_lease_in_one_round_trip(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with measured() as cost:
        there, lease = conversations.find(OWNER, conversation.number)

    assert there == conversation
    assert lease
    assert (lease.generation, lease.expires) == (answer.id, EXPIRES)
    assert cost.operations == ["BatchGetItem"]


# Listing


def listed(scribe: Scribe, count: int) -> list[Conversation]:
    """So many stored conversations, as a list shows them: latest activity first."""
    return [scribe.stored(f"Trip {number}") for number in range(count)][::-1]


def test_a_list_has_the_latest_activity_first(scribe: Scribe) -> None:
    old, new = scribe.stored("Old"), scribe.stored("New")
    revived, _ = scribe.begun(old)

    page, total = conversations.page(OWNER, 0, 10)

    assert [(c.title, c.activity) for c in page] == [
        ("Old", revived.activity),
        ("New", new.activity),
    ]
    assert total == 2


def test_a_list_shows_what_an_index_carries(scribe: Scribe) -> None:
    conversation = scribe.stored("Trip", model="fast")
    scribe.begun(conversation)

    (shown,), _ = conversations.page(OWNER, 0, 1)

    assert replace(shown, activity=conversation.activity) == conversation
    assert shown.head is None  # which lists do not tell


def test_nobody_sees_another_owners_conversations(scribe: Scribe) -> None:
    mine = scribe.stored()
    scribe.stored("Theirs", owner=OTHER)

    page, total = conversations.page(OWNER, 0, 10)

    assert ([shown.id for shown in page], total) == ([mine.id], 1)


@pytest.mark.usefixtures("aws")
def test_an_owner_without_conversations_has_an_empty_list() -> None:
    assert conversations.page(OWNER, 0, 10) == ([], 0)


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 3), (3, 3), (6, 3), (0, 7), (0, 8), (6, 1), (2, 2), (0, 1)]
)
def test_a_page_is_a_slice_and_tells_the_total(scribe: Scribe, offset: int, limit: int) -> None:
    stored = listed(scribe, 7)

    page, total = conversations.page(OWNER, offset, limit)

    assert page == stored[offset : offset + limit]
    assert total == 7


@pytest.mark.parametrize("offset", [3, 4, 1000])
def test_a_page_beyond_the_end_is_empty_and_tells_the_total(scribe: Scribe, offset: int) -> None:
    listed(scribe, 3)

    assert conversations.page(OWNER, offset, 10) == ([], 3)


def test_conversations_of_the_same_millisecond_are_each_listed_once(scribe: Scribe) -> None:
    stored = {scribe.stored(activity=scribe.now_ms + 60_000).id for _ in range(5)}
    together = [conversations.page(OWNER, offset, 2)[0] for offset in (0, 2, 4)]

    assert {shown.id for page in together for shown in page} == stored
    assert [len(page) for page in together] == [2, 2, 1]


def test_a_list_of_many_index_pages_is_read_to_its_end(scribe: Scribe) -> None:
    """An index page holds 1 MB; titles as long as these make four of them."""
    stored = [scribe.stored("x" * 200_000 + str(number)) for number in range(16)][::-1]

    with measured(units=False) as cost:
        page, total = conversations.page(OWNER, 9, 4)

    assert page == stored[9:13]
    assert total == 16
    assert len(cost.calls) > 1


def test_a_list_reads_the_index_only(scribe: Scribe) -> None:
    listed(scribe, 5)

    with measured() as cost:
        conversations.page(OWNER, 1, 2)

    assert {timed.call.request.get("IndexName") for timed in cost.calls} == {"by_owner"}
    assert cost.read_units == 1  # half a unit for the page, half a unit for the rest


# Renaming


def test_renaming_changes_title_and_activity_and_nothing_else(scribe: Scribe) -> None:
    conversation, _, _ = scribe.exchange(scribe.stored("Old", model="fast"))

    renamed = conversations.rename(conversation, "New", conversation.activity + 5000)

    assert renamed == replace(conversation, title="New", activity=conversation.activity + 5000)
    assert read(conversation) == renamed


def test_a_renamed_conversation_is_listed_under_its_new_title(scribe: Scribe) -> None:
    conversation, other = scribe.stored("Old"), scribe.stored("Other")

    conversations.rename(conversation, "New", other.activity + 1)

    page, _ = conversations.page(OWNER, 0, 10)
    assert [shown.title for shown in page] == ["New", "Other"]


def test_renaming_does_not_lose_a_head_that_moved_meanwhile(scribe: Scribe) -> None:
    conversation = scribe.stored("Old")
    moved, _ = scribe.begun(conversation)

    conversations.rename(conversation, "New", scribe.now_ms)

    there = read(conversation)
    assert there
    assert (there.title, there.head, there.version) == ("New", moved.head, moved.version)


def test_renaming_waits_for_a_turn_that_begins_at_the_same_moment(scribe: Scribe) -> None:
    conversation = scribe.stored("Old")

    with faults(Fault("UpdateItem", conflict)) as struck:
        renamed = conversations.rename(conversation, "New", scribe.now_ms)

    assert struck
    assert read(conversation) == renamed


def test_renaming_what_is_gone_brings_nothing_back(scribe: Scribe) -> None:
    conversation = scribe.stored()
    conversations.delete(conversation)

    assert conversations.rename(conversation, "New", scribe.now_ms) is None
    assert read(conversation) is None


def test_renaming_another_conversation_of_the_same_number_does_nothing(scribe: Scribe) -> None:
    gone = scribe.stored("Old")
    conversations.delete(gone)
    successor = replace(scribe.conversation("Successor"), number=gone.number)
    conversations.create(successor)

    assert conversations.rename(gone, "New", scribe.now_ms) is None
    assert read(successor) == successor


# Deleting


def test_a_deleted_conversation_is_neither_found_nor_listed(scribe: Scribe) -> None:
    conversation, _, _ = scribe.exchange(scribe.stored())

    deleted = conversations.delete(conversation)

    assert deleted
    assert conversations.find(OWNER, conversation.number) == (None, None)
    assert conversations.page(OWNER, 0, 10) == ([], 0)
    assert found(conversation).conversation is None


def test_deleting_twice_is_noticed(scribe: Scribe) -> None:
    conversation = scribe.stored()

    assert conversations.delete(conversation)
    assert not conversations.delete(conversation)


def test_a_deletion_whose_answer_was_lost_is_a_deletion(scribe: Scribe) -> None:
    conversation = scribe.stored()

    with faults(Fault("TransactWriteItems", repeated)) as struck:
        deleted = conversations.delete(conversation)

    assert struck
    assert deleted


def test_deleting_what_never_was_is_noticed(scribe: Scribe) -> None:
    assert not conversations.delete(scribe.conversation())


def test_deleting_takes_the_lease_along(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    conversations.delete(conversation)

    with pytest.raises(generations.Lost):
        generations.renew(conversation, answer.id, EXPIRES + 10)


def test_deleting_leaves_another_conversation_of_the_same_number(scribe: Scribe) -> None:
    gone = scribe.stored("Old")
    conversations.delete(gone)
    successor = replace(scribe.conversation("Successor"), number=gone.number)
    conversations.create(successor)
    running, _ = scribe.begun(successor)

    assert not conversations.delete(gone)
    assert read(successor) == running
    assert found(successor).lease


def test_deleting_does_not_wait_for_messages(scribe: Scribe) -> None:
    conversation, _ = scribe.filled(200)

    with measured(units=False) as cost:
        conversations.delete(conversation)

    assert cost.operations == ["TransactWriteItems"]
    assert len(everything(conversation)) == 200  # purge's


def test_a_conversation_that_moved_before_its_deletion_is_deleted(scribe: Scribe) -> None:
    conversation = scribe.stored()

    with faults(Fault("TransactWriteItems", meanwhile(lambda: scribe.begun(conversation)))):
        assert conversations.delete(conversation)

    assert conversations.find(OWNER, conversation.number) == (None, None)


# Keys


def test_every_key_of_a_conversation_names_its_owner_first(scribe: Scribe) -> None:
    conversation, _, _ = scribe.exchange(scribe.stored())

    for item in everything(conversation):
        owner, number = keys.split_conversation(item["pk"]["S"])
        assert (owner, number) == (OWNER, conversation.number)


def test_one_reverse_query_meets_lease_conversation_and_messages_in_this_order(
    scribe: Scribe,
) -> None:
    conversation, _ = scribe.begun(scribe.stored())
    head = str(conversation.head)

    order = [keys.message(head), keys.META, keys.LEASE, keys.versions(head, "user")]

    assert order[0] > keys.FIRST_MESSAGE
    assert sorted(order) == order

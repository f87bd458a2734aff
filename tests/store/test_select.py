"""Another branch is shown, and where the shown one was left is remembered."""

import pytest
from pynamodb.exceptions import TransactWriteError

from reprise.chat.messages import Conversation, Message
from reprise.store import conversations, generations, keys, versions
from reprise.store.generations import Held, Moved
from tests.capacity import measured
from tests.faults import EVERY, Fault, Kind, faults, lost_answer, meanwhile, repeated, timeout
from tests.store import scribe as stored
from tests.store.scribe import EXPIRES, Scribe, everything, read, shown


def two_versions(scribe: Scribe) -> tuple[Conversation, Message, Message, Message]:
    """A conversation that shows the second version of an answer, its question and the two."""
    conversation, question, first = scribe.exchange(scribe.stored())
    redo = scribe.redo(conversation, first, question)
    conversation = generations.begin(redo, EXPIRES)
    second = scribe.finished(redo.messages[0], "Second")
    generations.end(conversation, second)
    return conversation, question, first, second


def select(conversation: Conversation, head: Message, fork: Message) -> Conversation:
    """Show the branch of `head`, which parts from the shown one at `fork`; the conversation
    then.
    """
    sort = versions.key_of(conversation, fork)
    generations.select(conversation, head.id, sort, versions.left(conversation).get(sort, []))
    there = read(conversation)
    assert there
    return there


def heads_left(conversation: Conversation) -> list[str]:
    return versions.heads_left(versions.left(conversation))


def test_the_selected_branch_is_shown_and_the_version_moves(scribe: Scribe) -> None:
    conversation, question, first, second = two_versions(scribe)

    selected = select(conversation, first, second)

    assert shown(selected) == [first.id, question.id]
    assert selected.version == conversation.version + 1
    assert selected.activity == conversation.activity, "nothing was said"


def test_the_head_that_is_left_is_noted(scribe: Scribe) -> None:
    conversation, question, first, second = two_versions(scribe)

    select(conversation, first, second)

    assert stored.versions(conversation, question.id) == ([first.id, second.id], [second.id])


def test_to_and_fro_notes_each_head_once_the_latest_last(scribe: Scribe) -> None:
    conversation, question, first, second = two_versions(scribe)

    for _ in range(3):
        conversation = select(conversation, first, second)
        conversation = select(conversation, second, first)

    noted = stored.versions(conversation, question.id)
    assert noted == ([first.id, second.id], [second.id, first.id])
    assert heads_left(conversation) == [first.id, second.id]


def test_heads_left_sort_by_when_they_were_left_wherever_it_was(scribe: Scribe) -> None:
    conversation, question, first, second = two_versions(scribe)
    conversation, followup, tip = scribe.exchange(conversation, second)
    edit = scribe.send(conversation, None, "Better")
    edited = generations.begin(generations.Turn(conversation, edit.messages, question.id), EXPIRES)
    answer = scribe.finished(edit.messages[-1], "Well")
    generations.end(edited, answer)
    conversation = select(edited, tip, edit.messages[0])
    conversation = select(conversation, first, second)

    assert heads_left(conversation) == [tip.id, answer.id]
    assert stored.versions(conversation, None, "user") == (
        [question.id, edit.messages[0].id],
        [tip.id, answer.id],
    )
    assert followup.id not in shown(conversation)


def test_where_nothing_ever_branched_nothing_is_read(scribe: Scribe) -> None:
    conversation, _, _ = scribe.exchange(scribe.stored())

    with measured(units=False) as cost:
        assert versions.left(conversation) == {}

    assert cost.operations == []


def test_selecting_is_one_call_that_leaves_the_list_alone(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    sort = versions.key_of(conversation, second)

    with measured() as cost:
        generations.select(conversation, first.id, sort, [])

    assert cost.operations == ["TransactWriteItems"]
    assert cost.write_units == 6  # the conversation, the versions, the look at the lease


# What is refused


def test_a_conversation_that_moved_meanwhile_stays_as_it_is(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    scribe.exchange(conversation, second)
    before = everything(conversation)

    with pytest.raises(Moved):
        select(conversation, first, second)

    assert everything(conversation) == before


def test_nothing_is_selected_while_an_answer_is_written(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    conversation, placeholder = scribe.begun(conversation, second)
    before = everything(conversation)

    with pytest.raises(Held) as held:
        select(conversation, first, second)

    assert held.value.lease.generation == placeholder.id
    assert everything(conversation) == before


def test_a_turn_that_begins_at_the_same_moment_wins(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    begins = meanwhile(lambda: scribe.begun(conversation, second))

    with faults(Fault("TransactWriteItems", begins)), pytest.raises(Held):
        select(conversation, first, second)


def test_a_deleted_conversation_does_not_come_back(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    conversations.delete(conversation)
    before = everything(conversation)

    with pytest.raises(Moved):
        generations.select(conversation, first.id, versions.key_of(conversation, second), [])

    assert everything(conversation) == before


# Ambiguous outcomes


def test_what_is_selected_already_stays_selected(scribe: Scribe) -> None:
    conversation, _, first, second = two_versions(scribe)
    select(conversation, first, second)
    before = everything(conversation)

    select(conversation, first, second)

    assert everything(conversation) == before


@pytest.mark.parametrize("fault", [repeated, lost_answer, timeout], ids=lambda kind: kind.__name__)
def test_a_selection_of_which_nothing_was_heard_happens_once(scribe: Scribe, fault: Kind) -> None:
    conversation, question, first, second = two_versions(scribe)

    with faults(Fault("TransactWriteItems", fault)) as struck:
        selected = select(conversation, first, second)

    assert struck
    assert (selected.head, selected.version) == (first.id, conversation.version + 1)
    assert stored.versions(conversation, question.id) == ([first.id, second.id], [second.id])


def test_a_selection_that_never_got_through_may_be_tried_again(scribe: Scribe) -> None:
    conversation, question, first, second = two_versions(scribe)
    with (
        faults(Fault("TransactWriteItems", lost_answer, on=EVERY)),
        pytest.raises(TransactWriteError),
    ):
        select(conversation, first, second)

    assert select(conversation, first, second).head == first.id
    assert keys.versions(question.id, "assistant") == versions.key_of(conversation, first)

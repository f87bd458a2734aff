"""A turn is stored all or nothing, by whoever comes first, and once however often it is asked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pynamodb.exceptions import TransactWriteError

from reprise.chat.messages import Lease
from reprise.store import conversations, generations
from reprise.store.generations import Held, Moved, Turn
from tests.capacity import measured
from tests.faults import EVERY, Fault, Kind, faults, lost_answer, meanwhile, repeated, timeout
from tests.store.scribe import (
    EXPIRES,
    OWNER,
    Scribe,
    everything,
    found,
    read,
    shown,
    versions,
)

# What is stored


def test_a_turn_is_stored_with_its_lease_and_the_head_moves(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turn = scribe.send(conversation)
    question, placeholder = turn.messages

    begun = generations.begin(turn, EXPIRES)

    assert begun == replace(conversation, head=placeholder.id, version=1, activity=question.created)
    latest = found(conversation)
    assert latest.conversation == begun
    assert latest.lease == Lease(placeholder.id, EXPIRES)
    assert latest.lease.expires == EXPIRES
    assert latest.messages == {question.id: question, placeholder.id: placeholder}


def test_a_turn_is_one_call(scribe: Scribe) -> None:
    turn = scribe.send(scribe.stored())

    with measured(units=False) as cost:
        generations.begin(turn, EXPIRES)

    assert cost.operations == ["TransactWriteItems"]


def test_each_turn_goes_under_the_one_before(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, second, reply = scribe.exchange(conversation, answer)

    assert shown(conversation) == [reply.id, second.id, answer.id, question.id]
    assert conversation.version == 2


def test_a_conversation_may_begin_with_its_first_turn(scribe: Scribe) -> None:
    turn = replace(scribe.send(scribe.conversation()), created=True)

    begun = generations.begin(turn, EXPIRES)

    assert read(begun) == begun
    assert shown(begun) == [m.id for m in reversed(turn.messages)]
    assert conversations.page(OWNER, 0, 10)[1] == 1


def test_a_turn_leaves_a_new_title_alone(scribe: Scribe) -> None:
    conversation = scribe.stored("Old")
    turn = scribe.send(conversation)
    conversations.rename(conversation, "New", scribe.now_ms)

    generations.begin(turn, EXPIRES)

    there = read(conversation)
    assert there
    assert there.title == "New"


# What is refused


def test_of_two_turns_at_one_head_the_first_wins_and_the_second_stores_nothing(
    scribe: Scribe,
) -> None:
    conversation = scribe.stored()
    first, second = scribe.send(conversation, text="1"), scribe.send(conversation, text="2")
    generations.begin(first, EXPIRES)
    before = everything(conversation)

    with pytest.raises(Held) as held:
        generations.begin(second, EXPIRES)

    assert held.value.lease.generation == first.messages[-1].id
    assert held.value.lease.expires == EXPIRES
    assert everything(conversation) == before


def test_a_turn_at_a_head_that_has_moved_stores_nothing(scribe: Scribe) -> None:
    conversation = scribe.stored()
    late = scribe.send(conversation, text="late")
    scribe.exchange(conversation)
    before = everything(conversation)

    with pytest.raises(Moved):
        generations.begin(late, EXPIRES)

    assert everything(conversation) == before


def test_a_turn_in_a_deleted_conversation_brings_nothing_back(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turn = scribe.send(conversation)
    conversations.delete(conversation)

    with pytest.raises(Moved):
        generations.begin(turn, EXPIRES)

    assert everything(conversation) == []


def test_a_turn_does_not_get_into_another_conversation_of_the_same_number(scribe: Scribe) -> None:
    gone = scribe.stored()
    turn = scribe.send(gone)
    conversations.delete(gone)
    successor = replace(scribe.conversation(), number=gone.number)
    conversations.create(successor)

    with pytest.raises(Moved):
        generations.begin(turn, EXPIRES)

    assert len(everything(successor)) == 1


def test_an_expired_lease_is_a_lease_until_it_is_repaired(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    turn = scribe.send(conversation, placeholder)

    with pytest.raises(Held):
        generations.begin(turn, EXPIRES + 3600)


def test_a_first_turn_whose_number_is_taken_leaves_what_is_there(scribe: Scribe) -> None:
    there, _ = scribe.begun(scribe.stored())
    before = everything(there)
    conversation = scribe.conversation(number=there.number)
    turn = replace(scribe.send(conversation), created=True)

    with pytest.raises((Moved, Held)):
        generations.begin(turn, EXPIRES)

    assert everything(there) == before


def test_of_many_that_begin_at_once_one_does(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turns = [scribe.send(conversation, text=str(number)) for number in range(8)]

    def begin(turn: Turn) -> str | None:
        try:
            return generations.begin(turn, EXPIRES).head
        except (Held, Moved):
            return None

    with ThreadPoolExecutor(8) as threads:
        heads = [head for head in threads.map(begin, turns) if head]

    latest = found(conversation)
    assert latest.conversation
    assert heads == [latest.conversation.head]
    assert len(latest.messages) == 2


# Ambiguous outcomes


def test_a_turn_that_was_stored_already_is_begun(scribe: Scribe) -> None:
    turn = scribe.send(scribe.stored())
    first = generations.begin(turn, EXPIRES)
    before = everything(first)

    again = generations.begin(turn, EXPIRES)

    assert again == first
    assert everything(first) == before


def test_a_first_turn_that_was_stored_already_is_begun(scribe: Scribe) -> None:
    turn = replace(scribe.send(scribe.conversation()), created=True)
    first = generations.begin(turn, EXPIRES)

    assert generations.begin(turn, EXPIRES) == first


def test_a_redo_that_was_stored_already_is_noted_once(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    turn = scribe.redo(conversation, answer, question)
    first = generations.begin(turn, EXPIRES)

    again = generations.begin(turn, EXPIRES)

    assert again == first
    assert versions(conversation, question.id) == ([answer.id, turn.messages[0].id], [])


def test_an_append_that_was_stored_already_is_stored(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turn = Turn(conversation, (scribe.message(conversation),))
    first = generations.begin(turn, EXPIRES)

    assert generations.begin(turn, EXPIRES) == first


@pytest.mark.parametrize("fault", [repeated, lost_answer, timeout], ids=lambda kind: kind.__name__)
def test_a_turn_of_which_nothing_was_heard_is_begun_once(scribe: Scribe, fault: Kind) -> None:
    turn = scribe.send(scribe.stored())

    with faults(Fault("TransactWriteItems", fault)) as struck:
        begun = generations.begin(turn, EXPIRES)

    assert struck
    assert read(begun) == begun
    assert found(begun).messages.keys() == {m.id for m in turn.messages}


def test_a_turn_whose_outcome_stays_unclear_is_an_error_and_may_be_tried_again(
    scribe: Scribe,
) -> None:
    turn = scribe.send(scribe.stored())
    with (
        faults(Fault("TransactWriteItems", lost_answer, on=EVERY)),
        pytest.raises(TransactWriteError),
    ):
        generations.begin(turn, EXPIRES)

    begun = generations.begin(turn, EXPIRES)

    assert begun.head == turn.messages[-1].id
    assert read(begun) == begun


def test_a_turn_that_never_got_through_stored_nothing(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turn = scribe.send(conversation)
    before = everything(conversation)

    with (
        faults(Fault("TransactWriteItems", timeout, on=EVERY)),
        pytest.raises(TransactWriteError),
    ):
        generations.begin(turn, EXPIRES)

    assert everything(conversation) == before


def test_anothers_turn_that_came_first_is_not_taken_for_our_own(scribe: Scribe) -> None:
    conversation = scribe.stored()
    ours = scribe.send(conversation)
    theirs = scribe.send(conversation)
    theirs_first = meanwhile(lambda: generations.begin(theirs, EXPIRES))

    with (
        faults(Fault("TransactWriteItems", theirs_first)),
        pytest.raises(Held) as held,
    ):
        generations.begin(ours, EXPIRES)

    assert held.value.lease.generation == theirs.messages[-1].id


# A message that nobody answers


def test_a_message_that_nobody_answers_takes_no_lease(scribe: Scribe) -> None:
    conversation = scribe.stored()
    note = scribe.message(conversation, role="system")

    begun = generations.begin(Turn(conversation, (note,)), EXPIRES)

    latest = found(conversation)
    assert latest.lease is None
    assert latest.messages == {note.id: note}
    assert (
        latest.conversation
        == begun
        == replace(conversation, head=note.id, version=1, activity=note.created)
    )


def test_nothing_is_appended_while_an_answer_is_written(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    before = everything(conversation)
    note = scribe.message(conversation, placeholder)

    with pytest.raises(Held) as held:
        generations.begin(Turn(conversation, (note,)), EXPIRES)

    assert held.value.lease == Lease(placeholder.id, EXPIRES)
    assert everything(conversation) == before


def test_a_conversation_may_begin_with_a_message_that_nobody_answers(scribe: Scribe) -> None:
    conversation = scribe.conversation()
    note = scribe.message(conversation)

    begun = generations.begin(Turn(conversation, (note,), created=True), EXPIRES)

    assert shown(begun) == [note.id]

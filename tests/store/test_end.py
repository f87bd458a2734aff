"""An answer is ended by whoever writes it, once, and by nobody whose it is not any more."""

import pytest
from pynamodb.exceptions import TransactWriteError

from reprise.chat.messages import Hold, Text, ToolCall, Usage
from reprise.store import bodies, conversations, generations, keys, messages
from reprise.store.generations import Lost
from tests.capacity import measured
from tests.faults import EVERY, Fault, Kind, faults, lost_answer, repeated, timeout
from tests.store.scribe import (
    EXPIRES,
    OWNER,
    Scribe,
    drop_lease,
    everything,
    found,
    message,
    read,
)

LARGE = "x" * (bodies.LIMIT + 1)


# What is stored


def test_an_ended_answer_is_stored_and_its_lease_is_gone(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    said = (Text("One moment."), ToolCall("call-1", "search", {"q": "tides"}))
    answer = scribe.finished(
        placeholder,
        *said,
        path=b"p" * 16,
        usage=Usage(12, 34),
        model="fallback",
        finish_reason="tool-calls",
    )

    generations.end(conversation, answer)

    latest = found(conversation)
    assert latest.messages[answer.id] == answer
    assert latest.lease is None
    assert latest.conversation == conversation


def test_an_ending_is_one_call(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hello")

    with measured(units=False) as cost:
        generations.end(conversation, answer)

    assert cost.operations == ["TransactWriteItems"]


@pytest.mark.parametrize("state", ["done", "stopped", "error"])
def test_a_partial_answer_is_kept_in_whatever_state_it_ends(scribe: Scribe, state: str) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hel", state=state, finish_reason="error")

    generations.end(conversation, answer)

    assert message(conversation, answer.id) == answer


def test_an_ended_answer_does_not_remember_what_it_replaced(scribe: Scribe) -> None:
    conversation, _, placeholder = scribe.redoing()
    assert placeholder.before

    generations.end(conversation, scribe.finished(placeholder, "Again"))

    ended = message(conversation, placeholder.id)
    assert ended
    assert ended.before is None


def test_an_ended_answer_knows_how_it_was_begun_and_of_how_many_events_it_is(
    scribe: Scribe,
) -> None:
    turn = scribe.send(scribe.stored(), hold=Hold(OWNER, 3))
    placeholder = turn.messages[-1]
    conversation = generations.begin(turn, EXPIRES)
    there = message(conversation, placeholder.id)
    assert there
    assert (there.begun, there.events, there.hold) == ("send", None, Hold(OWNER, 3))

    generations.end(conversation, scribe.finished(placeholder, "Hello", events=2))

    ended = message(conversation, placeholder.id)
    assert ended
    assert (ended.begun, ended.events, ended.hold) == ("send", 2, None)


def test_an_estimate_of_usage_says_that_it_is_one(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hello", usage=Usage(1, 2, estimated=True))

    generations.end(conversation, answer)

    ended = message(conversation, answer.id)
    assert ended
    assert ended.usage == Usage(1, 2, estimated=True)


def test_an_answer_without_usage_and_text_is_stored_so(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder)

    generations.end(conversation, answer)

    assert message(conversation, answer.id) == answer


def test_an_answer_that_was_hidden_while_it_was_written_stays_hidden(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    messages.hide(conversation, placeholder)

    generations.end(conversation, scribe.finished(placeholder, "Hello"))

    ended = message(conversation, placeholder.id)
    assert ended
    assert (ended.hidden, ended.text, ended.state) == (True, "Hello", "done")


def test_an_ending_leaves_a_new_title_and_other_messages_alone(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored("Old"))
    conversations.rename(conversation, "New", scribe.now_ms)

    generations.end(conversation, scribe.finished(placeholder, "Hello"))

    there = read(conversation)
    assert there
    assert (there.title, there.head) == ("New", placeholder.id)


def test_after_an_ending_the_next_turn_may_begin(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored())

    scribe.begun(conversation, answer)


# Whose the answer is not any more


def test_an_answer_ends_once(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    first = scribe.finished(placeholder, "Hello")
    generations.end(conversation, first)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Another"))

    assert message(conversation, placeholder.id) == first


def test_an_answer_that_was_repaired_is_lost_to_its_writer(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    repaired = scribe.finished(placeholder, "Hel", state="error", finish_reason="error")
    generations.end(conversation, repaired, repair=True)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"))

    assert message(conversation, placeholder.id) == repaired


def test_an_answer_that_ended_is_not_repaired(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    ended = scribe.finished(placeholder, "Hello")
    generations.end(conversation, ended)

    with pytest.raises(Lost):
        generations.end(
            conversation, scribe.finished(placeholder, "Hel", state="error"), repair=True
        )

    assert message(conversation, placeholder.id) == ended


def test_a_writer_that_comes_late_does_not_disturb_the_next_generation(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    repaired = scribe.finished(placeholder, "Hel", state="error")
    generations.end(conversation, repaired, repair=True)
    conversation, running = scribe.begun(conversation, repaired)
    before = everything(conversation)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"), placeholder.parent)

    assert everything(conversation) == before
    lease = found(conversation).lease
    assert lease
    assert lease.generation == running.id


def test_an_ending_in_a_deleted_conversation_brings_nothing_back(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    conversations.delete(conversation)
    before = everything(conversation)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"))

    assert everything(conversation) == before


@pytest.mark.parametrize("repair", [False, True])
def test_an_ending_in_a_purged_conversation_brings_nothing_back(
    scribe: Scribe, repair: bool
) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    conversations.delete(conversation)
    conversations.purge(keys.conversation(OWNER, conversation.number), scribe.now_ms + 1)

    with pytest.raises(Lost):
        generations.end(
            conversation, scribe.finished(placeholder, "Hello"), placeholder.parent, repair=repair
        )

    assert everything(conversation) == []


def test_an_answer_whose_lease_the_table_has_dropped_is_lost_to_its_writer(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    drop_lease(conversation)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"))


def test_an_answer_whose_lease_the_table_has_dropped_is_repaired(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    drop_lease(conversation)
    repaired = scribe.finished(placeholder, "Hel", state="error")

    generations.end(conversation, repaired, repair=True)

    assert message(conversation, placeholder.id) == repaired


def test_a_repair_takes_its_lease_along(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())

    generations.end(conversation, scribe.finished(placeholder, "Hel", state="error"), repair=True)

    assert found(conversation).lease is None


# Ambiguous outcomes


def test_an_ending_that_was_stored_already_is_stored(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hello")
    generations.end(conversation, answer)
    before = everything(conversation)

    generations.end(conversation, answer)

    assert everything(conversation) == before


def test_a_large_ending_that_was_stored_already_is_stored(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, LARGE)
    generations.end(conversation, answer)

    generations.end(conversation, answer)

    there = message(conversation, answer.id)
    assert there
    assert messages.load(there) == answer


def test_an_ending_is_known_again_after_the_next_turn_has_begun(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hello")
    generations.end(conversation, answer)
    scribe.begun(conversation, answer)

    generations.end(conversation, answer)


def test_an_ending_that_gave_the_head_back_already_is_stored(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()
    failed = scribe.finished(placeholder, state="error")
    generations.end(conversation, failed, answer.id)
    before = everything(conversation)

    generations.end(conversation, failed, answer.id)

    assert everything(conversation) == before


@pytest.mark.parametrize("fault", [repeated, lost_answer, timeout], ids=lambda kind: kind.__name__)
def test_an_ending_of_which_nothing_was_heard_happens_once(scribe: Scribe, fault: Kind) -> None:
    conversation, answer, placeholder = scribe.redoing()
    failed = scribe.finished(placeholder, state="error")

    with faults(Fault("TransactWriteItems", fault)) as struck:
        generations.end(conversation, failed, answer.id)

    assert struck
    there = read(conversation)
    assert there
    assert (there.head, there.version) == (answer.id, conversation.version + 1)
    assert message(conversation, placeholder.id) == failed


def test_an_ending_that_never_got_through_may_be_tried_again(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    answer = scribe.finished(placeholder, "Hello")
    before = everything(conversation)
    with (
        faults(Fault("TransactWriteItems", timeout, on=EVERY)),
        pytest.raises(TransactWriteError),
    ):
        generations.end(conversation, answer)
    assert everything(conversation) == before

    generations.end(conversation, answer)

    assert message(conversation, answer.id) == answer

"""Siblings are a set that grows with redos and edits, and shrinks where one comes to nothing."""

from dataclasses import replace

import pytest

from reprise.chat.messages import Conversation, Message
from reprise.store import conversations, generations, messages, versions
from reprise.store import keys as table_keys
from reprise.store.generations import Turn
from reprise.store.items import VersionsItem
from reprise.store.table import get
from tests.capacity import measured
from tests.faults import Fault, faults, lost_answer, repeated
from tests.store import scribe as stored
from tests.store.scribe import EXPIRES, Scribe, found, message, read


def redone(
    scribe: Scribe, conversation: Conversation, answer: Message, question: Message
) -> tuple[Conversation, Message]:
    turn = scribe.redo(conversation, answer, question)
    conversation = generations.begin(turn, EXPIRES)
    again = scribe.finished(turn.messages[0], "Again")
    generations.end(conversation, again)
    return conversation, again


def ids(conversation: Conversation, one: Message) -> list[str]:
    return versions.siblings(conversation, one)


# What is noted


def test_a_conversation_that_never_branched_says_so_and_nothing_is_read(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored())

    with measured(units=False) as cost:
        assert ids(conversation, answer) == []
        assert versions.all_of(conversation) == {}

    assert cost.operations == []
    assert not conversation.branched


def test_a_conversation_that_branched_says_so_ever_after(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    assert conversation.branched
    conversation, _, _ = scribe.exchange(conversation, again)

    there = read(conversation)
    assert there
    assert there.branched
    assert conversations.find(there.owner, there.number)[0] == there


def test_the_siblings_of_one_role_are_not_those_of_another(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    note = scribe.message(conversation, question, "A note", "system")
    conversation = generations.begin(Turn(conversation, (note,)), EXPIRES)
    conversation, again = redone(scribe, conversation, answer, question)

    assert ids(conversation, answer) == [answer.id, again.id]
    assert ids(conversation, note) == []


def test_an_only_answer_is_noted_where_it_takes_over_from_a_branch(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    lone = scribe.placeholder(conversation, answer, begun="redo", before=answer.id)

    conversation = generations.begin(Turn(conversation, (lone,), sibling=lone.id), EXPIRES)

    assert ids(conversation, lone) == [lone.id]
    assert question.id != lone.parent


def test_all_siblings_are_read_at_once(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    edit = replace(scribe.send(conversation, None, "Better"), sibling=question.id)
    conversation = generations.begin(edit, EXPIRES)

    with measured(units=False) as cost:
        known = versions.all_of(conversation)

    assert cost.operations == ["Query"]
    assert known == {
        versions.key_of(conversation, answer): [answer.id, again.id],
        versions.key_of(conversation, question): [question.id, edit.messages[0].id],
    }


# What is taken back


def test_a_redo_that_came_to_nothing_is_no_version(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    turn = scribe.redo(conversation, again, question)
    conversation = generations.begin(turn, EXPIRES)
    assert len(ids(conversation, answer)) == 3

    generations.end(conversation, scribe.finished(turn.messages[0], state="error"), again.id)

    assert ids(conversation, answer) == [answer.id, again.id]


def test_a_redo_that_came_to_something_stays_a_version(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    turn = scribe.redo(conversation, answer, question)
    conversation = generations.begin(turn, EXPIRES)

    generations.end(conversation, scribe.finished(turn.messages[0], "Hel", state="error"))

    assert ids(conversation, answer) == [answer.id, turn.messages[0].id]


def test_a_failed_answer_to_a_message_without_one_notes_nothing_that_misleads(
    scribe: Scribe,
) -> None:
    """The update makes the item where there was none."""
    conversation = scribe.stored()
    note = scribe.message(conversation)
    conversation = generations.begin(Turn(conversation, (note,)), EXPIRES)
    lone = scribe.placeholder(conversation, note, begun="redo", before=note.id)
    conversation = generations.begin(Turn(conversation, (lone,)), EXPIRES)

    generations.end(conversation, scribe.finished(lone, state="error"), note.id)

    branched = replace(conversation, branched=True)
    assert ids(branched, lone) == []
    assert all(siblings == [] for siblings in versions.all_of(branched).values())
    partition = table_keys.conversation(conversation.owner, conversation.number)
    item = get(VersionsItem, partition, versions.key_of(conversation, lone))
    assert item is None or isinstance(item, VersionsItem)


@pytest.mark.parametrize("fault", [repeated, lost_answer], ids=lambda kind: kind.__name__)
def test_a_failed_redo_of_which_nothing_was_heard_is_taken_back(
    scribe: Scribe, fault: object
) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    turn = scribe.redo(conversation, answer, question)
    conversation = generations.begin(turn, EXPIRES)
    failed = scribe.finished(turn.messages[0], state="error")

    with faults(Fault("TransactWriteItems", fault)) as struck:  # type: ignore[arg-type]
        generations.end(conversation, failed, answer.id)

    assert struck
    assert ids(conversation, answer) == [answer.id]


def test_a_hidden_version_is_none_any_more(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)

    assert messages.hide(conversation, answer)

    assert ids(conversation, answer) == [again.id]
    hidden = message(conversation, answer.id)
    assert hidden
    assert hidden.hidden


def test_a_hidden_edit_is_none_any_more(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())
    edit = replace(scribe.send(conversation, None, "Better"), sibling=question.id)
    conversation = generations.begin(edit, EXPIRES)

    assert messages.hide(conversation, question)

    assert ids(conversation, question) == [edit.messages[0].id]


def test_hiding_twice_is_noticed_in_a_conversation_that_branched(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, _ = redone(scribe, conversation, answer, question)

    assert messages.hide(conversation, answer)
    assert not messages.hide(conversation, answer)


def test_hiding_what_never_had_siblings_leaves_the_others_alone(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    conversation, followup, _ = scribe.exchange(conversation, again)

    assert messages.hide(conversation, followup)

    assert stored.versions(conversation, question.id) == ([answer.id, again.id], [])
    assert ids(conversation, followup) == []


# Numbers


def test_versions_are_numbered_by_age(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    known = versions.all_of(conversation)

    numbered = [versions.numbered(conversation, each, known) for each in (answer, again, question)]

    assert [(each.version, each.versions) for each in numbered] == [(1, 2), (2, 2), (1, 1)]


def test_what_is_no_version_any_more_has_no_number_among_them(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, again = redone(scribe, conversation, answer, question)
    messages.hide(conversation, again)

    numbered = versions.number(again, ids(conversation, again))

    assert (numbered.version, numbered.versions) == (1, 1)


# The first answer to a message


def first_answer(conversation: Conversation, one: Message) -> str | None:
    return messages.first_answer(conversation.owner, conversation.number, one.id)


def test_the_first_answer_lies_right_behind_its_message(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, second, reply = scribe.exchange(conversation, answer)

    with measured() as cost:
        assert first_answer(conversation, question) == answer.id

    assert cost.operations == ["Query"]
    assert cost.read_units == 1
    assert first_answer(conversation, second) == reply.id


def test_a_message_that_nobody_answered_has_no_first_answer(scribe: Scribe) -> None:
    conversation = scribe.stored()
    note = scribe.message(conversation)
    conversation = generations.begin(Turn(conversation, (note,)), EXPIRES)
    conversation, _, _ = scribe.exchange(conversation, note)

    assert first_answer(conversation, note) is None


def test_a_failed_or_hidden_answer_is_no_first_answer(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    messages.hide(conversation, answer)
    conversation, placeholder = scribe.begun(conversation, answer)
    generations.end(conversation, scribe.finished(placeholder, state="error"), placeholder.parent)

    assert first_answer(conversation, question) is None
    assert first_answer(conversation, found(conversation).messages[str(placeholder.parent)]) is None


def test_an_answer_that_was_made_later_is_found_behind_those_that_failed(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    question = found(conversation).messages[str(placeholder.parent)]
    generations.end(conversation, scribe.finished(placeholder, state="error"), question.id)
    turn = scribe.redo(conversation, placeholder, question)
    conversation = generations.begin(
        replace(turn, conversation=read(conversation) or conversation), EXPIRES
    )
    answer = scribe.finished(turn.messages[0], "At last")
    generations.end(conversation, answer)

    assert first_answer(conversation, question) == answer.id

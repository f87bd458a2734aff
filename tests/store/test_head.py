"""The head is given back where an answer came to nothing, unless somebody moved it meanwhile."""

from dataclasses import replace

import pytest

from reprise.chat.messages import Conversation
from reprise.store import conversations, generations
from reprise.store.generations import Lost
from tests.faults import Fault, faults, meanwhile
from tests.store.scribe import (
    EXPIRES,
    Scribe,
    drop_lease,
    found,
    message,
    read,
    shown,
    versions,
)


def move_head(conversation: Conversation, head: str) -> None:
    """As somebody does who selects another branch meanwhile."""
    moved = replace(conversation, head=head, version=conversation.version + 1)
    conversations.to_item(moved).save()


def test_a_redo_that_came_to_nothing_gives_the_head_back(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()

    generations.end(conversation, scribe.finished(placeholder, state="error"), answer.id)

    there = read(conversation)
    assert there
    assert there.head == answer.id
    assert there.version > conversation.version
    assert versions(conversation, answer.parent) == ([answer.id], [])


def test_a_turn_that_came_to_nothing_leaves_the_head_on_its_message(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())

    generations.end(conversation, scribe.finished(placeholder, state="error"), placeholder.parent)

    assert shown(conversation) == [placeholder.parent]


def test_whoever_read_the_head_before_it_was_given_back_has_to_read_again(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()
    late = scribe.send(conversation, placeholder)
    generations.end(conversation, scribe.finished(placeholder, state="error"), answer.id)

    with pytest.raises(generations.Moved):
        generations.begin(late, EXPIRES)


def test_a_head_that_was_moved_meanwhile_is_not_given_back(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()
    assert answer.parent
    move_head(conversation, answer.parent)
    failed = scribe.finished(placeholder, state="error")

    generations.end(conversation, failed, answer.id)

    there = read(conversation)
    assert there
    assert (there.head, there.version) == (answer.parent, conversation.version + 1)
    assert message(conversation, placeholder.id) == failed
    assert found(conversation).lease is None


def test_a_repair_gives_the_head_back_too(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()
    drop_lease(conversation)

    generations.end(
        conversation, scribe.finished(placeholder, state="error"), answer.id, repair=True
    )

    assert shown(conversation)[0] == answer.id


def test_the_head_of_a_deleted_conversation_does_not_come_back(scribe: Scribe) -> None:
    conversation, answer, placeholder = scribe.redoing()
    delete = meanwhile(lambda: conversations.delete(conversation))
    failed = scribe.finished(placeholder, state="error")

    with faults(Fault("TransactWriteItems", delete)), pytest.raises(Lost):
        generations.end(conversation, failed, answer.id)

    assert read(conversation) is None


def test_an_answer_that_is_shown_keeps_the_head(scribe: Scribe) -> None:
    conversation, _, placeholder = scribe.redoing()

    generations.end(conversation, scribe.finished(placeholder, "Again"))

    assert read(conversation) == conversation

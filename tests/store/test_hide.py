"""A message that is deleted is hidden: it leaves every listing, its replies stay."""

from dataclasses import replace

from reprise.store import messages
from tests.faults import Fault, conflict, faults
from tests.store.scribe import OTHER, Scribe, shown
from tests.store.scribe import message as stored_message


def test_a_hidden_message_stays_and_says_so(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())

    hidden = messages.hide(conversation, question)

    assert hidden
    assert stored_message(conversation, question.id) == replace(question, hidden=True)
    assert stored_message(conversation, answer.id) == answer


def test_a_hidden_message_keeps_its_replies_on_the_branch(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())

    messages.hide(conversation, question)

    assert shown(conversation) == [answer.id, question.id]


def test_hiding_twice_is_noticed(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())

    assert messages.hide(conversation, question)
    assert not messages.hide(conversation, question)


def test_hiding_waits_for_an_answer_that_ends_at_the_same_moment(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())

    with faults(Fault("UpdateItem", conflict)) as struck:
        hidden = messages.hide(conversation, question)

    assert struck
    assert hidden


def test_hiding_what_is_not_there_makes_nothing(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())
    never = scribe.message(conversation, question)

    assert not messages.hide(conversation, never)
    assert not messages.hide(replace(conversation, owner=OTHER), question)
    assert stored_message(conversation, never.id) is None

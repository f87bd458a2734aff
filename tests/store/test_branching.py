"""A redo and an edit note their siblings, and the head that they take over from."""

from dataclasses import replace

import pytest

from reprise.store import generations
from reprise.store.generations import Moved
from tests.store.scribe import EXPIRES, Scribe, everything, message, shown, versions


def test_a_first_answer_notes_no_versions(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    scribe.exchange(conversation, answer)

    kinds = {item["sk"]["S"].partition("#")[0] for item in everything(conversation)}

    assert kinds == {"META", "M"}
    assert versions(conversation, question.id) is None


def test_a_second_version_notes_both_in_order(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    turn = scribe.redo(conversation, answer, question)

    generations.begin(turn, EXPIRES)

    assert versions(conversation, question.id) == ([answer.id, turn.messages[0].id], [])
    assert message(conversation, answer.id) == answer


def test_each_further_version_is_added(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    ids = [answer.id]
    for number in range(4):
        turn = scribe.redo(conversation, answer, question)
        conversation = generations.begin(turn, EXPIRES)
        answer = scribe.finished(turn.messages[0], f"version {number}")
        generations.end(conversation, answer)
        ids.append(answer.id)

    assert versions(conversation, question.id) == (ids, [])
    assert shown(conversation) == [answer.id, question.id]


def test_the_tip_under_a_version_is_noted_where_the_branch_went_on(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, _, tip = scribe.exchange(conversation, answer)
    turn = scribe.redo(conversation, answer, question)

    generations.begin(turn, EXPIRES)

    assert versions(conversation, question.id) == (
        [answer.id, turn.messages[0].id],
        [tip.id],
    )


def test_a_later_tip_is_noted_behind_the_earlier_one(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, _, first_tip = scribe.exchange(conversation, answer)
    second_turn = scribe.redo(conversation, answer, question)
    conversation = generations.begin(second_turn, EXPIRES)
    second = scribe.finished(second_turn.messages[0], "second")
    generations.end(conversation, second)
    conversation, _, second_tip = scribe.exchange(conversation, second)
    third_turn = scribe.redo(conversation, second, question)

    generations.begin(third_turn, EXPIRES)

    assert versions(conversation, question.id) == (
        [answer.id, second.id, third_turn.messages[0].id],
        [first_tip.id, second_tip.id],
    )


def test_an_edit_is_a_sibling_of_the_message_it_replaces(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, followup, reply = scribe.exchange(conversation, answer)
    edit = replace(scribe.send(conversation, answer, "Better"), sibling=followup.id)

    generations.begin(edit, EXPIRES)

    better, placeholder = edit.messages
    assert versions(conversation, answer.id, "user") == ([followup.id, better.id], [reply.id])
    assert shown(conversation) == [placeholder.id, better.id, answer.id, question.id]


def test_an_edit_of_the_first_message_has_siblings_too(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    edit = replace(scribe.send(conversation, None, "Better"), sibling=question.id)

    generations.begin(edit, EXPIRES)

    assert versions(conversation, None, "user") == (
        [question.id, edit.messages[0].id],
        [answer.id],
    )


def test_a_refused_redo_notes_no_version(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    late = scribe.redo(conversation, answer, question)
    scribe.exchange(conversation, answer)

    with pytest.raises(Moved):
        generations.begin(late, EXPIRES)

    assert versions(conversation, question.id) is None

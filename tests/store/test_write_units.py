"""What a turn costs in DynamoDB's units, whatever the length of its conversation."""

import pytest

from reprise.chat.messages import Conversation, Message, Usage
from reprise.store import generations
from tests.capacity import Cost, measured
from tests.store.scribe import EXPIRES, Scribe, found

TEXT = "x" * 800
MODEL = "openai/gpt-4o-mini"


def turn(scribe: Scribe, conversation: Conversation, head: Message | None) -> Cost:
    """What the writes of a turn cost: its begin and its end."""
    scribe.now_ms += 123  # so that times have all their digits
    begun = scribe.send(conversation, head, TEXT)
    with measured() as cost:
        conversation = generations.begin(begun, EXPIRES)
        answer = scribe.finished(begun.messages[-1], TEXT, usage=Usage(1234, 567), model=MODEL)
        generations.end(conversation, answer)
    return cost


@pytest.mark.parametrize("length", [0, 2, 100, 1000])
def test_a_turn_of_800_byte_messages_costs_16_units_at_most(scribe: Scribe, length: int) -> None:
    if length:
        conversation, path = scribe.filled(length)
        head: Message | None = path[-1]
    else:
        conversation, head = scribe.stored(), None

    cost = turn(scribe, conversation, head)

    assert cost.write_units <= 16
    assert cost.operations == ["TransactWriteItems"] * 2


def test_a_turn_costs_the_same_after_2_and_after_1000_messages(scribe: Scribe) -> None:
    (short, short_path), (long, long_path) = scribe.filled(2), scribe.filled(1000)

    costs = turn(scribe, short, short_path[-1]), turn(scribe, long, long_path[-1])

    assert costs[0].write_units == costs[1].write_units == 14


def test_a_turn_costs_nothing_but_its_own_items(scribe: Scribe) -> None:
    conversation, path = scribe.filled(50)

    cost = turn(scribe, conversation, path[-1])

    units: dict[str, float] = {}
    for charge in cost.charges:
        kind = charge.what.partition("#")[0] if charge.what != "META#LEASE" else "lease"
        units[kind] = units.get(kind, 0) + charge.write_units
    # the message, its answer twice; the lease taken and given up; the index entry moved
    assert units == {"META": 2, "M": 6, "lease": 4, "by_owner": 2}


def test_a_redo_costs_no_more_than_a_turn(scribe: Scribe) -> None:
    conversation, path = scribe.filled(2)
    question, answer = path
    redo = scribe.redo(conversation, answer, question)

    with measured() as cost:
        conversation = generations.begin(redo, EXPIRES)
        generations.end(conversation, scribe.finished(redo.messages[0], TEXT, model=MODEL))

    assert cost.write_units == 14  # the versions in place of a user message


def test_a_failed_redo_gives_the_head_back_for_two_units(scribe: Scribe) -> None:
    conversation, (question, answer) = scribe.filled(2)
    redo = scribe.redo(conversation, answer, question)
    begun = generations.begin(redo, EXPIRES)

    with measured() as cost:
        failed = scribe.finished(redo.messages[0], state="error")
        generations.end(begun, failed, answer.id)

    assert cost.write_units == 6  # the index does not carry the head


def test_reading_for_a_turn_costs_the_same_after_2_and_after_1000_messages(
    scribe: Scribe,
) -> None:
    """Latest messages of 800 bytes each, as admission reads them."""
    units = []
    for length in (24, 1000):
        conversation, _ = scribe.filled(length, text=TEXT)
        with measured() as cost:
            found(conversation)
        units.append(cost.read_units)

    assert units[0] == units[1] <= 6

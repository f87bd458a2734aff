"""What a turn costs in DynamoDB's units, whatever the length of its conversation."""

from dataclasses import replace

import pytest

from reprise.accounts.plans import find
from reprise.chat.messages import Conversation, Message, Usage
from reprise.store import generations, keys
from reprise.store.claims import Claim
from tests.capacity import Cost, measured
from tests.store.payer import Payer
from tests.store.scribe import EXPIRES, OWNER, START, Scribe, found

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


@pytest.mark.parametrize(
    ("said", "units"),
    [
        ({}, 14),
        ({"owner": keys.agent("support"), "agent": "support"}, 14),
        ({"agent": "support"}, 16),
        ({"agent": "support", "end_user": "x" * 128}, 18),
    ],
    ids=["no agent", "the public's", "an agent", "an end user"],
)
def test_a_list_that_a_conversation_is_in_costs_two_units_a_turn(
    scribe: Scribe, said: dict[str, str], units: int
) -> None:
    """Its entry moves: a delete and a put."""
    cost = turn(scribe, scribe.stored(**said), None)

    assert cost.write_units == units
    indexes = [charge.what for charge in cost.charges if charge.what.startswith("by_")]
    assert len(indexes) == units - 12


def test_a_redo_costs_no_more_than_a_turn(scribe: Scribe) -> None:
    conversation, path = scribe.filled(2)
    question, answer = path
    redo = scribe.redo(conversation, answer, question)

    with measured() as cost:
        conversation = generations.begin(redo, EXPIRES)
        generations.end(conversation, scribe.finished(redo.messages[0], TEXT, model=MODEL))

    assert cost.write_units == 14  # the versions in place of a user message


def test_a_failed_redo_gives_head_and_version_back_for_two_units_each(scribe: Scribe) -> None:
    conversation, (question, answer) = scribe.filled(2)
    redo = scribe.redo(conversation, answer, question)
    begun = generations.begin(redo, EXPIRES)

    with measured() as cost:
        failed = scribe.finished(redo.messages[0], state="error")
        generations.end(begun, failed, answer.id)

    assert cost.write_units == 8  # the index does not carry the head


# With everything: a claim, a hold beside all others that may be running, siblings


ALLOWANCE = find("standard").allowance
CLAIM = Claim(OWNER, "k" * 64, "a" * 64, START / 1000)


def busy(scribe: Scribe) -> Payer:
    """A payer of whom as many answers are generated as the plan allows, but one."""
    payer = Payer(scribe, ALLOWANCE, unit=100)
    assert ALLOWANCE.concurrent
    for _ in range(ALLOWANCE.concurrent - 1):
        payer.begun()
    return payer


def test_a_begin_with_everything_is_one_call_of_20_units_at_most(scribe: Scribe) -> None:
    payer = busy(scribe)
    scribe.now_ms += 123
    conversation, (question, _) = scribe.filled(2, TEXT)
    edit = scribe.send(conversation, None, TEXT, hold=payer.hold, model=MODEL)

    with measured() as cost:
        turn = replace(edit, sibling=question.id)
        generations.begin(turn, EXPIRES, replace(payer.terms, claim=CLAIM))

    assert cost.operations == ["TransactWriteItems"]
    assert cost.write_units <= 20, cost.table()


@pytest.mark.parametrize("versions", [2, 20])
def test_a_redo_with_everything_is_one_call_of_20_units_at_most(
    scribe: Scribe, versions: int
) -> None:
    payer = busy(scribe)
    conversation, (question, answer) = scribe.filled(2, TEXT)
    for _ in range(versions - 1):
        redo = scribe.redo(conversation, answer, question)
        conversation = generations.begin(redo, EXPIRES)
        answer = scribe.finished(redo.messages[0], TEXT, model=MODEL)
        generations.end(conversation, answer)
    redo = scribe.redo(conversation, answer, question, hold=payer.hold, model=MODEL)

    with measured() as cost:
        generations.begin(redo, EXPIRES, replace(payer.terms, claim=CLAIM))

    assert cost.operations == ["TransactWriteItems"]
    assert cost.write_units <= 20, cost.table()


def test_an_end_with_everything_costs_no_more_than_its_begin(scribe: Scribe) -> None:
    payer = busy(scribe)
    conversation, placeholder = payer.begun()
    answer = scribe.finished(placeholder, TEXT, usage=Usage(1234, 567), model=MODEL)

    with measured() as cost:
        generations.end(conversation, answer, bill=payer.bill(placeholder, 700))

    assert cost.operations == ["TransactWriteItems"]
    assert cost.write_units <= 12, cost.table()


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

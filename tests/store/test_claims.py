"""An idempotency key stands for one request, and for what came of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reprise.chat.errors import IdempotencyMismatch
from reprise.store import conversations, generations, keys
from reprise.store.claims import KEPT, Claim, Claimed, ClaimItem
from reprise.store.generations import Held, Moved, Terms, Turn
from reprise.store.table import Refused, Transaction, get
from tests.capacity import measured
from tests.faults import Fault, Kind, faults, lost_answer, repeated, timeout
from tests.store.scribe import (
    EXPIRES,
    OTHER,
    OWNER,
    START,
    Scribe,
    everything,
    found,
    read,
)

NOW = START / 1000 + 0.75
KEY, REQUEST = "k" * 64, "a" * 64  # digests
CLAIM = Claim(OWNER, KEY, REQUEST, NOW)
UNCLEAR = [repeated, lost_answer, timeout]


def make(claim: Claim, result: str = "result") -> None:
    transaction = Transaction()
    claim.add_to(transaction, result)
    transaction.commit()


def result_of(claim: Claim) -> str | None:
    """What a claim was found to have come to."""
    try:
        claim.look_up()
    except Claimed as claimed:
        return claimed.result
    return None


# One by itself


@pytest.mark.usefixtures("aws")
def test_a_key_that_nobody_used_stands_for_nothing() -> None:
    assert result_of(CLAIM) is None


@pytest.mark.usefixtures("aws")
def test_the_same_request_is_told_what_it_came_to() -> None:
    make(CLAIM)

    assert result_of(replace(CLAIM, now=NOW + 60)) == "result"


@pytest.mark.usefixtures("aws")
def test_another_request_under_the_same_key_is_a_mismatch() -> None:
    make(CLAIM)

    with pytest.raises(IdempotencyMismatch):
        replace(CLAIM, request="b" * 64).look_up()


@pytest.mark.usefixtures("aws")
def test_another_key_and_anothers_key_are_others() -> None:
    make(CLAIM)

    assert result_of(replace(CLAIM, key="l" * 64)) is None
    assert result_of(replace(CLAIM, owner=OTHER)) is None


@pytest.mark.usefixtures("aws")
def test_a_claim_counts_for_24_hours_though_the_table_drops_it_late() -> None:
    make(CLAIM)
    item = get(ClaimItem, keys.claim(OWNER, KEY), keys.CLAIM)
    assert item
    assert item.ttl == int(NOW) + 24 * 3600

    assert result_of(replace(CLAIM, now=item.ttl - 0.01)) == "result"
    assert result_of(replace(CLAIM, now=item.ttl)) is None
    replace(CLAIM, now=item.ttl, request="b" * 64).look_up()


@pytest.mark.usefixtures("aws")
def test_a_claim_that_ran_out_is_replaced_though_it_still_lies_there() -> None:
    make(CLAIM)
    later = replace(CLAIM, request="b" * 64, now=NOW + KEPT)

    make(later, "another")

    assert result_of(later) == "another"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("seconds", [0, KEPT - 1])
def test_a_claim_that_counts_is_not_replaced(seconds: float) -> None:
    make(CLAIM)

    with pytest.raises(Refused) as refused:
        make(replace(CLAIM, now=NOW + seconds), "another")

    assert refused.value.reasons.keys() == {"claim"}
    assert result_of(CLAIM) == "result"


@pytest.mark.usefixtures("aws")
def test_looking_a_claim_up_is_one_strongly_consistent_read() -> None:
    with measured() as cost:
        result_of(CLAIM)

    assert (cost.operations, cost.read_units) == (["GetItem"], 1)


# With a turn


def test_a_turn_is_claimed_for_its_answer(scribe: Scribe) -> None:
    turn = scribe.send(scribe.stored())

    generations.begin(turn, EXPIRES, Terms(CLAIM))

    assert result_of(CLAIM) == turn.messages[-1].id


def test_a_message_that_nobody_answers_is_claimed_for_itself(scribe: Scribe) -> None:
    conversation = scribe.stored()
    note = scribe.message(conversation)

    generations.begin(Turn(conversation, (note,)), EXPIRES, Terms(CLAIM))

    assert result_of(CLAIM) == note.id


def test_a_turn_whose_request_was_made_before_stores_nothing(scribe: Scribe) -> None:
    make(CLAIM)
    conversation = scribe.stored()
    before = everything(conversation)

    with pytest.raises(Claimed) as claimed:
        generations.begin(scribe.send(conversation), EXPIRES, Terms(CLAIM))

    assert claimed.value.result == "result"
    assert everything(conversation) == before


def test_a_turn_whose_key_is_anothers_stores_nothing(scribe: Scribe) -> None:
    make(CLAIM)
    conversation = scribe.stored()
    before = everything(conversation)

    with pytest.raises(IdempotencyMismatch):
        generations.begin(
            scribe.send(conversation), EXPIRES, Terms(replace(CLAIM, request="b" * 64))
        )

    assert everything(conversation) == before


def test_a_turn_that_is_refused_claims_nothing(scribe: Scribe) -> None:
    conversation = scribe.stored()
    late = scribe.send(conversation)
    scribe.exchange(conversation)

    with pytest.raises(Moved):
        generations.begin(late, EXPIRES, Terms(CLAIM))

    assert result_of(CLAIM) is None


def test_a_turn_that_was_stored_with_its_claim_is_begun(scribe: Scribe) -> None:
    turn = scribe.send(scribe.stored())
    first = generations.begin(turn, EXPIRES, Terms(CLAIM))

    assert generations.begin(turn, EXPIRES, Terms(CLAIM)) == first


def test_a_claim_of_our_own_earlier_attempt_leaves_the_rest_to_be_judged(scribe: Scribe) -> None:
    """The turn was stored, has ended, and another one has begun since."""
    turn = scribe.send(scribe.stored())
    conversation = generations.begin(turn, EXPIRES, Terms(CLAIM))
    answer = scribe.finished(turn.messages[-1], "Hello")
    generations.end(conversation, answer)
    scribe.exchange(conversation, answer)

    with pytest.raises(Moved):
        generations.begin(turn, EXPIRES, Terms(CLAIM))


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda kind: kind.__name__)
def test_a_claimed_turn_of_which_nothing_was_heard_is_begun_once(
    scribe: Scribe, fault: Kind
) -> None:
    turn = scribe.send(scribe.stored())

    with faults(Fault("TransactWriteItems", fault)) as struck:
        begun = generations.begin(turn, EXPIRES, Terms(CLAIM))

    assert struck
    assert read(begun) == begun
    assert found(begun).messages.keys() == {message.id for message in turn.messages}
    assert result_of(CLAIM) == begun.head


def begin(turn: Turn) -> str:
    """What a request comes to that is made under the key."""
    try:
        return str(generations.begin(turn, EXPIRES, Terms(CLAIM)).head)
    except Claimed as claimed:
        return claimed.result
    except (Held, Moved):
        return str(result_of(CLAIM))


def test_of_many_requests_under_one_key_at_once_one_generation_comes(scribe: Scribe) -> None:
    conversation = scribe.stored()
    turns = [scribe.send(conversation) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        results = set(threads.map(begin, turns))

    latest = found(conversation)
    assert latest.conversation
    assert results == {latest.conversation.head}
    assert len(latest.messages) == 2


def test_of_many_that_start_under_one_key_at_once_one_conversation_comes(scribe: Scribe) -> None:
    turns = [replace(scribe.send(scribe.conversation()), created=True) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        results = set(threads.map(begin, turns))

    assert len(results) == 1
    listed, total = conversations.page(OWNER, 0, 10)
    assert total == 1
    assert found(listed[0]).messages.keys() >= results


# With a conversation


def test_a_conversation_is_claimed_for_its_id(scribe: Scribe) -> None:
    conversation = scribe.conversation()

    assert conversations.create(conversation, CLAIM)

    assert result_of(CLAIM) == conversation.id
    assert read(conversation) == conversation


def test_a_conversation_whose_request_was_made_before_is_not_made(scribe: Scribe) -> None:
    conversations.create(scribe.conversation(), CLAIM)
    another = scribe.conversation()

    with pytest.raises(Claimed):
        conversations.create(another, CLAIM)
    with pytest.raises(IdempotencyMismatch):
        conversations.create(another, replace(CLAIM, request="b" * 64))

    assert read(another) is None


def test_a_number_that_is_taken_claims_nothing(scribe: Scribe) -> None:
    there = scribe.stored()

    assert not conversations.create(scribe.conversation(number=there.number), CLAIM)

    assert result_of(CLAIM) is None
    assert read(there) == there


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda kind: kind.__name__)
def test_a_claimed_conversation_of_which_nothing_was_heard_is_made_once(
    scribe: Scribe, fault: Kind
) -> None:
    conversation = scribe.conversation()

    with faults(Fault("TransactWriteItems", fault)) as struck:
        made = conversations.create(conversation, CLAIM)

    assert struck
    assert made
    assert result_of(CLAIM) == conversation.id
    assert conversations.page(OWNER, 0, 10)[1] == 1

"""A lease is held longer by whoever has it, and by nobody else."""

import pytest
from pynamodb.exceptions import UpdateError

from reprise.chat.messages import Lease
from reprise.store import conversations, generations, keys
from reprise.store.generations import Lost
from reprise.store.items import LeaseItem
from reprise.store.table import get
from tests.capacity import measured
from tests.faults import EVERY, Fault, conflict, disconnected, faults, repeated
from tests.store.scribe import EXPIRES, Scribe, everything, found


def test_a_renewed_lease_expires_later(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    generations.renew(conversation, answer.id, EXPIRES + 10.25)

    lease = found(conversation).lease
    assert lease == Lease(answer.id, EXPIRES)
    assert lease
    assert lease.expires == EXPIRES + 10.25


def test_the_table_drops_a_renewed_lease_later(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    generations.renew(conversation, answer.id, EXPIRES + 10)

    item = get(LeaseItem, keys.conversation(conversation.owner, conversation.number), keys.LEASE)
    assert item
    assert item.ttl == int(EXPIRES) + 10 + 3600


def test_renewing_writes_one_small_item_and_no_index(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with measured() as cost:
        generations.renew(conversation, answer.id, EXPIRES + 10)

    assert cost.operations == ["UpdateItem"]
    assert cost.write_units == 1


def test_renewing_twice_is_renewing(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("UpdateItem", repeated)) as struck:
        generations.renew(conversation, answer.id, EXPIRES + 10)

    assert struck


def test_anothers_lease_cannot_be_renewed(scribe: Scribe) -> None:
    conversation, _ = scribe.begun(scribe.stored())
    stranger = scribe.placeholder(conversation, scribe.message(conversation))

    with pytest.raises(Lost):
        generations.renew(conversation, stranger.id, EXPIRES + 10)

    lease = found(conversation).lease
    assert lease
    assert lease.expires == EXPIRES


def test_a_lease_that_was_given_up_cannot_be_renewed(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored())

    with pytest.raises(Lost):
        generations.renew(conversation, answer.id, EXPIRES + 10)

    assert found(conversation).lease is None


def test_a_lease_of_a_deleted_conversation_cannot_be_renewed(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    conversations.delete(conversation)
    before = everything(conversation)

    with pytest.raises(Lost):
        generations.renew(conversation, answer.id, EXPIRES + 10)

    assert everything(conversation) == before


def test_a_table_that_cannot_be_had_is_no_lost_lease(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("UpdateItem", disconnected, on=EVERY)), pytest.raises(UpdateError):
        generations.renew(conversation, answer.id, EXPIRES + 10)


# The wish that it ends


def test_a_lease_that_nobody_spoke_to_is_not_stopped(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    assert not generations.is_stopped(conversation, answer.id)
    assert not generations.renew(conversation, answer.id, EXPIRES + 10)


def test_who_holds_the_lease_sees_that_somebody_asked_for_the_end(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    assert generations.stop(conversation, answer.id)

    assert generations.is_stopped(conversation, answer.id)
    lease = generations.lease_of(conversation)
    assert lease == Lease(answer.id, EXPIRES, stop=True)


def test_renewing_a_lease_keeps_the_wish_and_tells_it(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    generations.stop(conversation, answer.id)

    assert generations.renew(conversation, answer.id, EXPIRES + 10)

    lease = found(conversation).lease
    assert lease
    assert (lease.stop, lease.expires) == (True, EXPIRES + 10)


def test_asking_twice_is_asking(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("UpdateItem", repeated)) as struck:
        assert generations.stop(conversation, answer.id)
    assert struck
    assert generations.stop(conversation, answer.id)


def test_asking_waits_for_a_transaction_at_the_lease(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("UpdateItem", conflict)) as struck:
        assert generations.stop(conversation, answer.id)

    assert struck


def test_an_answer_that_has_ended_is_not_stopped(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored())
    before = everything(conversation)

    assert not generations.stop(conversation, answer.id)

    assert everything(conversation) == before
    assert generations.lease_of(conversation) is None


def test_the_next_generation_is_not_stopped_in_place_of_the_last(scribe: Scribe) -> None:
    conversation, _, last = scribe.exchange(scribe.stored())
    conversation, running = scribe.begun(conversation, last)

    assert not generations.stop(conversation, last.id)

    assert not generations.is_stopped(conversation, running.id)


def test_a_next_lease_knows_nothing_of_the_wish_at_the_last(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    generations.stop(conversation, answer.id)
    ended = scribe.finished(answer, "Hel", state="stopped", finish_reason="stopped")
    generations.end(conversation, ended)

    conversation, running = scribe.begun(conversation, ended)

    assert not generations.is_stopped(conversation, running.id)


def test_who_lost_the_lease_is_told_so_instead(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    stranger = scribe.placeholder(conversation, scribe.message(conversation))
    with pytest.raises(Lost):
        generations.is_stopped(conversation, stranger.id)
    conversations.delete(conversation)

    with pytest.raises(Lost):
        generations.is_stopped(conversation, answer.id)


def test_a_deleted_conversation_is_not_stopped(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    conversations.delete(conversation)
    before = everything(conversation)

    assert not generations.stop(conversation, answer.id)

    assert everything(conversation) == before

"""A lease is held longer by whoever has it, and by nobody else."""

import pytest
from pynamodb.exceptions import UpdateError

from reprise.chat.messages import Lease
from reprise.store import conversations, generations, keys
from reprise.store.generations import Lost
from reprise.store.items import LeaseItem
from reprise.store.table import get
from tests.capacity import measured
from tests.faults import EVERY, Fault, disconnected, faults, repeated
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

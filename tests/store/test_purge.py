"""What a deleted conversation left is removed, and nothing else."""

from dataclasses import replace

import pytest

from reprise.chat.events import Produced
from reprise.chat.messages import Conversation, Message, Text
from reprise.store import bodies, conversations, generations, keys, messages
from reprise.store.items import CHUNKS_KEPT, MessageItem
from tests.capacity import measured
from tests.faults import Fault, Killed, answering, faults, killed, meanwhile
from tests.store.scribe import (
    EXPIRES,
    OTHER,
    Scribe,
    everything,
    put_all,
    read,
    shown,
    sort_keys,
    versions,
)

LARGE = "x" * (bodies.LIMIT + 1)


def partition_of(conversation: Conversation) -> str:
    return keys.conversation(conversation.owner, conversation.number)


def purge(scribe: Scribe, conversation: Conversation) -> int:
    return conversations.purge(partition_of(conversation), scribe.now_ms + 1).items


def log(answer: Message, chunks: int, now_ms: int) -> None:
    for number in range(1, chunks + 1):
        events = [Produced(number, now_ms, Text("word "))]
        generations.log(answer.id, number, events, now_ms / 1000)


def successor(scribe: Scribe, gone: Conversation) -> Conversation:
    """A conversation under the same key, as a client makes it that names its threads itself."""
    again = replace(scribe.conversation("Again"), number=gone.number)
    assert conversations.create(again)
    return again


def test_nothing_is_left_of_a_deleted_conversation(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    log(answer, 3, scribe.now_ms)
    conversation = generations.begin(scribe.redo(conversation, answer, question), EXPIRES)
    assert versions(conversation, question.id)
    conversations.delete(conversation)

    removed = purge(scribe, conversation)

    assert everything(conversation) == []
    assert generations.logged(answer.id) == []
    assert removed == 3 + 1 + 3  # messages, versions, chunks


def test_large_bodies_are_removed_too(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    generations.end(conversation, scribe.finished(answer, LARGE))
    stored = messages.find(conversation.owner, conversation.number, answer.id)[0]
    assert stored
    assert messages.load(stored).text == LARGE
    conversations.delete(conversation)

    purge(scribe, conversation)

    with pytest.raises(Exception, match="NoSuchKey"):
        messages.load(stored)


def test_other_conversations_are_not_touched(scribe: Scribe) -> None:
    gone, _, _ = scribe.exchange(scribe.stored())
    kept, _, answer = scribe.exchange(scribe.stored(), text=LARGE)
    log(answer, 1, scribe.now_ms)
    same_number = replace(scribe.conversation(), owner=OTHER, number=gone.number)
    conversations.create(same_number)
    same_number, _, _ = scribe.exchange(same_number)
    before = (everything(kept), everything(same_number), generations.logged(answer.id))
    conversations.delete(gone)

    purge(scribe, gone)

    assert (everything(kept), everything(same_number), generations.logged(answer.id)) == before
    assert [len(messages.load(m).text) for m in messages_of(kept)] == [len(LARGE) + 10, len(LARGE)]


def messages_of(conversation: Conversation) -> list[Message]:
    latest = messages.latest(conversation.owner, conversation.number)
    assert latest.conversation
    return list(
        messages.branch(conversation.owner, conversation.number, latest.conversation.head, latest)
    )


def test_purging_what_is_purged_removes_nothing(scribe: Scribe) -> None:
    conversation, _, _ = scribe.exchange(scribe.stored())
    conversations.delete(conversation)
    purge(scribe, conversation)

    assert purge(scribe, conversation) == 0


def test_a_purge_that_was_cut_off_goes_on_where_it_was(scribe: Scribe) -> None:
    conversation, _ = scribe.filled(60)
    conversations.delete(conversation)
    with faults(Fault("BatchWriteItem", killed, on=2)), pytest.raises(Killed):
        purge(scribe, conversation)
    left = len(everything(conversation))

    removed = purge(scribe, conversation)

    assert 0 < left < 60
    assert removed == left
    assert everything(conversation) == []


def test_items_that_the_table_did_not_take_at_once_are_removed(scribe: Scribe) -> None:
    """Under load DynamoDB hands back a part of a batch as unprocessed."""
    conversation, _ = scribe.filled(4)
    conversations.delete(conversation)
    kept = everything(conversation)[:2]

    def half(answer: dict[str, object]) -> dict[str, object]:
        put_all(conversation, [messages.from_item(MessageItem.from_raw_data(i)) for i in kept])
        requests = [{"DeleteRequest": {"Key": {k: i[k] for k in ("pk", "sk")}}} for i in kept]
        return answer | {"UnprocessedItems": {"reprise": requests}}

    with faults(Fault("BatchWriteItem", answering(half))) as struck:
        purge(scribe, conversation)

    assert struck
    assert everything(conversation) == []


def test_a_conversation_of_5000_messages_is_removed(scribe: Scribe) -> None:
    conversation, branch = scribe.filled(5000)
    log(branch[-1], 2, scribe.now_ms)
    conversations.delete(conversation)

    removed = purge(scribe, conversation)

    assert removed == 5002
    assert everything(conversation) == []


def test_chunks_that_the_table_has_dropped_by_itself_are_not_looked_for(scribe: Scribe) -> None:
    conversation, _ = scribe.filled(40)
    conversations.delete(conversation)
    scribe.now_ms += CHUNKS_KEPT * 1000 + 40_000

    with measured(units=False) as cost:
        purge(scribe, conversation)

    assert cost.operations.count("Query") == 1


# A client that names its threads itself may begin again under the same key


def test_a_successor_keeps_what_is_its_own(scribe: Scribe) -> None:
    gone, _, old_answer = scribe.exchange(scribe.stored(), text=LARGE)
    log(old_answer, 1, scribe.now_ms)
    conversations.delete(gone)
    again, question, answer = scribe.exchange(successor(scribe, gone), text=LARGE)
    log(answer, 1, scribe.now_ms)

    purge(scribe, gone)

    assert read(again) == again
    assert shown(again) == [answer.id, question.id]
    assert [len(messages.load(m).text) for m in messages_of(again)] == [len(LARGE) + 10, len(LARGE)]
    assert len(generations.logged(answer.id)) == 1
    assert generations.logged(old_answer.id) == []
    assert sort_keys(partition_of(gone)) == [
        keys.message(question.id),
        keys.message(answer.id),
        keys.META,
    ]


def test_a_successor_that_begins_amid_the_purge_keeps_what_is_its_own(scribe: Scribe) -> None:
    """The purge has looked for a successor already, and found none, when it comes."""
    gone, _, _ = scribe.exchange(scribe.stored())
    conversations.delete(gone)
    came_at = scribe.now_ms + 1
    came: list[Conversation] = []

    def begin_again() -> None:
        came.append(scribe.begun(successor(scribe, gone))[0])

    with faults(Fault("Query", meanwhile(begin_again))):
        conversations.purge(partition_of(gone), came_at)

    (again,) = came
    assert read(again) == again
    assert len(shown(again)) == 2
    assert messages.latest(again.owner, again.number).lease
    assert len(everything(again)) == 4


def test_a_successor_keeps_its_versions(scribe: Scribe) -> None:
    gone, question, answer = scribe.exchange(scribe.stored())
    generations.begin(scribe.redo(gone, answer, question), EXPIRES)
    conversations.delete(gone)
    again, question_again, answer_again = scribe.exchange(successor(scribe, gone))
    redone = scribe.redo(again, answer_again, question_again)
    generations.begin(redone, EXPIRES)

    purge(scribe, gone)

    assert versions(again, question.id) is None
    assert versions(again, question_again.id) == ([answer_again.id, redone.messages[0].id], [])


def test_what_is_ahead_of_the_clock_waits_for_its_time(scribe: Scribe) -> None:
    gone, _, _ = scribe.exchange(scribe.stored())
    conversations.delete(gone)
    early = scribe.now_ms - 1500  # between the question and the answer

    first = conversations.purge(partition_of(gone), early)

    assert first.ahead > 0
    second = conversations.purge(partition_of(gone), early + first.ahead)
    assert second.ahead == 0
    assert sort_keys(partition_of(gone)) == []

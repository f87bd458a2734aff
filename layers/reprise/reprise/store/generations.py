"""The life of a generation as writes: begin, log, renew, end. Each is one call, and fenced by the
generation's id, which is the id of the answer that it writes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from reprise.chat.events import Produced, pack, unpack
from reprise.chat.messages import Conversation, Lease, Message
from reprise.store import conversations, keys, messages
from reprise.store.items import (
    CHUNKS_KEPT,
    LEASE_KEPT,
    ChunkItem,
    ConversationItem,
    LeaseItem,
    MessageItem,
    VersionsItem,
)
from reprise.store.table import Refused, Transaction, query_all, write

Extra = Callable[[Transaction], None]  # adds writes of somebody else's to a begin


class Moved(Exception):
    """The conversation is not any more as it was read: deleted, or with another head."""


class Held(Exception):
    """Somebody else's lease lies there."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(lease.generation)
        self.lease = lease


class Lost(Exception):
    """The generation is not ours to end any more: repaired by another, or its conversation
    deleted.
    """


@dataclass(frozen=True)
class Turn:
    """What a begin writes: a user message, the placeholder of an answer, or both, at the head.

    `conversation` is as it was read, or, if `created`, as it shall be made. `sibling` is the
    message on the shown branch beside which the turn's first message comes to lie, in a redo or an
    edit.
    """

    conversation: Conversation
    messages: tuple[Message, ...]
    sibling: str | None = None
    created: bool = False

    @property
    def answer(self) -> Message | None:
        """The placeholder, which comes last; None where nobody shall answer."""
        last = self.messages[-1]
        return last if last.state == "in-progress" else None


def begin(turn: Turn, expires: float, extra: Sequence[Extra] = ()) -> Conversation:
    """Store a turn and take the lease, all or nothing. Returns the conversation as it now is.

    Without an answer (a message that nobody shall answer) no lease is taken, but none may be held.
    Raises Moved or Held; a refusal of what `extra` added alone passes through as `Refused`.
    """
    old, answer = turn.conversation, turn.answer
    partition = keys.conversation(old.owner, old.number)
    new = replace(
        old, head=turn.messages[-1].id, version=old.version + 1, activity=turn.messages[0].created
    )
    transaction = Transaction()
    for add in extra:
        add(transaction)
    if turn.created:
        transaction.put(
            "conversation", conversations.to_item(new), ConversationItem.pk.does_not_exist()
        )
    else:
        transaction.update(
            "conversation",
            conversations.to_item(old),
            [
                ConversationItem.head.set(turn.messages[-1].id),
                ConversationItem.version.set(new.version),
                ConversationItem.activity.set(new.activity),
            ],
            (ConversationItem.id == old.id) & (ConversationItem.version == old.version),
        )
    for message in turn.messages:
        transaction.put(message.id, messages.to_item(partition, message))
    if answer:
        lease = LeaseItem(
            partition,
            keys.LEASE,
            generation=answer.id,
            expires=expires,
            ttl=int(expires) + LEASE_KEPT,
        )
        transaction.put("lease", lease, LeaseItem.pk.does_not_exist())
    elif not turn.created:
        transaction.check(
            "lease", LeaseItem, (partition, keys.LEASE), LeaseItem.pk.does_not_exist()
        )
    if turn.sibling:
        _add_version(transaction, partition, turn)
    try:
        transaction.commit()
    except Refused as refused:
        return _judge(refused, turn, new)
    return new


def _add_version(transaction: Transaction, partition: str, turn: Turn) -> None:
    """Note the new sibling, and the tip under the old one where the branch went on from it."""
    first = turn.messages[0]
    siblings = VersionsItem(partition, keys.versions(first.parent or turn.conversation.id))
    ids, tips = VersionsItem.ids, VersionsItem.tips
    actions: list[Action] = [
        VersionsItem.kind.set(VersionsItem),
        ids.set((ids | [turn.sibling]).append([first.id])),
    ]
    if turn.conversation.head != turn.sibling:
        seen = [turn.sibling, turn.conversation.head]
        actions.append(tips.set((tips | []).append(seen)))
    transaction.update("versions", siblings, actions)


def _judge(refused: Refused, turn: Turn, new: Conversation) -> Conversation:
    """What a refused begin means. Our own generation in the way is the sign of an earlier attempt
    that did succeed though its answer was lost.
    """
    there = {name: reason.item for name, reason in refused.reasons.items()}
    meta, lease = there.get("conversation"), there.get("lease")
    if isinstance(meta, ConversationItem) and meta.head == new.head:
        return new
    if isinstance(lease, LeaseItem):
        if turn.answer and lease.generation == turn.answer.id:
            return new
        raise Held(conversations.lease_from(lease)) from refused
    if "conversation" in there or "lease" in there:
        raise Moved from refused
    raise refused


def renew(conversation: Conversation, generation: str, expires: float) -> None:
    """Hold the lease longer. Raises Lost."""
    lease = LeaseItem(keys.conversation(conversation.owner, conversation.number), keys.LEASE)
    actions: list[Action] = [
        LeaseItem.expires.set(expires),
        LeaseItem.ttl.set(int(expires) + LEASE_KEPT),
    ]
    if not write(lambda: lease.update(actions, LeaseItem.generation == generation)):
        raise Lost


def log(generation: str, number: int, events: Sequence[Produced], now: float) -> None:
    """Append a chunk of events; writing the same number again replaces it."""
    ChunkItem(
        keys.generation(generation),
        keys.chunk(number),
        events=pack(events),
        ttl=int(now) + CHUNKS_KEPT,
    ).save()


def logged(generation: str) -> list[Produced]:
    """All events of a generation that were logged, in order."""
    return [
        event
        for chunk in query_all(keys.generation(generation))
        if isinstance(chunk, ChunkItem)
        for event in unpack(chunk.events)
    ]


def end(
    conversation: Conversation, answer: Message, head: str | None = None, *, repair: bool = False
) -> None:
    """Store the finished answer and give the lease up, all or nothing. Raises Lost.

    `head` is given where the answer's branch shall not be shown: it becomes the head, unless the
    head was moved meanwhile. A `repair` also ends what has no lease any more; its own generation
    must hold it.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    item = messages.to_item(partition, answer)
    ours = LeaseItem.generation == answer.id
    gone = LeaseItem.pk.does_not_exist()
    for give_back in (head, None) if head else (None,):
        transaction = Transaction()
        transaction.update("answer", item, _final(item), MessageItem.state == "in-progress")
        transaction.delete(
            "lease", LeaseItem(partition, keys.LEASE), gone | ours if repair else ours
        )
        if give_back:
            transaction.update(
                "conversation",
                conversations.to_item(conversation),
                [ConversationItem.head.set(give_back), ConversationItem.version.add(1)],
                ConversationItem.head == answer.id,
            )
        try:
            transaction.commit()
        except Refused as refused:
            if give_back and refused.reasons.keys() == {"conversation"}:
                continue
            if _is_stored(refused, item):
                return
            raise Lost from refused
        return


def _final(item: MessageItem) -> list[Action]:
    """Set everything that an ending changes; `hidden` is another's and stays as it is."""
    values: tuple[tuple[Attribute[Any], Any], ...] = (
        (MessageItem.path, item.path),
        (MessageItem.state, item.state),
        (MessageItem.text, item.text),
        (MessageItem.body, item.body),
        (MessageItem.blob, item.blob),
        (MessageItem.updated, item.updated),
        (MessageItem.model, item.model),
        (MessageItem.finish_reason, item.finish_reason),
        (MessageItem.input_tokens, item.input_tokens),
        (MessageItem.output_tokens, item.output_tokens),
        (MessageItem.before, None),
    )
    return [
        attribute.remove() if value is None else attribute.set(value) for attribute, value in values
    ]


def _is_stored(refused: Refused, item: MessageItem) -> bool:
    """Whether the refusal comes of an earlier attempt of ours that succeeded."""
    there = refused.reasons["answer"].item if "answer" in refused.reasons else None
    if not isinstance(there, MessageItem):
        return False
    stored = there.state, there.text, there.body, there.updated
    return stored == (item.state, item.text, item.body, item.updated)

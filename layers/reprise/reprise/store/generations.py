"""The life of a generation as writes: begin, log, renew, end. Each is one call, and fenced by the
generation's id, which is the id of the answer that it writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger
from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from reprise.chat.events import Produced, pack, unpack
from reprise.chat.messages import Conversation, Lease, Message
from reprise.store import balances, conversations, keys, messages, versions
from reprise.store.balances import UNLIMITED, Allowance, Bill
from reprise.store.claims import Claim
from reprise.store.items import (
    CHUNKS_KEPT,
    LEASE_KEPT,
    ChunkItem,
    ConversationItem,
    LeaseItem,
    MessageItem,
    VersionsItem,
)
from reprise.store.table import Item, Refusal, Refused, Transaction, get, query_all, write

logger = Logger(child=True)


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

    `conversation` is as it was read, or, if `created`, as it shall be made. `sibling` is a message
    of the same role under the same parent as the turn's first, in a redo or an edit. What comes
    `before` its messages is stored ahead of it: nobody sees it until the head leads there.
    """

    conversation: Conversation
    messages: tuple[Message, ...]
    sibling: str | None = None
    created: bool = False
    before: tuple[Message, ...] = ()

    @property
    def first(self) -> Message:
        return (*self.before, *self.messages)[0]

    @property
    def answer(self) -> Message | None:
        """The placeholder, which comes last; None where nobody shall answer."""
        last = self.messages[-1]
        return last if last.state == "in-progress" else None


@dataclass(frozen=True)
class Terms:
    """What a turn is begun under: the claim of its idempotency key, and what the payer's plan
    limits.
    """

    claim: Claim | None = None
    allowance: Allowance = UNLIMITED


FREE = Terms()


def begin(turn: Turn, expires: float, terms: Terms = FREE) -> Conversation:
    """Store a turn and take the lease, all or nothing. Returns the conversation as it now is.

    Without an answer (a message that nobody shall answer) no lease is taken, but none may be held.
    Raises, in this order, Claimed or IdempotencyMismatch, Moved or Held, NoCredits or
    TooManyRunning.
    """
    old, answer = turn.conversation, turn.answer
    partition = keys.conversation(old.owner, old.number)
    new = replace(
        old,
        head=turn.messages[-1].id,
        version=old.version + 1,
        activity=turn.messages[0].created,
        model=old.model or (answer.model if answer else None),
        branched=old.branched or turn.sibling is not None,
    )
    transaction = Transaction()
    if terms.claim:
        terms.claim.add_to(transaction, turn.messages[-1].id)
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
                *([ConversationItem.model.set(new.model)] if new.model and not old.model else []),
                *([ConversationItem.branched.set(True)] if turn.sibling else []),
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
        if answer.hold:
            balances.add_hold(transaction, old.owner, answer, answer.hold, terms.allowance)
    elif not turn.created:
        transaction.check(
            "lease", LeaseItem, (partition, keys.LEASE), LeaseItem.pk.does_not_exist()
        )
    if turn.sibling:
        _add_version(transaction, partition, turn, turn.sibling)
    try:
        transaction.commit()
    except Refused as refused:
        return _judge(refused, turn, new, terms)
    return new


def _add_version(transaction: Transaction, partition: str, turn: Turn, sibling: str) -> None:
    """Note the new sibling, and the head that is left where it lies deeper."""
    first, head = turn.first, turn.conversation.head
    actions: list[Action] = [
        VersionsItem.kind.set(VersionsItem),
        VersionsItem.ids.add({sibling, first.id}),
    ]
    if head not in (sibling, first.parent):
        left = VersionsItem.left
        actions.append(left.set((left | []).append([versions.mark(turn.conversation)])))
    sort = keys.versions(first.parent or turn.conversation.id, first.role)
    transaction.update("versions", VersionsItem(partition, sort), actions)


def select(conversation: Conversation, head: str, fork: str, left: list[str]) -> None:
    """Show another branch: `head` is its tip, `fork` the sort key of the siblings where it parts
    from the one that is left, and `left` the marks that lie there. Raises Moved or Held.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    transaction = Transaction()
    transaction.update(
        "conversation",
        conversations.to_item(conversation),
        [ConversationItem.head.set(head), ConversationItem.version.add(1)],
        (ConversationItem.id == conversation.id)
        & (ConversationItem.version == conversation.version),
    )
    transaction.check("lease", LeaseItem, (partition, keys.LEASE), LeaseItem.pk.does_not_exist())
    # as a whole, so that it does not grow with every choice: with the head's version unchanged
    # nobody else has added to it since it was read
    marks = VersionsItem.left.set(versions.with_head(conversation, left))
    kind = VersionsItem.kind.set(VersionsItem)
    transaction.update("versions", VersionsItem(partition, fork), [kind, marks])
    try:
        transaction.commit()
    except Refused as refused:
        match refused.reasons:
            case {"lease": Refusal(item=LeaseItem() as lease)}:
                raise Held(conversations.lease_from(lease)) from refused
            case {"conversation": Refusal(item=ConversationItem(head=now))} if now == head:
                return  # an earlier attempt of ours, or of another who wants the same
        raise Moved from refused


def _judge(refused: Refused, turn: Turn, new: Conversation, terms: Terms) -> Conversation:
    """What a refused begin means. Our own generation in the way is the sign of an earlier attempt
    that did succeed though its answer was lost.
    """
    if terms.claim and "claim" in refused.reasons:
        terms.claim.refused(refused.reasons["claim"], turn.messages[-1].id)
    there = {name: reason.item for name, reason in refused.reasons.items()}
    meta, lease = there.get("conversation"), there.get("lease")
    if isinstance(meta, ConversationItem) and meta.head == new.head:
        return new
    if isinstance(lease, LeaseItem):
        if turn.answer and lease.generation == turn.answer.id:
            return new
        raise Held(conversations.lease_from(lease)) from refused
    if "conversation" in there or "lease" in there or "claim" in there:
        raise Moved from refused
    if "balance" in there and turn.answer and turn.answer.hold:
        hold = turn.answer.hold
        raise balances.refused(refused.reasons["balance"], hold, terms.allowance) from refused
    raise refused


def renew(conversation: Conversation, generation: str, expires: float) -> bool:
    """Hold the lease longer. Returns whether somebody asked for the end. Raises Lost."""
    lease = LeaseItem(keys.conversation(conversation.owner, conversation.number), keys.LEASE)
    actions: list[Action] = [
        LeaseItem.expires.set(expires),
        LeaseItem.ttl.set(int(expires) + LEASE_KEPT),
    ]
    if not write(lambda: lease.update(actions, LeaseItem.generation == generation)):
        raise Lost
    return bool(lease.stop)


def is_stopped(conversation: Conversation, generation: str) -> bool:
    """Whether somebody asked for the end. Raises Lost."""
    partition = keys.conversation(conversation.owner, conversation.number)
    lease = get(LeaseItem, partition, keys.LEASE)
    if lease is None or lease.generation != generation:
        raise Lost
    return bool(lease.stop)


def stop(conversation: Conversation, generation: str) -> bool:
    """Ask a running generation to end. False when it has ended."""
    lease = LeaseItem(keys.conversation(conversation.owner, conversation.number), keys.LEASE)
    ours = LeaseItem.generation == generation
    return write(lambda: lease.update([LeaseItem.stop.set(True)], ours))


def lease_of(conversation: Conversation) -> Lease | None:
    """The lease as it was a moment ago: half a unit, for those who ask again and again."""
    partition = keys.conversation(conversation.owner, conversation.number)
    lease = get(LeaseItem, partition, keys.LEASE, consistent=False)
    return conversations.lease_from(lease) if lease else None


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
    return logged_since(generation, 0)[0]


def logged_since(
    generation: str, after: int, *, consistent: bool = True
) -> tuple[list[Produced], int]:
    """The events in the chunks behind number `after`, in order, and the number of the last
    chunk.
    """
    events, last = list[Produced](), after
    behind = Item.sk > keys.chunk(after)
    for chunk in query_all(keys.generation(generation), behind, consistent=consistent):
        if isinstance(chunk, ChunkItem):
            events += unpack(chunk.events)
            last = int(chunk.sk.removeprefix(keys.CHUNK))
    return events, last


def end(
    conversation: Conversation,
    answer: Message,
    head: str | None = None,
    bill: Bill | None = None,
    *,
    repair: bool = False,
) -> bool:
    """Store the finished answer, pay its bill and give the lease up, all or nothing. Returns False
    where the bill was found settled before, which is not to be. Raises Lost.

    `head` is given where the answer's branch shall not be shown: it becomes the head, unless the
    head was moved meanwhile. A `repair` also ends what has no lease any more; its own generation
    must hold it.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    item = messages.to_item(partition, answer)
    ours = LeaseItem.generation == answer.id
    gone = LeaseItem.pk.does_not_exist()
    give_back, paid = head, True
    while True:
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
        if head and answer.begun == "redo":
            _drop_version(transaction, partition, answer)
        if bill:
            bill.add_to(transaction)
        try:
            transaction.commit()
        except Refused as refused:
            reasons = refused.reasons.keys()
            if reasons <= {"conversation", "balance", "ledger"}:
                if "conversation" in reasons:
                    give_back = None
                if reasons & {"balance", "ledger"}:
                    # the answer matters more than what it cost
                    logger.error("settled before", generation=answer.id)
                    bill, paid = None, False
                continue
            if _is_stored(refused, item):
                return paid
            raise Lost from refused
        return paid


def _drop_version(transaction: Transaction, partition: str, answer: Message) -> None:
    """Take an answer that came to nothing out of the versions."""
    siblings = VersionsItem(partition, keys.versions(str(answer.parent), answer.role))
    kind = VersionsItem.kind.set(VersionsItem)  # the first answer to a message has no such item yet
    transaction.update("versions", siblings, [kind, VersionsItem.ids.delete({answer.id})])


def _final(item: MessageItem) -> list[Action]:
    """Set everything that an ending changes; `hidden` and `feedback` are another's and stay as they
    are.
    """
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
        (MessageItem.estimated, item.estimated),
        (MessageItem.events, item.events),
        (MessageItem.cost, item.cost),
        (MessageItem.before, None),
        (MessageItem.payer, None),
        (MessageItem.unit, None),
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

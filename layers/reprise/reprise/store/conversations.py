"""Conversations as items: make, find, list, rename, delete, and remove what a deletion left."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from reprise.chat.ids import conversation_of, made_at, milliseconds_of
from reprise.chat.messages import Addition, Conversation, Lease
from reprise.store import bodies, keys
from reprise.store.claims import Claim
from reprise.store.items import CHUNKS_KEPT, ConversationItem, LeaseItem, MessageItem
from reprise.store.table import (
    Item,
    Key,
    Refused,
    Transaction,
    connection,
    get,
    get_many,
    query,
    query_all,
    write,
)

_SKEW = 60_000  # milliseconds by which two clocks may differ


def to_item(conversation: Conversation) -> ConversationItem:
    return ConversationItem(
        keys.conversation(conversation.owner, conversation.number),
        keys.META,
        id=conversation.id,
        owner=conversation.owner,
        title=conversation.title,
        head=conversation.head,
        version=conversation.version,
        created=conversation.created,
        activity=conversation.activity,
        model=conversation.model,
        switched=conversation.switched or None,
        branched=conversation.branched or None,
        thread=conversation.thread,
        agent=_partition_by_agent(conversation),
        end_user=_partition_by_end_user(conversation),
        instructions=conversation.addition.instructions,
        corpus=conversation.addition.corpus,
        uploads=conversation.uploads or None,
    )


def _partition_by_agent(conversation: Conversation) -> str | None:
    """None where the owner says it already: what the public of an agent has with it."""
    if conversation.agent is None or keys.public_agent(conversation.owner):
        return None
    return keys.conversations_with(conversation.owner, conversation.agent)


def _partition_by_end_user(conversation: Conversation) -> str | None:
    if conversation.end_user is None:
        return None
    return keys.conversations_of(conversation.owner, conversation.end_user)


def from_item(item: ConversationItem) -> Conversation:
    """Also of an index's entry, which has neither head nor version."""
    owner, number = keys.split_conversation(item.pk)
    agent = keys.public_agent(owner)
    if item.agent is not None:
        agent = item.agent.removeprefix(keys.conversations_with(owner, ""))
    end_user = None
    if item.end_user is not None:
        end_user = item.end_user.removeprefix(keys.conversations_of(owner, ""))
    return Conversation(
        number=number,
        id=item.id,
        owner=owner,
        title=item.title,
        head=item.head,
        version=int(item.version or 0),
        created=int(item.created),
        activity=int(item.activity),
        model=item.model,
        switched=bool(item.switched),
        branched=bool(item.branched),
        thread=item.thread,
        agent=agent,
        end_user=end_user,
        addition=Addition(item.instructions, item.corpus),
        uploads=int(item.uploads or 0),
    )


def lease_from(item: LeaseItem) -> Lease:
    return Lease(item.generation, item.expires, bool(item.stop))


def create(conversation: Conversation, claim: Claim | None = None) -> bool:
    """Store a new one, with the claim of its request. False when its number is taken under this
    owner: the caller makes another. What an earlier attempt of the same call stored does not count
    as taken. Raises Claimed and IdempotencyMismatch.
    """
    free = ConversationItem.pk.does_not_exist() | (ConversationItem.id == conversation.id)
    if claim is None:
        return write(lambda: to_item(conversation).save(free))
    transaction = Transaction()
    claim.add_to(transaction, conversation.id)
    transaction.put("conversation", to_item(conversation), free)
    try:
        transaction.commit()
    except Refused as refused:
        if "claim" in refused.reasons:
            claim.refused(refused.reasons["claim"], conversation.id)
        return False
    return True


def find(owner: str, number: int) -> tuple[Conversation | None, Lease | None]:
    """A conversation and its lease, in one round trip."""
    partition = keys.conversation(owner, number)
    items = get_many([(partition, keys.META), (partition, keys.LEASE)])
    meta, lease = items.get((partition, keys.META)), items.get((partition, keys.LEASE))
    return (
        from_item(meta) if isinstance(meta, ConversationItem) else None,
        lease_from(lease) if isinstance(lease, LeaseItem) else None,
    )


@dataclass(frozen=True)
class Wanted:
    """Which conversations a list shall have: those made no earlier than `since` and no later than
    `until`, in milliseconds, whose model goes by one of the names. None leaves it open.
    """

    since: int | None = None
    until: int | None = None
    models: frozenset[str] | None = None

    def filter(self) -> Condition | None:
        conditions: list[Condition] = []
        if self.since is not None:
            conditions.append(ConversationItem.created >= self.since)
        if self.until is not None:
            conditions.append(ConversationItem.created <= self.until)
        if self.models is not None:
            conditions.append(ConversationItem.model.is_in(*sorted(self.models)))
        return reduce(and_, conditions) if conditions else None

    def range(self) -> Condition | None:
        """The part of the index where all of them are: nothing was active before it was made."""
        return None if self.since is None else ConversationItem.activity >= self.since - _SKEW


ALL = Wanted()


def page(
    owner: str, offset: int, limit: int, wanted: Wanted = ALL
) -> tuple[list[Conversation], int]:
    """An owner's conversations, latest activity first, and how many there are in all.

    Reads the index only; what lies behind the page is counted, not fetched.
    """
    shown: list[Conversation] = []
    table, total, start = connection(), 0, None
    matching, within = wanted.filter(), wanted.range()
    while True:
        missing = offset + limit - total
        data = table.query(
            owner,
            range_key_condition=within,
            filter_condition=matching,
            index_name="by_owner",
            scan_index_forward=False,
            exclusive_start_key=start,
            # it bounds what is read, not what matches: few may, and each page is a round trip
            limit=missing if missing > 0 and matching is None else None,
            select="ALL_PROJECTED_ATTRIBUTES" if missing > 0 else "COUNT",
        )
        items = data.get("Items", [])
        if missing > 0:
            shown += [
                from_item(ConversationItem.from_raw_data(raw))
                for raw in items[max(0, offset - total) : missing]
            ]
        total += data["Count"]
        start = data.get("LastEvaluatedKey")
        if not start:
            return shown, total


def rename(conversation: Conversation, title: str, now_ms: int) -> Conversation | None:
    """Give it another title; None when it was deleted meanwhile."""
    actions: list[Action] = [
        ConversationItem.title.set(title),
        ConversationItem.activity.set(now_ms),
    ]
    same = ConversationItem.id == conversation.id
    if not write(lambda: to_item(conversation).update(actions, same)):
        return None
    return replace(conversation, title=title, activity=now_ms)


def switch(conversation: Conversation, model: str, now_ms: int) -> Conversation | None:
    """Give it another model; None when it was deleted meanwhile."""
    actions: list[Action] = [
        ConversationItem.model.set(model),
        ConversationItem.switched.set(True),
        ConversationItem.activity.set(now_ms),
    ]
    same = ConversationItem.id == conversation.id
    if not write(lambda: to_item(conversation).update(actions, same)):
        return None
    return replace(conversation, model=model, switched=True, activity=now_ms)


def delete(conversation: Conversation) -> bool:
    """Make it unreachable; a generation that still runs loses its lease. False when it is gone
    already.

    What is left in the partition is `purge`'s, which the table's stream wakes.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    transaction = Transaction()
    transaction.delete(
        "conversation", to_item(conversation), ConversationItem.id == conversation.id
    )
    transaction.delete("lease", LeaseItem(partition, keys.LEASE))
    try:
        transaction.commit()
    except Refused:
        return False
    return True


@dataclass(frozen=True)
class Purged:
    """`items` were removed. What is left is younger than the call, by `ahead` milliseconds at most:
    0 where nothing is, or where it is a successor's.
    """

    items: int
    ahead: int


def purge(partition: str, now_ms: int) -> Purged:
    """Remove what a deleted conversation left: messages, versions, files, bodies, chunks.

    A client that names its threads itself may have begun another conversation under the same key by
    now; ids tell when they were made, so what is younger than this call, or than that conversation,
    stays. Ids may run ahead of the clock a little (a message's is greater than its parent's): then
    call it again when the time has come. Calling it again also goes on where it was cut off.
    """
    _, number = keys.split_conversation(partition)
    again = get(ConversationItem, partition, keys.META)
    before = min(now_ms, int(again.created)) if again else now_ms

    def left_over(sort: str) -> bool:
        if sort in (keys.META, keys.LEASE):
            return False  # the deletion took them along: these are a successor's
        if sort.startswith(keys.UPLOAD):
            return made_at(int(sort.removeprefix(keys.UPLOAD))) < before
        made = sort.partition("#")[2]
        if (
            conversation_of(made) != number
        ):  # versions of a first message: under the conversation's id
            return again is None or made != again.id
        return milliseconds_of(made) < before

    bodies.delete(partition, lambda name: left_over(_sort_key_of(name)))
    removed, ahead, start = 0, 0, None
    while True:
        items, start = query(partition, start=start)
        old = [item for item in items if left_over(item.sk)]
        young = [item.sk for item in items if not left_over(item.sk)]
        for item in old:
            if isinstance(item, MessageItem) and item.role == "assistant":
                removed += _delete(_chunks(item.sk.removeprefix(keys.FIRST_MESSAGE), now_ms))
        removed += _delete([(item.pk, item.sk) for item in old])
        for sort in young if again is None else ():
            if sort.startswith(keys.FIRST_MESSAGE):
                made = milliseconds_of(sort.removeprefix(keys.FIRST_MESSAGE))
                ahead = max(ahead, made + 1 - now_ms)
            elif sort.startswith(keys.UPLOAD):
                ahead = max(ahead, made_at(int(sort.removeprefix(keys.UPLOAD))) + 1 - now_ms)
        if not start:
            return Purged(removed, ahead)


def _sort_key_of(body: str) -> str:
    """Of the item that has a body: that is named for a file, or for a message's id."""
    return body if body.startswith(keys.UPLOAD) else keys.message(body)


def _chunks(message_id: str, now_ms: int) -> list[Key]:
    """Keys of an answer's chunks, unless the table has dropped them by itself."""
    if milliseconds_of(message_id) < now_ms - CHUNKS_KEPT * 1000:
        return []
    return [(chunk.pk, chunk.sk) for chunk in query_all(keys.generation(message_id))]


def _delete(found: list[Key]) -> int:
    with Item.batch_write() as batch:
        for key in found:
            batch.delete(Item(*key))
    return len(found)

"""Messages as items, and the reading of a branch: backwards from the head, as far as somebody
looks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from reprise.chat.events import dump_parts, load_parts
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import (
    Begin,
    Conversation,
    Feedback,
    FinishReason,
    Hold,
    Lease,
    Message,
    Part,
    Role,
    State,
    Text,
    Usage,
)
from reprise.store import bodies, keys
from reprise.store.conversations import from_item as conversation_from
from reprise.store.conversations import lease_from
from reprise.store.items import ConversationItem, LeaseItem, MessageItem, VersionsItem
from reprise.store.table import Item, Refused, Transaction, get_many, query, write

FIRST_PAGE = 24  # items of the first read: the lease, the conversation and what a short one holds
_REREADS = 3
_NEXT = 10  # items behind a message among which its first answer is


def to_item(partition: str, message: Message) -> MessageItem:
    """The item of a message. Parts that are too large for the table go to the bucket here."""
    text = body = None
    blob = message.blob
    match message.parts:
        case (Text(only),):
            text = only
        case (_, *_):
            body = dump_parts(message.parts)
    if len((text or body or "").encode()) > bodies.LIMIT:
        blob = bodies.put(partition, message.id, body or dump_parts(message.parts))
        text, body = message.text[: bodies.PREVIEW], None
    return MessageItem(
        partition,
        keys.message(message.id),
        role=message.role,
        parent=message.parent,
        depth=message.depth,
        path=message.path or None,
        state=message.state,
        text=text,
        body=body,
        blob=blob,
        updated=message.updated,
        model=message.model,
        finish_reason=message.finish_reason,
        input_tokens=message.usage.input if message.usage else None,
        output_tokens=message.usage.output if message.usage else None,
        estimated=(message.usage and message.usage.estimated) or None,
        hidden=message.hidden or None,
        before=message.before,
        begun=message.begun,
        events=message.events,
        payer=message.hold.payer if message.hold else None,
        unit=message.hold.unit if message.hold else None,
        cost=message.cost,
        feedback=message.feedback,
    )


def from_item(item: MessageItem) -> Message:
    message_id = item.sk.removeprefix(keys.FIRST_MESSAGE)
    usage = None
    if item.input_tokens is not None and item.output_tokens is not None:
        usage = Usage(int(item.input_tokens), int(item.output_tokens), bool(item.estimated))
    return Message(
        id=message_id,
        role=cast(Role, item.role),
        parts=_parts(item),
        parent=item.parent,
        depth=int(item.depth),
        path=item.path or b"",
        state=cast(State, item.state),
        created=milliseconds_of(message_id),
        updated=int(item.updated),
        model=item.model,
        finish_reason=cast("FinishReason | None", item.finish_reason),
        usage=usage,
        hidden=bool(item.hidden),
        before=item.before,
        blob=item.blob,
        begun=cast("Begin | None", item.begun),
        events=_whole(item.events),
        hold=Hold(item.payer, _whole(item.unit)) if item.payer else None,
        cost=_whole(item.cost),
        feedback=cast("Feedback | None", item.feedback),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _parts(item: MessageItem) -> tuple[Part, ...]:
    if item.text is not None:
        return (Text(item.text),)
    return load_parts(item.body) if item.body else ()


def load(message: Message) -> Message:
    """The message with all its parts: those of a large one are fetched from the bucket."""
    if message.blob is None:
        return message
    return replace(message, parts=load_parts(bodies.get(message.blob)), blob=None)


@dataclass(frozen=True)
class Found:
    """What one read of a conversation brought; `messages` by id, `lowest` the least key that was
    read.
    """

    conversation: Conversation | None = None
    lease: Lease | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    lowest: str | None = None


def _found(items: list[Item], at_end: bool) -> Found:
    conversation = lease = None
    messages: dict[str, Message] = {}
    for item in items:
        if isinstance(item, MessageItem):
            message = from_item(item)
            messages[message.id] = message
        elif isinstance(item, ConversationItem):
            conversation = conversation_from(item)
        elif isinstance(item, LeaseItem):
            lease = lease_from(item)
    lowest = keys.FIRST_MESSAGE if at_end else items[-1].sk
    return Found(conversation, lease, messages, lowest)


def latest(owner: str, number: int, limit: int = FIRST_PAGE) -> Found:
    """Lease, conversation and latest messages, in one read.

    A transaction may come to light item by item within a Query: where the head is not there
    although the read went past its key, it is read again.
    """
    partition = keys.conversation(owner, number)
    for _ in range(_REREADS):
        items, more = query(
            partition,
            Item.sk.between(keys.FIRST_MESSAGE, keys.LEASE),
            limit=limit,
            reverse=True,
        )
        found = _found(items, at_end=not more)
        head = found.conversation.head if found.conversation else None
        if head is None or head in found.messages or keys.message(head) < str(found.lowest):
            break
    return found


def branch(
    owner: str, number: int, tip: str | None, found: Found, page: int | None = None
) -> Iterator[Message]:
    """The path from `tip` back to the root, newest first, without the bodies that lie in the
    bucket.

    Starts with what was `found`. When the next message is not among it, the next Query begins at
    that message's key, so superseded versions are jumped over. It reads no more items than the path
    still has messages, and at most `page`.
    """
    partition = keys.conversation(owner, number)
    limit = page
    while tip is not None:
        message = found.messages.get(tip)
        if message is not None:
            yield message
            tip = message.parent
            limit = min(message.depth, page or message.depth)
            continue
        if found.lowest is not None and keys.message(tip) >= found.lowest:
            return  # read past and not there: purged meanwhile
        items, more = query(
            partition,
            Item.sk.between(keys.FIRST_MESSAGE, keys.message(tip)),
            limit=limit,
            reverse=True,
        )
        if not items:
            return
        found = _found(items, at_end=not more)


def find(owner: str, number: int, message_id: str) -> tuple[Message | None, Found]:
    """A message by its id with its conversation and lease, in one round trip.

    Not the message alone: one of a deleted conversation is gone at once, though a worker removes it
    later.
    """
    partition = keys.conversation(owner, number)
    wanted = [(partition, sort) for sort in (keys.message(message_id), keys.META, keys.LEASE)]
    found = _found(list(get_many(wanted).values()), at_end=True)
    return found.messages.get(message_id), found


def first_answer(owner: str, number: int, message_id: str) -> str | None:
    """The id of the first answer to a message. It was made right after it, so it lies behind it."""
    behind = Item.sk.between(keys.message(message_id), keys.META)
    items, _ = query(keys.conversation(owner, number), behind, limit=_NEXT)
    answers = (
        message
        for message in _found(items, at_end=True).messages.values()
        if message.parent == message_id and message.role == "assistant"
    )
    return next((answer.id for answer in answers if answer.shown), None)


def put_many(conversation: Conversation, several: Sequence[Message]) -> None:
    """Store messages that nobody can see yet, not all at once."""
    partition = keys.conversation(conversation.owner, conversation.number)
    items = [to_item(partition, message) for message in several]
    with MessageItem.batch_write() as batch:
        for item in items:
            batch.save(item)


def remove_many(conversation: Conversation, several: Sequence[Message]) -> None:
    """Take back what `put_many` stored."""
    partition = keys.conversation(conversation.owner, conversation.number)
    with MessageItem.batch_write() as batch:
        for message in several:
            batch.delete(MessageItem(partition, keys.message(message.id)))


def amend(conversation: Conversation, before: Message, after: Message) -> bool:
    """Store other parts of a message. False where it is not any more as it was `before`."""
    partition = keys.conversation(conversation.owner, conversation.number)
    item = to_item(partition, after)
    values: list[tuple[Attribute[Any], Any]] = [
        (MessageItem.text, item.text),
        (MessageItem.body, item.body),
        (MessageItem.blob, item.blob),
        (MessageItem.updated, max(item.updated, before.updated + 1)),
    ]
    actions: list[Action] = [
        attribute.remove() if value is None else attribute.set(value) for attribute, value in values
    ]
    same = (MessageItem.updated == before.updated) & (MessageItem.state == before.state)
    return write(lambda: item.update(actions, same))


def find_many(conversation: Conversation, ids: list[str]) -> Found:
    """Messages of a conversation by their ids, with it and its lease, a hundred at a time."""
    partition = keys.conversation(conversation.owner, conversation.number)
    items: list[Item] = []
    wanted = [(partition, keys.LEASE), *((partition, keys.message(each)) for each in ids)]
    for start in range(0, len(wanted), 100):
        items += get_many(wanted[start : start + 100]).values()
    return _found(items, at_end=True)


def rate(conversation: Conversation, message_id: str, feedback: Feedback | None) -> bool:
    """Note what somebody thinks of a message, or that they do not any more. False when it is
    gone.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    item = MessageItem(partition, keys.message(message_id))
    mark = MessageItem.feedback
    actions: list[Action] = [mark.remove() if feedback is None else mark.set(feedback)]
    return write(lambda: item.update(actions, MessageItem.pk.exists()))


def hide(conversation: Conversation, message: Message) -> bool:
    """Take one message out of every listing, the context and the versions. False when it is gone or
    hidden already.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    item = MessageItem(partition, keys.message(message.id))
    seen = MessageItem.pk.exists() & MessageItem.hidden.does_not_exist()
    if not conversation.branched:
        return write(lambda: item.update([MessageItem.hidden.set(True)], seen))
    transaction = Transaction()
    transaction.update("message", item, [MessageItem.hidden.set(True)], seen)
    sort = keys.versions(message.parent or conversation.id, message.role)
    kind = VersionsItem.kind.set(VersionsItem)
    actions: list[Action] = [kind, VersionsItem.ids.delete({message.id})]
    transaction.update("versions", VersionsItem(partition, sort), actions)
    try:
        transaction.commit()
    except Refused:
        return False
    return True

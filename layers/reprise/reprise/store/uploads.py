"""Files of a conversation: what is known of them, their text, and the originals in the bucket."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from pynamodb.expressions.update import Action

from reprise.chat.messages import Conversation
from reprise.store import bucket, keys
from reprise.store.claims import Claim
from reprise.store.conversations import from_item as conversation_from
from reprise.store.items import ConversationItem, UploadItem
from reprise.store.table import Item, Refused, Transaction, get_many, query_all, write

Status = Literal["pending", "ready", "failed"]
PENDING_KEPT = 24 * 3600  # seconds, as the bucket keeps what nobody took over
MOST = 20  # files of a conversation that are ready
SMALL = 50_000  # bytes of text that lie in the table: every answer reads them
_FILES = ("original", "text", "index")


@dataclass(frozen=True)
class Upload:
    """A file, `size` in bytes, `created` in milliseconds since the Unix epoch.

    One that is `ready` has `pages` and is so many `tokens` of text, roughly. Its `text`, page by
    page, is None where it lies in the bucket, with an index of it: see `load`. One that `failed`
    has a `problem`, fit for its client.
    """

    number: int
    name: str
    size: int
    created: int
    status: Status
    pages: int = 0
    tokens: int = 0
    text: tuple[str, ...] | None = None
    problem: str | None = None


def small(pages: Sequence[str]) -> bool:
    """Whether a text can lie in the table, as it is stored there."""
    return len(_dump(pages).encode()) <= SMALL


def put_files(
    conversation: Conversation, number: int, original: bytes, pages: Sequence[str], index: bytes
) -> None:
    """Store a file's original and, where there is an `index`, its text with that. The same file may
    be stored again.
    """
    partition = _partition(conversation)
    bucket.put(keys.upload_file(partition, number, "original"), original, "application/pdf")
    if index:
        text = _dump(pages).encode()
        bucket.put(keys.upload_file(partition, number, "text"), text, "application/json")
        bucket.put(index_of(conversation, number), index, "application/vnd.sqlite3")


def index_of(conversation: Conversation, number: int) -> str:
    """Where the bucket has the index of a file's text, unless that is small."""
    return keys.upload_file(_partition(conversation), number, "index")


def discard_files(partition: str, number: int) -> None:
    bucket.delete(*(keys.upload_file(partition, number, name) for name in _FILES))


def load(conversation: Conversation, upload: Upload) -> tuple[str, ...]:
    """The text of one that is ready, page by page."""
    if upload.text is not None:
        return upload.text
    key = keys.upload_file(_partition(conversation), upload.number, "text")
    return tuple(json.loads(bucket.get(key)))


def add(conversation: Conversation, upload: Upload, claim: Claim | None = None) -> bool:
    """Store a new one with the claim of its request; one that is ready counts from then on. False
    where the conversation is gone, or full. Raises Claimed and IdempotencyMismatch.
    """
    item = _to_item(conversation, upload)
    transaction = Transaction()
    if claim:
        claim.add_to(transaction, str(upload.number))
    transaction.put("upload", item, UploadItem.pk.does_not_exist())
    _count(transaction, conversation, ready=upload.status == "ready")
    try:
        transaction.commit()
    except Refused as refused:
        if claim and "claim" in refused.reasons:
            claim.refused(refused.reasons["claim"], str(upload.number))
        there = refused.reasons.get("upload")
        # our own earlier attempt, whose answer was lost
        return there is not None and _same(there.item, item)
    return True


def become_ready(conversation: Conversation, upload: Upload) -> bool:
    """Store what came of one that was pending. False where it is not any more, or gone, or the
    conversation is full.
    """
    item = _to_item(conversation, upload)
    transaction = Transaction()
    transaction.put("upload", item, UploadItem.status == "pending")
    _count(transaction, conversation, ready=True)
    try:
        transaction.commit()
    except Refused as refused:
        there = refused.reasons.get("upload")
        return there is not None and _same(there.item, item)
    return True


def fail(conversation: Conversation, number: int, problem: str) -> bool:
    """Note that one that was pending cannot be read. False where it is not any more, or gone."""
    item = UploadItem(_partition(conversation), keys.upload(number))
    actions: list[Action] = [
        UploadItem.status.set("failed"),
        UploadItem.problem.set(problem),
        UploadItem.ttl.remove(),
    ]
    return write(lambda: item.update(actions, UploadItem.status == "pending"))


def find(owner: str, number: int, upload: int) -> tuple[Conversation | None, Upload | None]:
    """A file with its conversation, in one round trip."""
    partition = keys.conversation(owner, number)
    items = get_many([(partition, keys.META), (partition, keys.upload(upload))])
    meta = items.get((partition, keys.META))
    item = items.get((partition, keys.upload(upload)))
    conversation = conversation_from(meta) if isinstance(meta, ConversationItem) else None
    found = _from_item(item) if isinstance(item, UploadItem) else None
    if conversation and found and found.created < conversation.created:
        found = None  # of one that had this key before
    return conversation, found


def ready(conversation: Conversation) -> list[Upload]:
    """A conversation's files that can be read, the first one first."""
    items = query_all(_partition(conversation), Item.sk.startswith(keys.UPLOAD))
    uploads = (_from_item(item) for item in items if isinstance(item, UploadItem))
    return [
        upload
        for upload in uploads
        if upload.status == "ready" and upload.created >= conversation.created
    ]


def _count(transaction: Transaction, conversation: Conversation, *, ready: bool) -> None:
    """The conversation has to be there, and counts its files that are ready, up to `MOST`."""
    same = ConversationItem.id == conversation.id
    item = ConversationItem(_partition(conversation), keys.META)
    if ready:
        actions: list[Action] = [ConversationItem.uploads.add(1)]
        room = ConversationItem.uploads.does_not_exist() | (ConversationItem.uploads < MOST)
        transaction.update("conversation", item, actions, same & room)
    else:
        transaction.check("conversation", ConversationItem, (item.pk, item.sk), same)


def _same(there: Item | None, item: UploadItem) -> bool:
    return (
        isinstance(there, UploadItem)
        and there.status == item.status
        and (there.name, there.created, there.pages) == (item.name, item.created, item.pages)
    )


def _partition(conversation: Conversation) -> str:
    return keys.conversation(conversation.owner, conversation.number)


def _dump(pages: Sequence[str]) -> str:
    return json.dumps(pages, ensure_ascii=False)


def _to_item(conversation: Conversation, upload: Upload) -> UploadItem:
    pending = upload.status == "pending"
    return UploadItem(
        _partition(conversation),
        keys.upload(upload.number),
        name=upload.name,
        size=upload.size,
        created=upload.created,
        status=upload.status,
        pages=upload.pages or None,
        tokens=upload.tokens or None,
        text=None if upload.text is None else _dump(upload.text),
        ttl=upload.created // 1000 + PENDING_KEPT if pending else None,
    )


def _from_item(item: UploadItem) -> Upload:
    return Upload(
        number=int(item.sk.removeprefix(keys.UPLOAD)),
        name=item.name,
        size=int(item.size),
        created=int(item.created),
        status=cast(Status, item.status),
        pages=int(item.pages or 0),
        tokens=int(item.tokens or 0),
        text=None if item.text is None else tuple(json.loads(item.text)),
        problem=item.problem,
    )

"""Taking files over: reading them, and keeping what came of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from reprise.chat.errors import NotFound
from reprise.chat.messages import Conversation
from reprise.engine.asker import Asker
from reprise.engine.engine import Engine
from reprise.engine.uploads import (
    NOT_IN_TIME,
    BadFile,
    Read,
    check_room,
    check_size,
    find,
    late,
    named,
    session,
)
from reprise.knowledge import pdf
from reprise.knowledge import uploads as knowledge
from reprise.knowledge.limits import Unreadable
from reprise.store import bucket, keys
from reprise.store import uploads as store
from reprise.store.claims import Claim, Claimed
from reprise.store.uploads import Upload


async def take(
    engine: Engine, asker: Asker, number: int | None, sent: Callable[[], tuple[str, bytes]]
) -> Read:
    """Keep a file that came with a request, whose name and bytes are looked at only once it is
    known that the conversation is there.

    Raises NotFound, BadFile, IdempotencyMismatch, RateLimited, and what `sent` raises.
    """
    try:
        conversation = await session(engine, asker, number)
        name, data = sent()
        check_room(conversation)
        return await asyncio.to_thread(_take, engine, conversation, named(name), data, asker.claim)
    except Claimed as claimed:
        return await asyncio.to_thread(find, engine, asker.owner, number, int(claimed.result))


def _take(
    engine: Engine, conversation: Conversation, name: str, data: bytes, claim: Claim | None
) -> Read:
    pages = _extracted(data)
    while True:
        upload = Upload(engine.mint.number(), name, len(data), engine.now_ms(), "pending")
        upload = _kept(conversation, upload, data, pages)
        partition = keys.conversation(conversation.owner, conversation.number)
        try:
            if store.add(conversation, upload, claim):
                return Read(upload, pages)
        except Claimed:
            store.discard_files(partition, upload.number)
            raise
        there, other = store.find(conversation.owner, conversation.number, upload.number)
        if other is None:
            store.discard_files(partition, upload.number)
        if there is None or there.id != conversation.id:
            raise NotFound("Conversation")
        check_room(there)  # others may have come meanwhile


def extract(key: str, size: int, now_ms: int) -> str:
    """Read what a client has put into the bucket, `size` bytes under `key`, and remove it there.
    Returns what came of it, in a word; doing it again does no harm.
    """
    partition, number = keys.split_pending_upload(key)
    owner, conversation_number = keys.split_conversation(partition)
    conversation, upload = store.find(owner, conversation_number, number)
    outcome = "nobody waits for it"
    if conversation is None or upload is None:
        store.discard_files(partition, number)
    elif upload.status == "pending":
        outcome = _extract(conversation, replace(upload, size=size), key, now_ms)
    bucket.delete(key)
    return outcome


def _extract(conversation: Conversation, upload: Upload, key: str, now_ms: int) -> str:
    try:
        if late(upload, now_ms):
            raise BadFile(NOT_IN_TIME)  # as its client has been told
        check_size(upload.size)
        check_room(conversation)
        data = bucket.get(key)
        pages = _extracted(data)
        if store.become_ready(conversation, _kept(conversation, upload, data, pages)):
            return "ready"
        there, other = store.find(conversation.owner, conversation.number, upload.number)
        if there is None or other is None or other.status != "ready":
            partition = keys.conversation(conversation.owner, conversation.number)
            store.discard_files(partition, upload.number)
        if there and other and other.status == "pending":
            check_room(there)  # others may have come meanwhile
    except BadFile as error:
        store.fail(conversation, upload.number, str(error))
        return "failed"
    return "overtaken"


def _extracted(data: bytes) -> tuple[str, ...]:
    """The text of a PDF. Raises BadFile."""
    try:
        return pdf.extract(data).pages
    except Unreadable as error:
        raise BadFile.unreadable(error) from error


def _kept(
    conversation: Conversation, upload: Upload, data: bytes, pages: tuple[str, ...]
) -> Upload:
    """A file as ready, what the bucket shall have of it being there."""
    small = store.small(pages)
    index = b"" if small else knowledge.index_of(upload.name, pages)
    store.put_files(conversation, upload.number, data, pages, index)
    return replace(
        upload,
        status="ready",
        size=len(data),
        pages=len(pages),
        tokens=knowledge.tokens_of(pages),
        text=pages if small else None,
    )

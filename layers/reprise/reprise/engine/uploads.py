"""Files that are put into a conversation, for its answers to go by."""

import asyncio
from dataclasses import dataclass, replace
from typing import Self

from reprise.chat.errors import Invalid, NotFound, RepriseError
from reprise.chat.messages import Conversation
from reprise.engine import conversations
from reprise.engine.asker import Asker
from reprise.engine.begin import clear
from reprise.engine.engine import Engine
from reprise.knowledge.limits import UPLOAD, Unreadable
from reprise.store import bucket, keys
from reprise.store import uploads as store
from reprise.store.claims import Claimed
from reprise.store.uploads import Upload

LONGEST_NAME = 255  # characters
OFFERED = 300  # seconds in which an upload has to begin …
READ_WITHIN = 1200  # … and to be read
NOT_IN_TIME = "The file was not uploaded and read in time"


class BadFile(RepriseError):
    """A file that cannot be taken. The text is a sentence for whoever sent it."""

    @classmethod
    def unreadable(cls, error: Unreadable) -> Self:
        if error.reason == "not-a-pdf":
            return cls("Only PDF files are supported")
        return cls(f"The file {error.problem}")


@dataclass(frozen=True)
class Offer:
    """Where the client shall put the file, by a POST of a form with these fields and the `file`."""

    upload: int
    url: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Read:
    """A file with its text page by page, which is empty where it is not `ready`."""

    upload: Upload
    pages: tuple[str, ...] = ()


async def session(engine: Engine, asker: Asker, number: int | None) -> Conversation:
    """The conversation that a file is for, once the request is counted. Raises Claimed,
    IdempotencyMismatch, RateLimited and NotFound.
    """
    return await clear(engine, asker, asyncio.to_thread(_session, asker.owner, number))


def _session(owner: str, number: int | None) -> Conversation:
    if number is None:
        raise NotFound("Conversation")
    return conversations.find(owner, number)[0]


def check_room(conversation: Conversation) -> None:
    """Raises BadFile where it has as many files as it may."""
    if conversation.uploads >= store.MOST:
        raise BadFile(f"The chat session has {store.MOST} files, which is as many as it may")


def check_size(size: int) -> None:
    """Raises BadFile."""
    if size > UPLOAD.size:
        raise BadFile.unreadable(Unreadable("too-large", UPLOAD))


def late(upload: Upload, now_ms: int) -> bool:
    """Whether one that is pending has failed, because nobody read it in time."""
    return now_ms > upload.created + READ_WITHIN * 1000


def named(name: str) -> str:
    """A file's name as it is kept. Raises Invalid for one that nobody could read."""
    kept = " ".join("".join(filter(str.isprintable, name)).split())[:LONGEST_NAME].strip()
    if not kept:
        raise Invalid("filename", "must have a character that can be read")
    return kept


async def offer(engine: Engine, asker: Asker, number: int | None, name: str, size: int) -> Offer:
    """Have a file uploaded to the bucket, from where a worker takes it. Raises as `session` does
    but for Claimed, and BadFile.
    """
    try:
        conversation = await session(engine, asker, number)
        check_room(conversation)
        check_size(size)
        upload = Upload(engine.mint.number(), named(name), size, engine.now_ms(), "pending")
        while not await asyncio.to_thread(store.add, conversation, upload, asker.claim):
            await asyncio.to_thread(_session, asker.owner, number)  # or its number was taken
            upload = replace(upload, number=engine.mint.number())
        chosen = upload.number
    except Claimed as claimed:
        chosen = int(claimed.result)
        await asyncio.to_thread(find, engine, asker.owner, number, chosen)
    partition = keys.conversation(asker.owner, number or 0)
    key = keys.pending_upload(partition, chosen)
    return Offer(chosen, *bucket.offer(key, "application/pdf", UPLOAD.size, OFFERED))


def find(engine: Engine, owner: str, number: int | None, upload: int | None) -> Read:
    """A file as it now is, with its text. Raises NotFound."""
    conversation = found = None
    if number is not None:
        conversation, found = store.find(owner, number, upload or 0)
    if conversation is None:
        raise NotFound("Conversation")
    if found is None:
        raise NotFound("Upload")
    if found.status == "ready":
        return Read(found, store.load(conversation, found))
    if found.status == "pending" and late(found, engine.now_ms()):
        return Read(replace(found, status="failed", problem=NOT_IN_TIME))
    return Read(found)

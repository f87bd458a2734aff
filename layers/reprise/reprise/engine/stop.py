"""Asking a running answer to end early."""

import asyncio
from contextlib import suppress

from reprise.chat.errors import Conflict, NotFound
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Lease
from reprise.engine import metrics
from reprise.engine.admit import admit
from reprise.engine.conversations import find
from reprise.engine.engine import Engine
from reprise.engine.where import Where
from reprise.store import generations, messages


async def stop(engine: Engine, owner: str, where: Where) -> str | None:
    """Ask for the end of what a conversation generates: its writer sees it within a second. Returns
    the generation's id; None where nothing runs. Raises NotFound.
    """
    conversation, lease = await asyncio.to_thread(find, owner, where)
    return await _end(engine, where, conversation, lease)


async def stop_one(engine: Engine, owner: str, where: Where, message_id: str) -> str | None:
    """The same, if what is generated is this message. Raises NotFound."""
    conversation, lease = await asyncio.to_thread(find, owner, where)
    if lease is None or lease.generation != message_id:
        await asyncio.to_thread(_check, conversation, message_id)
        return None
    return await _end(engine, where, conversation, lease)


def _check(conversation: Conversation, message_id: str) -> None:
    """Whether a conversation has a message, an answer that ended empty too. Raises NotFound."""
    if conversation_of(message_id) == conversation.number:
        message, _ = messages.find(conversation.owner, conversation.number, message_id)
        if message and not message.hidden:
            return
    raise NotFound("Message")


async def _end(
    engine: Engine, where: Where, conversation: Conversation, lease: Lease | None
) -> str | None:
    if lease is None:
        return None
    if lease.live(engine.now()):
        if not await asyncio.to_thread(generations.stop, conversation, lease.generation):
            return None
        metrics.stopped()
        return lease.generation
    with suppress(Conflict):  # another answer was begun meanwhile, which nobody wants stopped
        await admit(engine, conversation.owner, where)  # repairs what crashed
    return None

"""Asking a running answer to end early."""

import asyncio
from contextlib import suppress

from reprise.chat.errors import Conflict
from reprise.engine import metrics
from reprise.engine.admit import admit
from reprise.engine.conversations import find
from reprise.engine.engine import Engine
from reprise.store import generations


async def stop(engine: Engine, owner: str, conversation_id: str) -> str | None:
    """Ask for the end of what a conversation generates: its writer sees it within a second. Returns
    the generation's id; None where nothing runs. Raises NotFound.
    """
    conversation, lease = await asyncio.to_thread(find, owner, conversation_id)
    if lease and lease.live(engine.now()):
        asked = await asyncio.to_thread(generations.stop, conversation, lease.generation)
        if not asked:
            return None
        metrics.stopped()
        return lease.generation
    if lease:
        with suppress(Conflict):  # another answer was begun meanwhile, which nobody wants stopped
            await admit(engine, owner, conversation_id)  # repairs what crashed
    return None

"""Whether a conversation may be written to: it is there, nothing runs, and what crashed is
repaired.
"""

import asyncio
from dataclasses import dataclass

from reprise.chat.errors import Conflict, NotFound
from reprise.chat.ids import number_of
from reprise.chat.messages import Conversation, Message
from reprise.engine.engine import Engine
from reprise.engine.repair import repair
from reprise.store import messages
from reprise.store.messages import Found

ATTEMPTS = 3


@dataclass(frozen=True)
class Admitted:
    """A conversation as it was read, with its head; `found` is what else that read brought."""

    conversation: Conversation
    head: Message | None
    found: Found

    async def message(self, message_id: str) -> Message:
        """Any message of it, read if need be. Raises NotFound."""
        message = self.found.messages.get(message_id)
        if message is None:
            owner, number = self.conversation.owner, self.conversation.number
            message, _ = await asyncio.to_thread(messages.find, owner, number, message_id)
        if message is None:
            raise NotFound("Message")
        return message


async def admit(engine: Engine, owner: str, conversation_id: str) -> Admitted:
    """Read a conversation that shall be written to, in one round trip unless there is something to
    repair or the head is an old message. Raises NotFound, and Conflict with the generation that
    runs.
    """
    number = number_of(conversation_id)
    if number is None:
        raise NotFound("Conversation")
    for _ in range(ATTEMPTS):
        found = await asyncio.to_thread(messages.latest, owner, number)
        conversation, lease = found.conversation, found.lease
        if conversation is None or conversation.id != conversation_id:
            raise NotFound("Conversation")
        if lease and lease.live(engine.now()):
            raise Conflict(lease.generation)
        admitted = Admitted(conversation, None, found)
        head = await admitted.message(conversation.head) if conversation.head else None
        last = await admitted.message(lease.generation) if lease else head
        if last is None or last.state != "in-progress":
            return Admitted(conversation, head, found)
        await asyncio.to_thread(repair, conversation, last, lease, engine.now())
    raise Conflict

"""Whether a conversation may be written to: it is there, nothing runs, and what crashed is
repaired.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from reprise.chat.errors import Conflict, NotFound
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Message
from reprise.engine.engine import Engine
from reprise.engine.repair import repair
from reprise.engine.where import Where, check, number_of
from reprise.store import messages
from reprise.store.messages import Found

ATTEMPTS = 3


@dataclass(frozen=True)
class Admitted:
    """A conversation as it was read, with its head; `found` is what else that read brought."""

    conversation: Conversation
    head: Message | None
    found: Found

    def branch(self) -> Iterator[Message]:
        """The shown branch, the latest first; what is not found yet is read on the way."""
        owner, number = self.conversation.owner, self.conversation.number
        return messages.branch(owner, number, self.conversation.head, self.found)

    async def shown(self, message_id: str) -> Message:
        """One that a client may name. Raises NotFound."""
        message = await self.message(message_id)
        if not message.shown:
            raise NotFound("Message")
        return message

    async def answer_to(self, message: Message) -> str | None:
        """The id of an answer to a message; None where it has none."""
        if message.id == self.conversation.head:
            return None
        owner, number = self.conversation.owner, self.conversation.number
        return await asyncio.to_thread(messages.first_answer, owner, number, message.id)

    async def message(self, message_id: str) -> Message:
        """Any message of it, read if need be. Raises NotFound."""
        message = self.found.messages.get(message_id)
        owner, number = self.conversation.owner, self.conversation.number
        if message is None and conversation_of(message_id) == number:
            message, _ = await asyncio.to_thread(messages.find, owner, number, message_id)
        if message is None:
            raise NotFound("Message")
        return message


async def admit(engine: Engine, owner: str, where: Where) -> Admitted:
    """Read a conversation that shall be written to, in one round trip unless there is something to
    repair or the head is an old message. Raises NotFound, and Conflict with the generation that
    runs.
    """
    number = number_of(where)
    if number is None:
        raise NotFound("Conversation")
    for _ in range(ATTEMPTS):
        found = await asyncio.to_thread(messages.latest, owner, number)
        conversation, lease = check(where, found.conversation), found.lease
        if lease and lease.live(engine.now()):
            raise Conflict(lease.generation)
        admitted = Admitted(conversation, None, found)
        head = await admitted.message(conversation.head) if conversation.head else None
        last = await admitted.message(lease.generation) if lease else head
        if last is None or last.state != "in-progress":
            return Admitted(conversation, head, found)
        await asyncio.to_thread(repair, conversation, last, lease, engine.now())
    raise Conflict

"""Coming back to an answer: what a client has not seen of it yet, whether it still runs or not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from reprise.chat.errors import Invalid, NotFound
from reprise.chat.events import Ended, Event, Produced
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Message
from reprise.engine.attach import Attached, attach
from reprise.engine.conversations import find
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown, running
from reprise.store import messages

NAMED = "Last-Event-ID"  # by which clients say what they have seen, and are told what is wrong


@dataclass(frozen=True)
class Seen:
    """The last event that a client has of a generation, by its number: see `Resumed.events`."""

    generation: str
    n: int


@dataclass(frozen=True)
class Resumed:
    """A generation, from behind its event number `after`; -1: from its first."""

    run: Attached
    after: int

    @property
    def conversation(self) -> Conversation:
        return self.run.begun.conversation

    async def events(self) -> AsyncIterator[tuple[int, Event]]:
        """What is left, each event with its number: 0 is `Begun`, the parts count from 1, `Ended`
        follows; one without a message, where the conversation was deleted, has the number of what
        came before it. Without an `Ended` it broke off, shortly before the function would or
        because the table cannot be had: whoever comes back later gets the rest.
        """
        n = max(self.after, 0)
        async for event in self.run.events(self.after):
            if self.run.broken:
                return
            match event:
                case Produced():
                    n = event.n
                case Ended(message=Message(events=parts)):
                    n = _last(parts)
            yield n, event


async def resume(
    engine: Engine, owner: str, conversation_id: str, seen: Seen | None, deadline: float
) -> Resumed | None:
    """Follow what a conversation generates, from its first event or behind the last that was seen;
    of an answer that has ended, what is left. Where nothing is left of it, what runs instead; None
    where nothing does. Reads only.

    Raises NotFound, and Invalid where `seen` is no event of an answer of this conversation.
    """
    conversation, lease = await asyncio.to_thread(find, owner, conversation_id)
    if seen is not None and await asyncio.to_thread(_more, engine, conversation, seen):
        return Resumed(await attach(engine, owner, seen.generation, deadline), seen.n)
    if lease is None or not lease.live(engine.now()):
        return None
    try:
        return Resumed(await attach(engine, owner, lease.generation, deadline), -1)
    except NotFound:
        return None  # it was hidden, or just deleted with its conversation


def _more(engine: Engine, conversation: Conversation, seen: Seen) -> bool:
    """Whether more than what was seen is there or will be. Raises Invalid."""
    answer = found = None
    if conversation_of(seen.generation) == conversation.number:
        answer, found = messages.find(conversation.owner, conversation.number, seen.generation)
    if answer is None or found is None or answer.begun is None or answer.hidden:
        raise Invalid(NAMED, "is of no answer of this conversation")
    if running(answer, found.lease, engine.now()):
        return True
    last = _last(as_shown(answer, found.lease, engine.now()).events)
    if seen.n > last:
        raise Invalid(NAMED, "is of no event of its answer")
    return seen.n < last


def _last(parts: int | None) -> int:
    """The number of the last event of an answer of so many parts."""
    return (parts or 0) + 1

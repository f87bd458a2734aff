"""Following an answer that somebody else generates, or generated: a retry, or a client that comes
back. Only the chunk log connects the two, so it works across processes, for any number of readers.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import ParamSpec, TypeVar

from aws_lambda_powertools import Logger

from reprise.chat.errors import Conflict, NotFound
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Message, Text
from reprise.engine import metrics
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown, running
from reprise.store import generations, messages, versions
from reprise.store.table import STORE_ERRORS

P = ParamSpec("P")
T = TypeVar("T")
logger = Logger(child=True)

ENDS_BEFORE = 5  # seconds before the function's own deadline


async def attach(engine: Engine, owner: str, generation: str, deadline: float) -> "Attached":
    """Follow a generation, running or not. Raises NotFound."""
    begun = await asyncio.to_thread(_begun, owner, generation)
    metrics.resumed()
    return Attached(engine, begun, deadline)


def _begun(owner: str, generation: str) -> Begun:
    """The first event of a generation, read off what is stored: without the user's message where
    that was deleted meanwhile.
    """
    number = conversation_of(generation)
    answer, found = messages.find(owner, number, generation) if number is not None else (None, None)
    if answer is None or found is None or found.conversation is None:
        raise NotFound("Message")
    if answer.role != "assistant" or answer.hidden:
        raise NotFound("Message")
    conversation, user = found.conversation, None
    if answer.parent and answer.begun != "redo":
        user, _ = messages.find(owner, conversation.number, answer.parent)
        if user:
            user = None if user.hidden else _numbered(conversation, messages.load(user))
    return Begun(conversation, user, _numbered(conversation, answer), answer.begun == "start")


def _numbered(conversation: Conversation, message: Message) -> Message:
    return versions.number(message, versions.siblings(conversation, message))


class Attached:
    """What `Generation` is to whoever began it, to everybody else: the same events."""

    def __init__(self, engine: Engine, begun: Begun, deadline: float) -> None:
        """`deadline` is when the function ends, in seconds since the Unix epoch."""
        self.begun = begun
        self.id = begun.answer.id
        self.broken = False  # whether it was given up because the table could not be had
        self._engine = engine
        self._deadline = deadline
        self._seen = 0
        self._characters = 0
        self._chunks = 0

    async def events(self, after: int = -1) -> AsyncIterator[Event]:
        """All events behind number `after` as they are logged: `Begun` has 0, the parts count from
        1, `Ended` follows. Breaks off without an end shortly before the function would; where the
        table cannot be had for long, it is `broken`, and ends without a message.
        """
        try:
            async with aclosing(self._events(after)) as events:
                async for event in events:
                    yield event
        except STORE_ERRORS as error:
            # its text may hold a message's
            logger.warning("following failed", generation=self.id, error=type(error).__name__)
            self.broken = True
            yield Ended(None)

    async def _events(self, after: int) -> AsyncGenerator[Event, None]:
        if after < 0:
            yield self.begun
        while True:
            news = await self._news(consistent=False)
            for event in news:
                if event.n > after:
                    yield event
            if not news and await self._is_over():
                break
            if self._engine.now() > self._deadline - ENDS_BEFORE:
                return
            await asyncio.sleep(self._engine.timing.poll)
        message = await self._ended()
        for event in await self._rest(message, after):
            if event.n > after:
                yield event
        yield Ended(message)

    async def ended(self) -> Message | None:
        """The answer as it was stored in the end; None when it could not be. Raises Conflict where
        it takes longer than the function has.
        """
        async for event in self._events(-1):
            if isinstance(event, Ended):
                return event.message
        raise Conflict(self.id)

    async def _news(self, *, consistent: bool) -> list[Produced]:
        events, self._chunks = await self._read(
            generations.logged_since, self.id, self._chunks, consistent=consistent
        )
        news = [event for event in events if event.n > self._seen]
        self._seen = news[-1].n if news else self._seen
        self._characters += sum(len(e.part.text) for e in news if isinstance(e.part, Text))
        return news

    async def _is_over(self) -> bool:
        """Whether nobody writes the answer any more. Asked only when there is no news: with the
        look for news it costs one read unit.
        """
        lease = await self._read(generations.lease_of, self.begun.conversation)
        if lease and lease.generation == self.id and lease.live(self._engine.now()):
            return False
        answer, found = await self._find()
        return answer is None or not running(answer, found.lease, self._engine.now())

    async def _ended(self) -> Message | None:
        """The answer as it was stored, or as it will be repaired. None when it was deleted."""
        answer, found = await self._find()
        if answer is None or found.conversation is None:
            return None
        shown = await self._read(as_shown, answer, found.lease, self._engine.now())
        shown = await self._read(messages.load, shown)
        of = self.begun.answer
        return replace(shown, version=of.version, versions=of.versions)

    async def _rest(self, message: Message | None, after: int) -> list[Produced]:
        """What of a finished answer was not seen yet. Its last chunk may come a moment after the
        answer itself; where it never comes, or the log was dropped, the text is the answer's.
        """
        news = await self._news(consistent=True)
        if message is None:
            return news
        whole = message.events or 0
        for _ in range(4):
            if self._seen >= whole:
                break
            await asyncio.sleep(self._engine.timing.poll)
            news += await self._news(consistent=True)
        missing = message.text[self._characters :]
        if missing and self._seen < whole and (self._seen or after <= 0):
            news.append(Produced(whole, message.updated, Text(missing)))
        return news

    async def _find(self) -> tuple[Message | None, messages.Found]:
        conversation = self.begun.conversation
        return await self._read(messages.find, conversation.owner, conversation.number, self.id)

    async def _read(self, what: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read something, again for as long as there is patience with the table."""
        until = self._engine.now() + self._engine.timing.patience
        while True:
            try:
                return await asyncio.to_thread(what, *args, **kwargs)
            except STORE_ERRORS:
                if self._engine.now() > min(until, self._deadline - ENDS_BEFORE):
                    raise
            await asyncio.sleep(self._engine.timing.poll)

"""One run of a model, from the stored turn to the stored answer.

It is a task of its own: whoever reads its events may go away, the answer is completed all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import (
    FinishReason,
    Message,
    Part,
    State,
    Text,
    Usage,
    join_text,
    path_hash,
)
from reprise.engine.ask import ask
from reprise.engine.engine import Engine
from reprise.engine.repair import give_back
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished, ModelRequest
from reprise.store import generations

logger = Logger(child=True)

STORE_ERRORS = (PynamoDBException, BotoCoreError, ClientError)
Outcome = tuple[State, FinishReason, Usage | None]
CHUNK_TEXT = 64_000  # characters, at most four bytes each …
CHUNK_EVENTS = 16_000  # … and at most eight bytes for the length and time of each: under 400 KB
_background: set[asyncio.Task[None]] = set()  # the loop itself keeps tasks weakly only


class Generation:
    """Runs from `start` on, while the turn lies stored as `begun` says."""

    def __init__(
        self,
        engine: Engine,
        begun: Begun,
        model: Model,
        request: Coroutine[Any, Any, ModelRequest],
        deadline: float,
    ) -> None:
        """`deadline` is when the function ends, in seconds since the Unix epoch. What the model
        shall read may still be on its way: `request` is awaited as the first thing.
        """
        self.begun = begun
        self.id = begun.answer.id
        self._engine = engine
        self._model = model
        self._request = request
        self._deadline = deadline
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._produced: list[Produced] = []
        self._logged = 0  # how many of them are in the log
        self._chunks = 0
        self._cut: Literal["deadline", "lost"] | None = None
        self._over = asyncio.Event()

    def start(self) -> None:
        task = asyncio.create_task(self._run(), name=f"generation {self.id}")
        _background.add(task)
        task.add_done_callback(_background.discard)

    async def events(self) -> AsyncIterator[Event]:
        """All events as they come; for one reader."""
        yield self.begun
        while True:
            event = await self._queue.get()
            yield event
            if isinstance(event, Ended):
                return

    async def ended(self) -> Message | None:
        """The answer as it was stored in the end; None when it could not be."""
        message = None
        async for event in self.events():
            if isinstance(event, Ended):
                message = event.message
        return message

    async def _run(self) -> None:
        message = None
        try:
            message = await self._complete()
        except Exception as error:
            # no reader may wait for ever; the log has the text, and a repair will end the answer
            self._note("ending failed", error)
        self._queue.put_nowait(Ended(message))

    async def _complete(self) -> Message | None:
        """Produce the answer and store it; None when the generation was lost meanwhile."""
        upstream = asyncio.create_task(self._produce())
        keeper = asyncio.create_task(self._keep(upstream))
        left = self._deadline - self._engine.timing.margin - self._engine.now()
        timer = asyncio.get_running_loop().call_later(left, self._end, upstream, "deadline")
        try:
            state, reason, usage = await upstream
        except asyncio.CancelledError:
            if self._cut is None:
                raise  # the process ends: as above
            state, reason, usage = "stopped", "deadline", None
        finally:
            timer.cancel()
            self._over.set()
        await keeper
        return None if self._cut == "lost" else await self._finish(state, reason, usage)

    def _end(self, upstream: asyncio.Task[Outcome], why: Literal["deadline", "lost"]) -> None:
        if not upstream.done():
            self._cut = why
            upstream.cancel()

    async def _produce(self) -> Outcome:
        try:
            request = await self._request
            outcome: Outcome = "error", "error", None
            async with aclosing(ask(self._engine, self._model, request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        outcome = "done", event.reason, event.usage
                        continue  # to the very end, which leaves the connection fit for the next
                    for part in _pieces(event):
                        produced = Produced(len(self._produced) + 1, self._engine.now_ms(), part)
                        self._produced.append(produced)
                        self._queue.put_nowait(produced)
            return outcome
        except UpstreamFailed as failure:
            logger.warning("upstream failed", generation=self.id, reason=failure.reason)
        except Exception as error:
            # whatever it is, the turn is stored and must come to its end; the text of an exception
            # may hold a message's
            self._note("generation failed", error)
        return "error", "error", None

    async def _keep(self, upstream: asyncio.Task[Outcome]) -> None:
        """Log what came and hold the lease, until the model is through."""
        timing, renewed = self._engine.timing, self._engine.now()
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), timing.chunk_every)
                return
            except TimeoutError:
                pass
            try:
                await self._log()
                if self._engine.now() - renewed >= timing.renew_every:
                    expires = self._engine.now() + timing.lease
                    await asyncio.to_thread(
                        generations.renew, self.begun.conversation, self.id, expires
                    )
                    renewed = self._engine.now()
            except generations.Lost:
                self._end(upstream, "lost")
                return
            except STORE_ERRORS as error:
                self._note("keeping failed", error)

    async def _log(self) -> None:
        """Append what came since the last chunk, as many chunks as it takes."""
        while events := self._unlogged():
            await asyncio.to_thread(
                generations.log, self.id, self._chunks + 1, events, self._engine.now()
            )
            self._logged += len(events)
            self._chunks += 1

    def _unlogged(self) -> list[Produced]:
        """The next events for the log, as many as one chunk holds."""
        events: list[Produced] = []
        room = CHUNK_TEXT
        for event in self._produced[self._logged : self._logged + CHUNK_EVENTS]:
            room -= len(event.part.text) if isinstance(event.part, Text) else 0
            if room < 0:
                break
            events.append(event)
        return events

    async def _finish(
        self, state: State, reason: FinishReason, usage: Usage | None
    ) -> Message | None:
        """Store the answer; None when it is not ours to store any more."""
        answer = replace(
            self.begun.answer,
            parts=join_text(event.part for event in self._produced),
            state=state,
            finish_reason=reason,
            usage=usage,
            updated=self._engine.now_ms(),
            before=None,
        )
        answer = replace(answer, path=path_hash(answer.path, "assistant", answer.text))
        _, stored = await asyncio.gather(self._log_rest(), self._store(answer))
        return answer if stored else None

    async def _log_rest(self) -> None:
        """Log what came since the last chunk, so that the log is whole: the answer does not wait
        for it.
        """
        try:
            await self._log()
        except STORE_ERRORS as error:
            self._note("last chunk failed", error)

    async def _store(self, answer: Message) -> bool:
        head = give_back(self.begun.answer, answer)
        until = min(self._engine.now() + self._engine.timing.patience, self._deadline)
        wait = self._engine.timing.retry_wait
        while True:
            try:
                await asyncio.to_thread(generations.end, self.begun.conversation, answer, head)
                return True
            except generations.Lost:
                return False
            except STORE_ERRORS as error:
                self._note("storing failed", error)
                if self._engine.now() + wait > until:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._engine.timing.retry_wait_most)

    def _note(self, what: str, error: Exception) -> None:
        """Log a failure by its type: the text of an exception may hold a message's."""
        logger.warning(what, generation=self.id, error=type(error).__name__)


def _pieces(part: Part) -> Iterator[Part]:
    """A text that is too long for a chunk in several; anything else as it is."""
    if not isinstance(part, Text) or len(part.text) <= CHUNK_TEXT:
        yield part
        return
    for start in range(0, len(part.text), CHUNK_TEXT):
        yield Text(part.text[start : start + CHUNK_TEXT])

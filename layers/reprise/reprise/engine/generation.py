"""One run of a model, from the stored turn to the stored answer.

It is a task of its own: whoever reads its events may go away, the answer is completed all the same.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from aws_lambda_powertools import Logger

from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Begun, Ended, Event, Produced, dump_parts
from reprise.chat.messages import (
    FinishReason,
    Message,
    Part,
    State,
    Text,
    ToolCall,
    Usage,
    join_text,
    path_hash,
    price,
)
from reprise.engine import metrics, tools
from reprise.engine.ask import ask
from reprise.engine.engine import Engine
from reprise.engine.repair import bill_for, estimate, give_back
from reprise.engine.tools import MAX_ROUNDS, BuiltIn
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished, ModelRequest
from reprise.store import generations
from reprise.store.balances import Bill
from reprise.store.table import STORE_ERRORS

logger = Logger(child=True)

Outcome = tuple[State, FinishReason]
Cut = Literal["deadline", "stopped", "lost"]
Used = Callable[[Usage], Awaitable[object]]
CHUNK_TEXT = 64_000  # characters, at most four bytes each, as are those of tools …
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
        built_in: Mapping[str, BuiltIn],
        used: Used | None = None,
    ) -> None:
        """`deadline` is when the function ends, in seconds since the Unix epoch. What the model
        shall read may still be on its way: `request` is awaited as the first thing. `used`: see
        `Asker`.
        """
        self.begun = begun
        self.id = begun.answer.id
        self.model = model  # who answers: it may become a fallback
        self._engine = engine
        self._request = request
        self._read: Sequence[Message] = ()  # by the model for its latest reply …
        self._reply = 0  # … which begins at this one of what was produced
        self._usage: Usage | None = None  # of the replies before it
        self._deadline = deadline
        self._tools = built_in
        self._used = used
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._produced: list[Produced] = []
        self._logged = 0  # how many of them are in the log
        self._tried = 0  # how many may be
        self._chunks = 0
        self._cut: Cut | None = None
        self._over = asyncio.Event()
        self._hold = begun.answer.hold

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
            metrics.not_settled(self._hold)
        self._queue.put_nowait(Ended(message))
        if message:
            metrics.ended(message, self._produced)

    async def _complete(self) -> Message | None:
        """Produce the answer and store it; None when the generation was lost meanwhile."""
        upstream = asyncio.create_task(self._produce())
        keeper = asyncio.create_task(self._keep(upstream))
        left = self._deadline - self._engine.timing.margin - self._engine.now()
        timer = asyncio.get_running_loop().call_later(left, self._end, upstream, "deadline")
        try:
            state, reason = await upstream
        except asyncio.CancelledError:
            if self._cut is None:
                raise  # the process ends: as above
            state = "stopped"
            reason = "deadline" if self._cut == "deadline" else "stopped"
        finally:
            timer.cancel()
            self._over.set()
        await keeper
        return await self._finish(state, reason)

    def _end(self, upstream: asyncio.Task[Outcome], why: Cut) -> None:
        if not upstream.done():
            self._cut = why
            upstream.cancel()

    async def _produce(self) -> Outcome:
        try:
            return await self._converse(await self._request)
        except UpstreamFailed as failure:
            logger.warning("upstream failed", generation=self.id, reason=failure.reason)
        except Exception as error:
            # whatever it is, the turn is stored and must come to its end; the text of an exception
            # may hold a message's
            self._note("generation failed", error)
        return "error", "error"

    async def _converse(self, request: ModelRequest) -> Outcome:
        """Ask the model, and again with what the tools gave that run here, until it is done or
        called one of the client's.
        """
        for rounds in range(MAX_ROUNDS + 1):
            self._reply = len(self._produced)
            self._read = [*request.messages, *self._said()]
            finished: Finished | None = None
            offered = request.tools if rounds < MAX_ROUNDS else ()
            asked = replace(request, messages=self._read, tools=offered)
            async with aclosing(ask(self._engine, self.model, asked)) as events:
                async for self.model, event in events:
                    if isinstance(event, Finished):
                        finished = event
                        continue  # to the very end, which leaves the connection fit for the next
                    for part in _pieces(event):
                        self._emit(part)
            if finished is None:
                return "error", "error"
            calls = [part for part in self._replied(finished.usage) if isinstance(part, ToolCall)]
            ours = [call for call in calls if call.name in self._tools]
            for result in await asyncio.gather(*(tools.run(self._tools, call) for call in ours)):
                self._emit(result)
            if not ours or len(ours) < len(calls):
                return "done", finished.reason
        return "done", "stop"  # it still calls though nothing is offered

    def _replied(self, usage: Usage | None) -> tuple[Part, ...]:
        """Count the usage of the model's latest reply, by estimate where it was not reported, and
        give its parts.
        """
        parts = join_text(event.part for event in self._produced[self._reply :])
        self._reply = len(self._produced)
        took = usage or estimate(self._read, parts)
        self._usage = self._usage + took if self._usage and took else self._usage or took
        return parts

    def _said(self) -> list[Message]:
        """What of the answer the model has to be told when it is asked again."""
        parts = join_text(event.part for event in self._produced)
        return [replace(self.begun.answer, parts=parts)] if parts else []

    def _emit(self, part: Part) -> None:
        produced = Produced(len(self._produced) + 1, self._engine.now_ms(), part)
        self._produced.append(produced)
        self._queue.put_nowait(produced)

    async def _keep(self, upstream: asyncio.Task[Outcome]) -> None:
        """Log what came, hold the lease and see whether somebody asks for the end, until the model
        is through.
        """
        timing, renewed = self._engine.timing, self._engine.now()
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), timing.chunk_every)
                return
            except TimeoutError:
                pass
            try:
                await self._log()
                held = self.begun.conversation, self.id
                if self._engine.now() - renewed >= timing.renew_every:
                    expires = self._engine.now() + timing.lease
                    stopped = await asyncio.to_thread(generations.renew, *held, expires)
                    renewed = self._engine.now()
                else:
                    stopped = await asyncio.to_thread(generations.is_stopped, *held)
                if stopped:
                    self._end(upstream, "stopped")
                    return
            except generations.Lost:
                self._end(upstream, "lost")
                return
            except STORE_ERRORS as error:
                self._note("keeping failed", error)

    async def _log(self) -> None:
        """Append what came since the last chunk, as many chunks as it takes."""
        while events := self._unlogged():
            self._tried = self._logged + len(events)
            await asyncio.to_thread(
                generations.log, self.id, self._chunks + 1, events, self._engine.now()
            )
            self._logged = self._tried
            self._chunks += 1

    def _unlogged(self) -> list[Produced]:
        """The next events for the log, as many as one chunk holds. A chunk of which nobody knows
        whether it was written is made again as it was: readers who saw it look behind it only.
        """
        events: list[Produced] = []
        room = CHUNK_TEXT
        again = self._tried > self._logged
        end = self._tried if again else self._logged + CHUNK_EVENTS
        for event in self._produced[self._logged : end]:
            room -= _size(event.part)
            if room < 0 and events:
                break
            events.append(event)
        return events

    async def _finish(self, state: State, reason: FinishReason) -> Message | None:
        """Store the answer; None when it is not ours to store any more. Then what is held for it is
        settled by itself.
        """
        self._replied(None)  # where it broke off
        parts, usage = join_text(event.part for event in self._produced), self._usage
        answer = replace(
            self.begun.answer,
            parts=parts,
            state=state,
            finish_reason=reason,
            usage=usage,
            cost=price(self.model.credits, usage),
            events=len(self._produced),
            updated=self._engine.now_ms(),
            before=None,
            hold=None,
        )
        answer = replace(answer, path=path_hash(answer.path, "assistant", answer.text))
        bill = bill_for(
            self.begun.conversation.owner, answer, self._hold, self.model.credits, self.model.name
        )
        telling = asyncio.create_task(self._tell(usage))
        try:
            if self._cut != "lost":
                _, stored = await asyncio.gather(self._log_rest(), self._store(answer, bill))
                if stored:
                    return answer
        finally:
            await telling
        if bill:
            await self._persist(bill.settle)
        return None

    async def _log_rest(self) -> None:
        """Log what came since the last chunk, so that the log is whole: the answer does not wait
        for it.
        """
        try:
            await self._log()
        except STORE_ERRORS as error:
            self._note("last chunk failed", error)

    async def _tell(self, usage: Usage | None) -> None:
        """Tell who counts what was used; the answer does not fail because that does."""
        if self._used is None or usage is None:
            return
        try:
            await self._used(usage)
        except Exception as error:
            self._note("counting failed", error)

    async def _store(self, answer: Message, bill: Bill | None) -> bool:
        head = give_back(self.begun.answer, answer)
        try:
            if not await self._persist(
                generations.end, self.begun.conversation, answer, head, bill
            ):
                metrics.not_settled(self._hold)
        except generations.Lost:
            return False
        return True

    async def _persist(self, write: Callable[..., bool], *args: object) -> bool:
        """Make a write that must not be missing, for as long as there is patience."""
        until = min(self._engine.now() + self._engine.timing.patience, self._deadline)
        wait = self._engine.timing.retry_wait
        while True:
            try:
                return await asyncio.to_thread(write, *args)
            except STORE_ERRORS as error:
                self._note("storing failed", error)
                if self._engine.now() + wait > until:
                    raise
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._engine.timing.retry_wait_most)

    def _note(self, what: str, error: Exception) -> None:
        """Log a failure by its type: the text of an exception may hold a message's."""
        logger.warning(what, generation=self.id, error=type(error).__name__)


def _size(part: Part) -> int:
    """Characters of a part in the log."""
    return len(part.text) if isinstance(part, Text) else len(dump_parts((part,)))


def _pieces(part: Part) -> Iterator[Part]:
    """A text that is too long for a chunk in several; anything else as it is."""
    if not isinstance(part, Text) or len(part.text) <= CHUNK_TEXT:
        yield part
        return
    for start in range(0, len(part.text), CHUNK_TEXT):
        yield Text(part.text[start : start + CHUNK_TEXT])

"""The one write that begins a turn, with what the model shall read being fetched beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from reprise.chat import context
from reprise.chat.errors import Conflict, IdempotencyMismatch, NoCredits, TooManyRunning
from reprise.chat.events import Begun
from reprise.chat.messages import Conversation, Message, Text
from reprise.engine import metrics
from reprise.engine.admit import ATTEMPTS, Admitted, admit
from reprise.engine.asker import Asker
from reprise.engine.attach import Attached, attach
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.engine.repair import release_expired
from reprise.engine.tools import BuiltIn
from reprise.engine.where import Where
from reprise.llm.catalogue import Model
from reprise.llm.protocol import ModelRequest, Tool
from reprise.store import generations, messages, versions
from reprise.store.claims import Claimed
from reprise.store.generations import Turn
from reprise.store.messages import Found
from reprise.store.table import STORE_ERRORS

T = TypeVar("T")
logger = Logger(child=True)
NUMBERING_ATTEMPTS = 2
# after which nothing is written: other errors leave open what is
REFUSALS = (
    Claimed,
    IdempotencyMismatch,
    generations.Moved,
    generations.Held,
    NoCredits,
    TooManyRunning,
)
_UPLOADS_SHARE = 2  # half of what a context holds is left for the branch
_SMALLEST = 50  # tokens of a small message: bounds how many items are read to fill a context …
_MORE = 8  # … which is so many more than it seems to take


@dataclass(frozen=True)
class Options:
    """How an answer shall be made. `model`: None for the default, a name or an alias otherwise.
    `tools` are offered to the model; of these `built_in` are run here, by their names. `within`
    makes of these the options for a conversation that has wishes of its own.
    """

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    built_in: Mapping[str, BuiltIn] = field(default_factory=dict)
    within: Callable[[Conversation], "Options"] | None = None


Plan = Callable[[Admitted], Awaitable[Turn]]


async def begin(
    engine: Engine,
    asker: Asker,
    where: Where,
    plan: Plan,
    options: Options,
) -> Generation | Attached:
    """Begin what `plan` makes of the conversation as it is, again if it moves meanwhile; or attach
    to what the same request began before. Who answers is the model that the planned answer names.

    Raises IdempotencyMismatch, RateLimited, NotFound, Conflict, NoCredits, TooManyRunning and what
    `plan` raises; then nothing is written.
    """
    try:
        try:
            return await _begin(engine, asker, where, plan, options)
        except Conflict:
            if asker.claim:  # what runs may be what the same request began meanwhile
                await asyncio.to_thread(asker.claim.look_up)
            raise
    except Claimed as claimed:
        return await attach(engine, asker.owner, claimed.result, asker.deadline)


async def _begin(
    engine: Engine,
    asker: Asker,
    where: Where,
    plan: Plan,
    options: Options,
) -> Generation:
    admitted = await clear(engine, asker, admit(engine, asker.owner, where))
    for attempt in range(ATTEMPTS):
        if attempt:
            admitted = await admit(engine, asker.owner, where)
        turn = await plan(admitted)
        model = engine.models.find(turn.messages[-1].model)
        reading = asyncio.ensure_future(asyncio.to_thread(_history, turn, admitted, model.window))
        numbering = asyncio.ensure_future(asyncio.to_thread(_numbered, turn))
        try:
            stored = await store(engine, asker, turn)
        except (generations.Moved, generations.Held):
            metrics.overtaken()
            reading.cancel()
            numbering.cancel()
            continue
        except BaseException:
            reading.cancel()
            numbering.cancel()
            raise
        turn = replace(turn, messages=await numbering)
        return run(engine, asker, turn, stored, reading, model, options)
    raise Conflict


def _numbered(turn: Turn) -> tuple[Message, ...]:
    """The turn's messages as the versions that they become. Where the others cannot be read, of
    two: the turn may be stored by then, and must not fail for a number.
    """
    first, *rest = turn.messages
    if turn.sibling is None:
        return turn.messages
    known: list[str] = []
    for _ in range(NUMBERING_ATTEMPTS):
        try:
            known = versions.siblings(turn.conversation, first)
            break
        except STORE_ERRORS as error:
            logger.warning(
                "numbering failed", generation=turn.messages[-1].id, error=type(error).__name__
            )
    ids = sorted({*known, turn.sibling, first.id})
    return (versions.number(first, ids), *rest)


async def clear(engine: Engine, asker: Asker, reading: Coroutine[Any, Any, T]) -> T:
    """What is read for a request, while it is counted and its claim looked up: see `Asker.clear`,
    whose refusals come first.
    """
    task = asyncio.ensure_future(reading)
    try:
        await asker.clear(engine.now())
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task


async def store(engine: Engine, asker: Asker, turn: Turn) -> Conversation:
    """Write a turn. Where the account's balance refuses it, what crashed answers still hold is
    released first, once. A refused turn leaves nothing of what comes before it.
    """
    if turn.before:
        await asyncio.to_thread(messages.put_many, turn.conversation, turn.before)
    try:
        return await _store(engine, asker, turn)
    except REFUSALS:
        if turn.before:
            await asyncio.to_thread(messages.remove_many, turn.conversation, turn.before)
        raise


async def _store(engine: Engine, asker: Asker, turn: Turn) -> Conversation:
    expires = engine.now() + engine.timing.lease
    try:
        return await asyncio.to_thread(generations.begin, turn, expires, asker.terms)
    except (NoCredits, TooManyRunning):
        await asyncio.to_thread(release_expired, asker.payer, engine.now())
    return await asyncio.to_thread(generations.begin, turn, expires, asker.terms)


def run(
    engine: Engine,
    asker: Asker,
    turn: Turn,
    stored: Conversation,
    history: Awaitable[Sequence[Message]],
    model: Model,
    options: Options,
) -> Generation:
    """Start the generation of a turn that was begun."""
    if options.within:
        options = options.within(stored)

    async def request() -> ModelRequest:
        return ModelRequest(
            model.id,
            await history,
            options.instructions,
            options.temperature,
            options.max_tokens,
            options.tools,
        )

    *before, answer = turn.messages
    begun = Begun(stored, before[0] if before else None, answer, turn.created)
    generation = Generation(
        engine, begun, model, request(), asker.deadline, options.built_in, asker.used
    )
    generation.start()
    return generation


def _history(turn: Turn, admitted: Admitted, window: int) -> list[Message]:
    """What the model shall read, oldest first: the turn's own message and as much of the branch
    before it as fits its window, with the bodies that lie in the bucket.
    """
    conversation, said = turn.conversation, (*turn.before, *turn.messages[:-1])

    def newest_first() -> Iterator[Message]:
        yield from reversed(said)
        for message in messages.branch(
            conversation.owner,
            conversation.number,
            turn.first.parent,
            admitted.found,
            _page(admitted.found, window),
        ):
            if message.shown:
                yield messages.load(message)

    read = list(context.fill(newest_first(), window))
    if conversation.uploads:
        return _with_uploads(conversation, read, window)
    return read[::-1]


def _page(found: Found, window: int) -> int:
    """How many messages to read at once, so as to fill a context with those that were not `found`:
    if they are as large as those, somewhat more than that takes.
    """
    sizes = [context.tokens_of(each) for each in found.messages.values()]
    mean = sum(sizes) // len(sizes) if sizes else 0
    left = max(0, context.budget(window) - sum(sizes))
    return left // max(_SMALLEST, mean * 3 // 4) + _MORE


def _with_uploads(
    conversation: Conversation, newest_first: Sequence[Message], window: int
) -> list[Message]:
    """The same behind what the conversation's files say. That is said by the user, as they brought
    it: what a model is told as instructions is nobody's who writes a file.
    """
    # only here: it loads SQLite, and most conversations have no files
    from reprise.knowledge import uploads

    question = next((each.text for each in newest_first if each.role == "user"), "")
    most = context.budget(window) // _UPLOADS_SHARE
    said = uploads.material(conversation, question, most)
    if not said:
        return list(newest_first)[::-1]
    material = Message("", "user", (Text(said),), None, 0, b"", "done", 0, 0)
    fitting = context.fill(newest_first, window, context.tokens_of(material))
    return [material, *list(fitting)[::-1]]

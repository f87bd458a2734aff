"""Previews of prompts: a model answers, it is paid for like any answer, and no conversation is
stored.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from aws_lambda_powertools import Logger

from reprise.accounts import prompts
from reprise.chat.errors import Conflict, NoCredits, TooManyRunning, UpstreamFailed
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import FinishReason, Message, State, Text, Usage, join_text, price
from reprise.chat.placeholders import Filled, fill
from reprise.chat.prompts import Prompt
from reprise.engine import metrics
from reprise.engine.ask import ask
from reprise.engine.asker import Asker
from reprise.engine.attach import ENDS_BEFORE
from reprise.engine.begin import clear
from reprise.engine.engine import Engine
from reprise.engine.repair import bill_for, estimate, release_expired
from reprise.engine.turns import check_text, new_message
from reprise.llm import catalogue
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished, ModelRequest
from reprise.store import keys
from reprise.store import previews as store
from reprise.store.claims import Claimed
from reprise.store.previews import Preview
from reprise.store.table import STORE_ERRORS

TEMPERATURE = 0.7  # as a chat has it where nothing is said

logger = Logger(child=True)
_background: set[asyncio.Task[Preview]] = set()  # the loop itself keeps tasks weakly only


async def preview(
    engine: Engine, asker: Asker, of: int | str, values: Mapping[str, str]
) -> Preview:
    """What the default model answers to a prompt, by its number or as its content, with values in
    the place of its placeholders. The use of a stored prompt is counted once per request.

    Raises NotFound, Invalid, what `Asker.clear` does, NoCredits, TooManyRunning; then nothing is
    written. Raises UpstreamFailed where no answer came, and Conflict where the same request runs
    elsewhere for longer than this function does.
    """
    model = engine.models.find(None)
    filled = _fill(of, values) if isinstance(of, str) else None
    try:
        prompt = await clear(engine, asker, _find(asker.owner, of))
        filled = filled or _fill(prompt.said.content if prompt else "", values)
        answer = await _begin(engine, asker, model, prompt)
    except Claimed as claimed:
        metrics.resumed()
        return await _follow(engine, asker, claimed.result)
    # a task of its own: whoever waits for it may go away
    task = asyncio.create_task(_run(engine, asker, answer, model, filled))
    _background.add(task)
    task.add_done_callback(_background.discard)
    return await asyncio.shield(task)


def _fill(content: str, values: Mapping[str, str]) -> Filled:
    """What the model gets to read. Raises Invalid."""
    filled = fill(content, values)
    check_text(filled.text)
    return filled


async def _find(owner: str, of: int | str) -> Prompt | None:
    """The stored prompt, if one is asked for. Raises NotFound."""
    return await asyncio.to_thread(prompts.find, owner, of) if isinstance(of, int) else None


async def _begin(engine: Engine, asker: Asker, model: Model, prompt: Prompt | None) -> Message:
    """The placeholder of an answer that was begun. Where the account's balance refuses it, what
    crashed answers still hold is released first, once. Raises as `store.begin` does.
    """
    released = False
    while True:
        answer_id = engine.mint.message_id(engine.mint.number())
        answer = Message(
            id=answer_id,
            role="assistant",
            parts=(),
            parent=None,
            depth=0,
            path=b"",
            state="in-progress",
            created=milliseconds_of(answer_id),
            updated=milliseconds_of(answer_id),
            hold=asker.hold(model),
        )
        begun = asker.owner, answer, prompt, asker.deadline, asker.terms
        try:
            if await asyncio.to_thread(store.begin, *begun):
                return answer
        except (NoCredits, TooManyRunning):
            if released:
                raise
            await asyncio.to_thread(release_expired, asker.payer, engine.now())
            released = True


async def _run(
    engine: Engine, asker: Asker, answer: Message, model: Model, filled: Filled
) -> Preview:
    """Ask the model, and end the answer. Raises UpstreamFailed where none came."""
    said = new_message(engine, 0, None, "user", filled.text)
    ended, who = await _ask(engine, asker, answer, model, said)
    usage = ended.usage or estimate([said], ended.parts)
    ended = replace(ended, usage=usage, cost=price(who.credits, usage), updated=engine.now_ms())
    owner = keys.previews(asker.owner)
    bill = bill_for(owner, ended, answer.hold, who.credits, who.name)
    result = None
    if ended.state != "error":
        result = Preview(ended.text, catalogue.answering(who), usage, filled.unfilled)
    kept = result if asker.claim else None

    def end() -> bool:
        if kept:
            store.keep(ended.id, kept.text, engine.now())
        return store.end(asker.owner, ended.id, kept, bill, engine.now())

    if not await _persist(engine, asker, end):
        metrics.not_settled(answer.hold)
    metrics.ended(ended)
    if result is None:
        raise UpstreamFailed("there was no answer")
    return result


async def _ask(
    engine: Engine, asker: Asker, answer: Message, model: Model, said: Message
) -> tuple[Message, Model]:
    """The answer as it ended, whatever its end, and who gave it."""
    request = ModelRequest(model.id, [said], temperature=TEMPERATURE)
    parts: list[Text] = []
    usage: Usage | None = None
    state: State = "error"
    reason: FinishReason = "error"
    who = model  # who answers: it may become a fallback
    left = asker.deadline - engine.timing.margin - engine.now()
    limit = asyncio.timeout(left)
    try:
        async with limit, aclosing(ask(engine, model, request)) as events:
            async for answering, event in events:
                who = answering
                if isinstance(event, Finished):
                    state, reason, usage = "done", event.reason, event.usage
                elif isinstance(event, Text):
                    parts.append(event)
    except UpstreamFailed as failure:
        logger.warning("upstream failed", generation=answer.id, reason=failure.reason)
    except Exception as error:
        # as of any answer: what was begun has to end
        if limit.expired() and parts:
            state, reason = "stopped", "deadline"
        else:
            # its text may hold a message's
            logger.warning("generation failed", generation=answer.id, error=type(error).__name__)
    ended = replace(
        answer, parts=join_text(parts), state=state, finish_reason=reason, usage=usage, hold=None
    )
    return ended, who


async def _persist(engine: Engine, asker: Asker, end: Callable[[], bool]) -> bool:
    """End an answer, for as long as there is patience with the table."""
    timing = engine.timing
    until = min(engine.now() + timing.patience, asker.deadline)
    wait = timing.retry_wait
    while True:
        try:
            return await asyncio.to_thread(end)
        except STORE_ERRORS:
            if engine.now() + wait > until:
                raise
        await asyncio.sleep(wait)
        wait = min(2 * wait, timing.retry_wait_most)


async def _follow(engine: Engine, asker: Asker, generation: str) -> Preview:
    """What the same request came to before, once it has. Raises as `preview` does."""
    while True:
        # in this order: the lease goes when the result comes
        running = await asyncio.to_thread(store.is_running, asker.owner, generation, engine.now())
        if found := await asyncio.to_thread(store.find, generation):
            return found
        if not running:
            raise UpstreamFailed("there was no answer")
        if engine.now() > asker.deadline - ENDS_BEFORE:
            raise Conflict(generation)
        await asyncio.sleep(engine.timing.poll)

"""The one write that begins a turn, with what the model shall read being fetched beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from reprise.chat import context
from reprise.chat.errors import Conflict
from reprise.chat.events import Begun
from reprise.chat.messages import Conversation, Message
from reprise.engine.admit import ATTEMPTS, Admitted, admit
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.llm.catalogue import Model
from reprise.llm.protocol import ModelRequest
from reprise.store import generations, messages
from reprise.store.generations import Turn

_SMALLEST = 50  # tokens of a small message: bounds how many items are read to fill a context


@dataclass(frozen=True)
class Options:
    """How an answer shall be made. `model`: None for the default, a name or an alias otherwise."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    instructions: str | None = None


Plan = Callable[[Admitted], Awaitable[Turn]]


async def begin(
    engine: Engine,
    owner: str,
    conversation_id: str,
    plan: Plan,
    model: Model,
    options: Options,
    deadline: float,
) -> Generation:
    """Begin what `plan` makes of the conversation as it is, again if it moves meanwhile.

    Raises NotFound, Conflict and what `plan` raises; then nothing is written.
    """
    for _ in range(ATTEMPTS):
        admitted = await admit(engine, owner, conversation_id)
        turn = await plan(admitted)
        reading = asyncio.ensure_future(asyncio.to_thread(_history, turn, admitted, model.window))
        try:
            stored = await asyncio.to_thread(generations.begin, turn, expires(engine))
        except (generations.Moved, generations.Held):
            reading.cancel()
            continue
        except BaseException:
            reading.cancel()
            raise
        return run(engine, turn, stored, reading, model, options, deadline)
    raise Conflict


def expires(engine: Engine) -> float:
    return engine.now() + engine.timing.lease


def run(
    engine: Engine,
    turn: Turn,
    stored: Conversation,
    history: Awaitable[Sequence[Message]],
    model: Model,
    options: Options,
    deadline: float,
) -> Generation:
    """Start the generation of a turn that was begun."""

    async def request() -> ModelRequest:
        return ModelRequest(
            model.id,
            await history,
            options.instructions,
            options.temperature,
            options.max_tokens,
        )

    *before, answer = turn.messages
    begun = Begun(stored, before[0] if before else None, answer, turn.created)
    generation = Generation(engine, begun, model, request(), deadline)
    generation.start()
    return generation


def _history(turn: Turn, admitted: Admitted, window: int) -> list[Message]:
    """What the model shall read, oldest first: the turn's own message and as much of the branch
    before it as fits its window, with the bodies that lie in the bucket.
    """
    conversation, (*said, _) = turn.conversation, turn.messages

    def newest_first() -> Iterator[Message]:
        yield from reversed(said)
        for message in messages.branch(
            conversation.owner,
            conversation.number,
            turn.messages[0].parent,
            admitted.found,
            context.budget(window) // _SMALLEST,
        ):
            if message.shown:
                yield messages.load(message)

    return list(context.fill(newest_first(), window))[::-1]

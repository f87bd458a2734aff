"""Asking a model until one answers: retries before the first token, where they are safe, then
fallbacks.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine
from reprise.llm.catalogue import Model
from reprise.llm.protocol import ModelEvent, ModelRequest

ATTEMPTS = 3  # of each model


async def ask(
    engine: Engine, model: Model, request: ModelRequest
) -> AsyncGenerator[tuple[Model, ModelEvent], None]:
    """What the model yields, or one of its fallbacks, with who it is.

    Asks again only while nothing has come and the failure says that nothing was taken on, so that
    no answer is generated or billed twice. Raises the last UpstreamFailed.
    """
    candidates = [model, *(engine.models.find(name) for name in model.fallbacks)]
    for number, candidate in enumerate(candidates):
        attempt = 0
        while True:
            attempt += 1
            begun = False
            asked = replace(request, model=candidate.id)
            try:
                async with aclosing(engine.models.provider(candidate).stream(asked)) as events:
                    async for event in events:
                        begun = True
                        yield candidate, event
                return
            except UpstreamFailed as failure:
                if begun or not (failure.retryable or failure.refused):
                    raise
                if not failure.retryable or attempt == ATTEMPTS:
                    if number + 1 == len(candidates):
                        raise
                    break
                await asyncio.sleep(_wait(engine, attempt, failure))


def _wait(engine: Engine, attempt: int, failure: UpstreamFailed) -> float:
    """Seconds until the next attempt: what the upstream asked for, else doubling; jittered and
    bounded.
    """
    timing = engine.timing
    wait = failure.retry_after or timing.retry_wait * 2 ** (attempt - 1)
    return min(wait, timing.retry_wait_most) * random.uniform(0.75, 1.25)  # noqa: S311

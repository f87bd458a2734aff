"""A model that needs no key, says what it is, and answers the same question always the same way."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from reprise.chat.context import tokens_of
from reprise.chat.messages import FinishReason, Message, Text, Usage
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest

MAX_COUNT = 100_000
_MAX_ECHO = 400  # characters of the question that are said back

_COUNT = re.compile(r"\bcount (?:up )?to (\d[\d,]*)", re.ASCII | re.IGNORECASE)
_WORD = re.compile(r"\s*\S+")


class Demo:
    """Counts when asked to ("count to 500" yields "1", " 2", …); otherwise it introduces itself and
    says the question back, a word at a time. `rate` is in tokens per second, 0 for no delay."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        loop = asyncio.get_running_loop()
        begun, produced = loop.time(), 0
        reason: FinishReason = "stop"
        for word in _answer(_question(request.messages)):
            if request.max_tokens is not None and produced >= request.max_tokens:
                reason = "length"
                break
            # Due times count from the beginning, so that oversleeping does not add up. Without a
            # delay, others still get to run between two words, as they do with a model over a
            # network.
            due = begun + produced / self._rate if self._rate else 0.0
            await asyncio.sleep(max(0.0, due - loop.time()))
            produced += 1
            yield Text(word)
        yield Finished(reason, Usage(input=_size(request), output=max(1, produced)))


def _question(messages: Sequence[Message]) -> str:
    """What the user said last."""
    return next((message.text for message in reversed(messages) if message.role == "user"), "")


def _answer(question: str) -> Iterator[str]:
    asked = _COUNT.search(question)
    # Nine digits are enough to be over the limit, and Python refuses to read thousands of them.
    last = min(MAX_COUNT, int(asked[1].replace(",", "")[:9])) if asked else 0
    if last:
        yield from (f" {number}" if number > 1 else "1" for number in range(1, last + 1))
        return
    echo = question.strip()
    said = f"You said: {echo[:_MAX_ECHO]}{'…' if len(echo) > _MAX_ECHO else ''}"
    yield from _WORD.findall(
        "This is Reprise's demo model: it answers without a provider key, and knows nothing. "
        + (said if echo else "You said nothing.")
    )


def _size(request: ModelRequest) -> int:
    """Tokens that the request would be, roughly; never 0."""
    instructions = len(request.instructions or "") // 4
    return max(1, instructions + sum(tokens_of(message) for message in request.messages))

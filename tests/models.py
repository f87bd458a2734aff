"""Models whose answers are written beforehand.

    models = FakeModels()
    models.enqueue(["Hel", "lo"])                                     # answers "Hello", and ends
    models.enqueue(["Hel", UpstreamFailed("gone")])                   # breaks off
    models.enqueue(["1", partial(asyncio.sleep, 0.1), "2"])           # takes its time
    models.enqueue([lambda: seen.append(dump()), "Hello"])            # looks around first
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])
    engine = Engine(models)

What it was asked lies in `models.requests`. `otherwise` writes the script of a stream that nothing
is enqueued for.
"""

import inspect
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

from reprise.chat.errors import Invalid
from reprise.chat.messages import Text, ToolCall, Usage
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest

Step = str | Text | ToolCall | Finished | Exception | Callable[[], Any]

FAKE = Model("fake", "vendor/fake", "demo", 16_000, 1, frozenset({"alias-of-fake"}))
USAGE = Usage(input=7, output=3)
ANSWER = ("An", " answer", ".")


class FakeModels:
    """An `engine.Models` and the provider of all its models. The first model is the default one."""

    def __init__(self, *models: Model) -> None:
        self.requests: list[ModelRequest] = []
        self.otherwise: Callable[[], Iterable[Step]] = lambda: ANSWER
        self.open = 0  # streams that have begun and not been closed
        self._models = models or (FAKE,)
        self._scripts: deque[tuple[Step, ...]] = deque()

    def enqueue(self, script: Iterable[Step], *, finish: bool = True) -> None:
        """What the next stream that nothing is written for yet will do, step by step.

        Texts, tool calls and `Finished` are yielded, exceptions raised; anything callable is called
        and, if need be, awaited. A script without a `Finished` ends with one of `stop` and `USAGE`,
        unless `finish` is False: then the stream just ends, which no provider may do.
        """
        self._scripts.append(_whole(script) if finish else tuple(script))

    def find(self, name: str | None) -> Model:
        if name is None:
            return self._models[0]
        for model in self._models:
            if name in model.names:
                return model
        raise Invalid("model", "is not a known model")

    def provider(self, model: Model) -> "FakeModels":
        return self

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """The next script; what `otherwise` says where none was written."""
        self.requests.append(request)
        steps = self._scripts.popleft() if self._scripts else _whole(self.otherwise())
        self.open += 1
        try:
            for step in steps:
                match step:
                    case str():
                        yield Text(step)
                    case Text() | ToolCall() | Finished():
                        yield step
                    case Exception():
                        raise step
                    case _:
                        result = step()
                        if inspect.isawaitable(result):
                            await result
        finally:
            self.open -= 1


def _whole(script: Iterable[Step]) -> tuple[Step, ...]:
    steps = tuple(script)
    finished = any(isinstance(step, Finished) for step in steps)
    return steps if finished else (*steps, Finished("stop", USAGE))

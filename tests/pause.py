"""Answers that stop on their way until a test lets them go on.

pause = Pause()
models.enqueue(["Hel", pause, "lo"])
with under_way(lambda: api.stream(path, json=...), pause) as answering:
    ...                                     # "Hel" was produced, the answer is being made
assert answering.result().events()          # it went on when the `with` was left
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.api import Response

PATIENCE = 20  # seconds: more than any machine needs


class Pause:
    """A step of a model's script."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._go_on = threading.Event()

    async def __call__(self) -> None:
        self._reached.set()
        async with asyncio.timeout(PATIENCE):
            while not self._go_on.is_set():
                await asyncio.sleep(0.002)

    def wait(self) -> None:
        """Until it is reached."""
        assert self._reached.wait(PATIENCE), "the model did not come so far"

    def go_on(self) -> None:
        self._go_on.set()


@contextmanager
def under_way(request: Callable[[], Response], pause: Pause) -> Iterator[Future[Response]]:
    """Make a request in a thread of its own, as far as the pause. It goes on at the end at the
    latest; then its answer is there.
    """
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(request)
        try:
            pause.wait()
            yield answering
        finally:
            pause.go_on()


def until(true: Callable[[], object]) -> None:
    """Wait for what others do."""
    patience = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < patience, "it did not happen"
        time.sleep(0.005)

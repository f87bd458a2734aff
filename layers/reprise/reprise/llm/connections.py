"""HTTP clients that outlive a request, so that the next one finds a connection open."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

IDLE = 30.0  # seconds after which an unused connection is not trusted any more


@dataclass
class _Entry:
    client: httpx.AsyncClient
    busy: int = field(default=0)
    used: float = field(default=0.0)


class Connections:
    """One client per event loop, made by `make`; `now` is the wall clock in seconds.

    Lambda freezes a sandbox between events. Meanwhile the other side, or a NAT in between, drops
    idle connections, and the monotonic clock by which httpx would expire them may stand still. The
    wall clock does not: where it shows a gap, the client is replaced together with its connections.
    """

    def __init__(
        self, make: Callable[[], httpx.AsyncClient], now: Callable[[], float] = time.time
    ) -> None:
        self._make = make
        self._now = now
        # Not a WeakKeyDictionary: open sockets refer to their loop, so it would never let one go.
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """The client of the running loop, for one request."""
        loop = asyncio.get_running_loop()
        entry = self._entries.get(loop)
        if entry and not entry.busy and abs(self._now() - entry.used) > IDLE:
            await self.aclose()
        if (entry := self._entries.get(loop)) is None:
            self._forget_closed_loops()
            entry = self._entries[loop] = _Entry(self._make())
        entry.busy += 1
        try:
            yield entry.client
        finally:
            entry.busy -= 1
            entry.used = self._now()

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""
        if entry := self._entries.pop(asyncio.get_running_loop(), None):
            await entry.client.aclose()

    def _forget_closed_loops(self) -> None:
        for loop in tuple(self._entries):
            if loop.is_closed():
                self._entries.pop(loop, None)

"""The rate limit of a route: counted once per request, told in the headers of every answer."""

import asyncio
import time
from collections.abc import Mapping

from pynamodb.exceptions import PynamoDBException

from reprise.accounts import plans
from reprise.accounts.callers import Caller
from reprise.accounts.rates import Rate, Window


class Counter:
    """Counts one request of a caller. `scope` is one of the plans' windows."""

    def __init__(self, caller: Caller, scope: str) -> None:
        self._rate = Rate(plans.find(caller.plan), scope, caller.owner)
        self._window: Window | None = None

    async def add(self) -> Window:
        self._window = await asyncio.to_thread(self._rate.add, time.time())
        return self._window

    async def headers(self) -> Mapping[str, str]:
        """`X-RateLimit-*` as the caller stands; `Reset` in seconds since the Unix epoch. Nothing
        where that cannot be had: no answer fails for it.
        """
        window = self._window
        if window is None:
            try:
                window = await asyncio.to_thread(self._rate.look, time.time())
            except PynamoDBException:
                return {}
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(window.reset),
        }

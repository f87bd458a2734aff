"""The rate limit of a route: counted once per request, told in the headers of every answer."""

import asyncio
import time
from collections.abc import Mapping

from fastapi import Depends, Request
from pynamodb.exceptions import PynamoDBException

from reprise.accounts import plans
from reprise.accounts.callers import Caller
from reprise.accounts.rates import Rate, Window


class Counter:
    """Counts one request of a caller, however often it is asked to. `scope` is one of the plans'
    windows.
    """

    def __init__(self, caller: Caller, scope: str) -> None:
        self._rate = Rate(plans.find(caller.plan), scope, caller.subject)
        self._counting: asyncio.Task[Window] | None = None

    def begin(self) -> "asyncio.Task[Window]":
        """Count beside whatever else is done for the request."""
        if self._counting is None:
            counting = asyncio.to_thread(self._rate.add, time.time())
            self._counting = asyncio.create_task(counting)
        return self._counting

    async def add(self) -> Window:
        return await self.begin()

    async def headers(self) -> Mapping[str, str]:
        """`X-RateLimit-*` as the caller stands; `Reset` in seconds since the Unix epoch. Nothing
        where that cannot be had: no answer fails for it.
        """
        try:
            if self._counting is None:
                window = await asyncio.to_thread(self._rate.look, time.time())
            else:
                window = await self._counting
        except PynamoDBException:
            return {}
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(window.reset),
        }


async def _within(request: Request) -> None:
    (await request.state.counter.add()).check(time.time())


WithinLimit = Depends(_within)  # of a route: it is refused to who has asked too often

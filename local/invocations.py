"""Lambda: calling functions for API Gateway, within the limits that both set.

Buffered functions are called through their `handler`, streaming ones through the adapter that the
Lambda runtime uses too, on this loop. A client that goes away ends nothing.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from local.client import ClientStream
from local.context import Context
from local.functions import PAYLOAD_LIMIT, BufferedCalls, TooLarge, payload_size
from local.responses import Refused, Response, proxy_response
from local.template import Route
from streaming.adapter import ASGIApp, Receive, Send, invoke

# JSON makes at most six bytes of one of these. What an event has beside its body is far less than
# the other half of the limit.
_ESCAPED = bytes(range(32)) + b'"\\'
_SURELY_FITS = PAYLOAD_LIMIT // 2

logger = logging.getLogger(__name__)


class Invocations:
    """`handlers` are the functions by their handler's name."""

    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self._handlers = handlers
        self._calls = BufferedCalls()
        self._streams: set[asyncio.Task[None]] = set()

    async def call(self, route: Route, event: dict[str, Any], binary: bool) -> Response:
        """The response of a buffered function; `binary` is `proxy_response`'s. Raises Refused."""
        handler = self._handler(route)
        limit, kind = _limit(route)
        try:
            async with asyncio.timeout(limit) as timer:
                result = await self._calls.call(handler, event, Context.of(route.function))
            return proxy_response(result, event["requestContext"]["requestId"], binary)
        except TooLarge:
            raise Refused("REQUEST_TOO_LARGE") from None
        except Exception as error:
            if isinstance(error, TimeoutError) and timer.expired():
                logger.error("%s took longer than %g s", route.function.name, limit)
                raise Refused(kind) from None
            logger.exception("%s failed", route.function.name)
            raise Refused("function_failed") from None

    async def stream(
        self, route: Route, event: dict[str, Any], receive: Receive, send: Send
    ) -> int:
        """Send the response of a streaming function as it comes; return its status. One that breaks
        off is left without an end. Raises Refused when it did not begin.
        """
        app: ASGIApp = self._handler(route).app
        await _check_size(event)
        stream = ClientStream(send, event["requestContext"]["requestId"])
        # A task of its own: whatever becomes of the request, the function runs on.
        running = asyncio.create_task(invoke(app, event, Context.of(route.function), stream))
        self._streams.add(running)
        running.add_done_callback(self._streams.discard)
        watcher = asyncio.create_task(stream.watch(receive))
        limit, kind = _limit(route)
        try:
            await asyncio.wait({running}, timeout=limit)
        finally:
            watcher.cancel()
        if not running.done():
            logger.error("%s took longer than %g s", route.function.name, limit)
            running.cancel()
        elif not running.cancelled():
            error = running.exception()
            if error is None:
                await stream.end()
                return stream.status or 0
            logger.error("%s failed", route.function.name, exc_info=error)
            kind = "function_failed"
        if stream.status is None:
            raise Refused(kind)
        return stream.status

    async def stop(self, grace: float) -> None:
        """Give what is under way `grace` seconds to end by itself, then end it."""
        self._calls.stop()
        if self._streams:
            _, late = await asyncio.wait(self._streams, timeout=grace)
            for running in late:
                running.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

    def _handler(self, route: Route) -> Any:
        if route.function.handler not in self._handlers:
            logger.error("%s could not be imported", route.function.handler)
            raise Refused("function_failed")
        return self._handlers[route.function.handler]


def _limit(route: Route) -> tuple[float, str]:
    """Seconds until an invocation is given up, and what API Gateway says then: its own time is up,
    or Lambda has ended the function.
    """
    if route.function.timeout < route.timeout:
        return route.function.timeout, "function_failed"
    return route.timeout, "INTEGRATION_TIMEOUT"


async def _check_size(event: dict[str, Any]) -> None:
    body = (event["body"] or "").encode()
    escaped = len(body) - len(body.translate(None, _ESCAPED))
    at_most = len(body) + 5 * escaped
    if at_most > _SURELY_FITS and await asyncio.to_thread(payload_size, event) > PAYLOAD_LIMIT:
        raise Refused("REQUEST_TOO_LARGE")

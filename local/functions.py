"""The functions themselves: importing them, and calling the buffered ones as Lambda does."""

import asyncio
import importlib
import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.context import Context

# Lambda's limit on the JSON of an event and of a buffered result: 6 MB, and 100 bytes as measured.
PAYLOAD_LIMIT = 6_291_556

Handler = Callable[[Any, Any], Any]


class TooLarge(Exception):
    """An event or a result over `PAYLOAD_LIMIT`."""


def load(handlers: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Import handlers by name (`conversations.send_message.handler`). Returns those that could be
    had, and the traceback of each that could not.
    """
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name in handlers:
        module, _, attribute = name.rpartition(".")
        try:
            found[name] = getattr(importlib.import_module(module), attribute)
        except Exception:
            failed[name] = traceback.format_exc()
    return found, failed


def payload_size(payload: Any) -> int:
    """Bytes of something as JSON, as Lambda counts them."""
    return len(_dump(payload))


def _dump(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


class BufferedCalls:
    """Calls handlers on threads that each own an event loop, which Mangum runs its app on."""

    def __init__(self, threads: int = 16) -> None:
        self._pool = ThreadPoolExecutor(
            threads,
            thread_name_prefix="function",
            initializer=lambda: asyncio.set_event_loop(asyncio.new_event_loop()),
        )

    async def call(self, handler: Handler, event: Mapping[str, Any], context: Context) -> Any:
        """What `handler` returns for `event`, both having gone through JSON. Raises TooLarge for an
        event over the limit, ValueError for a result over it, and whatever the handler raises.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _call, handler, event, context)

    def stop(self) -> None:
        """Take no more calls; those under way are left to themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _call(handler: Handler, event: Mapping[str, Any], context: Context) -> Any:
    payload = _dump(event)
    if len(payload) > PAYLOAD_LIMIT:
        raise TooLarge
    result = _dump(handler(json.loads(payload), context))
    if len(result) > PAYLOAD_LIMIT:
        raise ValueError(f"the function's result of {len(result)} bytes is over the limit")
    return json.loads(result)

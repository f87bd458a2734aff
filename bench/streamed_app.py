"""What the streaming runtime serves for `bench.runtime`.

`GET /stream?way=runtime&events=2000&pause=0.002` has 2,000 events written, 2 ms apart, or with a
pause of 0 as fast as they can go. They go through the runtime, or past it through a bare socket, or
nowhere, which tells what it costs to measure. The last event of every answer says how many seconds
on the processor its sends have taken; the thread has nothing else to do. Each event tells when it
was sent, as those of `bench.provider` do.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl

from mangum import Mangum
from starlette.types import Message, Receive, Scope, Send

RUNTIME, BARE, NOWHERE = "runtime", "bare", "nowhere"
ADDRESS = "AWS_LAMBDA_RUNTIME_API"
_EVENT = b'data: {"type":"ai_chunk","data":"word @%.6f"}\n\n'
_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream")],
}
_BARE_HEAD = b"POST /bare HTTP/1.1\r\nHost: bench\r\nTransfer-Encoding: chunked\r\n\r\n"

Write = Callable[[bytes], Awaitable[None]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    asked = dict(parse_qsl(scope["query_string"].decode()))
    events, pause = int(asked["events"]), float(asked["pause"])
    match asked["way"]:
        case "runtime":
            await send(_START)
            used = await _write(events, pause, partial(_send, send))
        case "bare":
            async with _bare_socket() as write:
                used = await _write(events, pause, write)
            await send(_START)
        case _:
            used = await _write(events, pause, _nowhere)
            await send(_START)
    last = b'data: {"used":%.9f}\n\n' % used
    await send({"type": "http.response.body", "body": last, "more_body": False})


async def _write(events: int, pause: float, write: Write) -> float:
    begun, used = time.monotonic(), 0.0
    for number in range(events):
        if pause:  # due times count from the beginning, so that oversleeping does not add up
            await asyncio.sleep(max(0.0, begun + number * pause - time.monotonic()))
        event = _EVENT % time.monotonic()
        before = time.thread_time()
        await write(event)
        used += time.thread_time() - before
    return used


async def _send(send: Send, event: bytes) -> None:
    await send({"type": "http.response.body", "body": event, "more_body": True})


@asynccontextmanager
async def _bare_socket() -> AsyncIterator[Write]:
    """The least that brings the same chunks to the same reader."""
    host, _, port = os.environ[ADDRESS].partition(":")
    _, writer = await asyncio.open_connection(host, int(port))

    async def write(event: bytes) -> None:
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()

    writer.write(_BARE_HEAD)
    yield write
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    writer.close()


async def _nowhere(event: bytes) -> None:
    pass


handler = Mangum(app, lifespan="off")

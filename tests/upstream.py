"""A scripted HTTP server that plays a model's: exact bytes, at exact moments, with any fault.

    async with Upstream() as upstream:  # or `with`, which gives it a thread of its own
        upstream.enqueue(answer("Hel", "lo"), Reply(status=429, headers={"Retry-After": "1"}))
        ...  # ask upstream.url
        assert upstream.requests[0].body["model"] == "openai/gpt-4"

Each request uses up one reply, in the order they came; `otherwise` answers what comes after those.
"""

import asyncio
import json
import math
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self

STALL = math.inf  # a wait that only the client ends


class End(Enum):
    """Ways to end a connection in the midst of things."""

    CUT = "cut"  # closed in order, without the bytes that were still to come
    RESET = "reset"


CUT, RESET = End.CUT, End.RESET

Step = bytes | float | asyncio.Event | End


@dataclass(frozen=True)
class Reply:
    """What is done for one request, step by step: bytes are sent as one piece, a number waits for
    so many seconds, an event until it is set (see `Upstream.open`), CUT and RESET end the
    connection.

    With `bare`, there is no status line, no header and no chunked coding: the steps are all.
    """

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/event-stream"}
    )
    bare: bool = False


@dataclass(frozen=True)
class Request:
    """A request as it came. `connection` counts from 1; `gone` is set when the client leaves before
    the reply has ended."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: Any  # of JSON; None for any other
    connection: int
    gone: asyncio.Event


def chunk(text: str | None = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion. `delta` replaces the one with `text`; `more` goes in as it
    is.
    """
    delta = more.pop("delta", {} if text is None else {"content": text})
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "gen-1", "object": "chat.completion.chunk", "choices": [choice]} | more


def usage(prompt: int = 5, completion: int = 2) -> dict[str, Any]:
    """The last chunk, which tells usage and has no choices."""
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion}
    return chunk(choices=[], usage=tokens | {"total_tokens": prompt + completion})


def sse(value: Any) -> bytes:
    """A server-sent event with a value as JSON."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def answer(*texts: str, finish: str = "stop") -> Reply:
    """A stream in good order: an event for each text, finish reason, usage, [DONE]."""
    events = [*map(chunk, texts), chunk(finish=finish), usage(completion=len(texts))]
    return Reply((*map(sse, events), DONE))


def whole(value: Any, **reply: Any) -> Reply:
    """One JSON document, as errors are answered."""
    headers = {"Content-Type": "application/json"} | reply.pop("headers", {})
    return Reply((json.dumps(value).encode(),), headers=headers, **reply)


def pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    """Bytes cut without regard for what they mean."""
    return tuple(data[start : start + size] for start in range(0, len(data), size))


class Upstream:
    """The server, on a free port of this machine. `async with` runs it on the test's own event
    loop; `with` on a thread, for tests that have no loop, or several.
    """

    def __init__(self, otherwise: Callable[[Request], Reply] | None = None) -> None:
        self.requests: list[Request] = []
        self.arrived = asyncio.Event()  # with the first request
        self.connections = 0
        self.otherwise = otherwise
        self.port = 0
        self._replies: deque[Reply] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What OPENROUTER_BASE_URL would be."""
        return f"http://127.0.0.1:{self.port}/v1"

    def enqueue(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    def forget(self) -> None:
        """What it was asked so far, and what it would still have answered."""
        self.requests.clear()
        self._replies.clear()

    def open(self, gate: asyncio.Event) -> None:
        """Lets a reply go on that waits for `gate`; from any thread."""
        self._loop.call_soon_threadsafe(gate.set)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def __enter__(self) -> Self:
        started, self._stop = threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with self:
                started.set()
                await self._stop.wait()

        self._thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.open(self._stop)
        self._thread.join()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._running.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        early = b""
        while True:
            request = await _read(reader, early, connection)
            self.requests.append(request)
            self.arrived.set()
            reply = self._next(request)
            # Nothing is to be read before the reply has ended, unless it is the client's leaving.
            leaving = asyncio.create_task(reader.read(1))
            replying = asyncio.create_task(_write(writer, reply))
            try:
                await asyncio.wait({leaving, replying}, return_when=asyncio.FIRST_COMPLETED)
                if not replying.done():
                    request.gone.set()
                    return
                if not replying.result():
                    return
                early = leaving.result() if leaving.done() else b""
            except ConnectionError:
                request.gone.set()
                return
            finally:
                leaving.cancel()
                replying.cancel()
                await asyncio.gather(leaving, replying, return_exceptions=True)

    def _next(self, request: Request) -> Reply:
        if self._replies:
            return self._replies.popleft()
        if self.otherwise:
            return self.otherwise(request)
        return whole({"error": "the test has enqueued no reply"}, status=501)


async def _read(reader: asyncio.StreamReader, early: bytes, connection: int) -> Request:
    head = early + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return Request(method, path, headers, value, connection, asyncio.Event())


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Takes the steps; returns whether the connection can be used again."""
    # Each piece its own segment: neither the kernel nor asyncio may gather them.
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not reply.bare:
        headers = {"Transfer-Encoding": "chunked", **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Scripted", *map(": ".join, headers.items())]
        await _send(writer, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    for step in reply.steps:
        match step:
            case bytes():
                await _send(writer, step if reply.bare else b"%x\r\n%b\r\n" % (len(step), step))
            case asyncio.Event():
                await step.wait()
            case End.CUT:
                return False
            case End.RESET:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case seconds if seconds == STALL:
                await asyncio.Event().wait()
            case seconds:
                await asyncio.sleep(seconds)
    if not reply.bare:
        await _send(writer, b"0\r\n\r\n")
    return reply.headers.get("Connection") != "close"


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0)

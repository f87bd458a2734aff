"""A Runtime API on a socket: it hands out events and keeps every byte it is sent, with its time."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from streaming.adapter import ASGIApp, Message
from streaming.runtime import serve
from streaming.runtime_api import RuntimeApi

PREFIX = "/2018-06-01/runtime/"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:Talk"


def event(**fields: Any) -> dict[str, Any]:
    """An API Gateway event, as far as a scope needs one."""
    return {
        "resource": "/talk",
        "path": "/talk",
        "httpMethod": "GET",
        "headers": {"Host": "example.test"},
        "multiValueHeaders": {"Host": ["example.test"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"requestId": "r-1", "identity": {"sourceIp": "192.0.2.1"}},
        "body": None,
        "isBase64Encoded": False,
    } | fields


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes = b"", more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


END = body(more=False)


@dataclass
class Request:
    """What the runtime sent; `chunks` with the time (`time.monotonic`) at which each arrived."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)
    whole: bool = False  # its end has come, or nobody waits for it

    @property
    def body(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    @property
    def metadata(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body.partition(bytes(8))[0])
        return value

    @property
    def content(self) -> bytes:
        """What a client would get."""
        return self.body.partition(bytes(8))[2]

    @property
    def error(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


class Gone(Exception):
    """Raised by a `reading`: hang up, without a word."""


class Answered(Exception):
    """Raised by a `reading`: reply with this status, though the request has not ended."""

    def __init__(self, status: int) -> None:
        self.status = status


Reading = Callable[[Request], Awaitable[None]]


async def at_once(request: Request) -> None:
    """A reader that takes each chunk as soon as it comes."""


class FakeRuntimeApi:
    """`reading` is called after each chunk of a response. `statuses` are replies by the end of a
    path, 202 where there is none; None is none at all.
    """

    def __init__(self, reading: Reading = at_once) -> None:
        self.reading = reading
        self.statuses: dict[str, int | None] = {}
        self.requests: list[Request] = []
        self.asked: list[float] = []  # when each `next` came
        self.serving: asyncio.Task[int] | None = None
        self._replies: asyncio.Queue[bytes] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self._connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def send(
        self, content: Any, seconds: float = 30, headers: Mapping[str, str] | None = None
    ) -> str:
        """Hand out an event (bytes as they are, anything else as JSON); its request id."""
        request_id = str(uuid.uuid4())
        given = content if isinstance(content, bytes) else json.dumps(content).encode()
        lines = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Content-Length": str(len(given)),
        } | dict(headers or {})
        self.reply_to_next(reply(200, lines, given))
        return request_id

    def reply_to_next(self, raw: bytes) -> None:
        """Answer a `next` with these bytes; hang up if there are none."""
        self._replies.put_nowait(raw)

    async def answer(self, request_id: str, seconds: float = 5) -> Request:
        """The request that answers an event, once it has ended or broken off."""
        return await self._posted(lambda r: f"/{request_id}/" in r.path and r.whole, seconds)

    async def posted(self, path: str, seconds: float = 5) -> Request:
        """The request to a path, once it has begun."""
        return await self._posted(lambda r: r.path.endswith(path), seconds)

    async def invoke(self, content: Any, **options: Any) -> Request:
        return await self.answer(self.send(content, **options))

    async def idle(self, nexts: int, seconds: float = 5) -> None:
        """Wait until `next` was asked for so many times."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= nexts)

    async def _posted(self, wanted: Callable[[Request], bool], seconds: float) -> Request:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: any(wanted(each) for each in self.requests))
        return next(each for each in self.requests if wanted(each))

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        with suppress(asyncio.IncompleteReadError, ConnectionError, Gone):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in headers.items()}
                if method == "GET":
                    self.asked.append(time.monotonic())
                    await self._tell()
                    raw = await self._replies.get()
                    writer.write(raw)
                    if not raw or b"Connection: close" in raw:
                        break
                    continue
                request = Request(number, method, path.removeprefix(PREFIX), headers)
                self.requests.append(request)
                await self._tell()
                status: int | None
                try:
                    await self._read(reader, request)
                    status = self.statuses.get(path.rpartition("/")[2], 202)
                except Answered as early:
                    status = early.status
                finally:
                    request.whole = True
                    await self._tell()
                if status is None:
                    await asyncio.sleep(60)
                    break
                writer.write(reply(status, {"Content-Length": "2"}, b"{}"))
        writer.close()

    async def _read(self, reader: asyncio.StreamReader, request: Request) -> None:
        if request.headers.get("transfer-encoding") != "chunked":
            length = int(request.headers["content-length"])
            request.chunks.append((time.monotonic(), await reader.readexactly(length)))
            return
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = await reader.readexactly(size)
            assert await reader.readexactly(2) == b"\r\n"
            request.chunks.append((time.monotonic(), chunk))
            await self.reading(request)
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode().strip().partition(": ")
            request.trailers[name.lower()] = value


def reply(status: int, headers: Mapping[str, str], content: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + content


@asynccontextmanager
async def running(
    app: ASGIApp, reading: Reading = at_once, margin: float = 0.5
) -> AsyncIterator[FakeRuntimeApi]:
    """The runtime with an app, in a thread of its own: it counts the tasks of its loop."""

    def run() -> int:
        with asyncio.Runner() as runner:
            return runner.run(serve(app, RuntimeApi(api.address), margin))

    async with FakeRuntimeApi(reading) as api:
        api.serving = asyncio.create_task(asyncio.to_thread(run))
        try:
            yield api
        finally:
            for _ in range(3):
                api.reply_to_next(b"")
            async with asyncio.timeout(10):
                await api.serving

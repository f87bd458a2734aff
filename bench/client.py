"""A client that does next to nothing, so that what is measured is the server: requests are bytes
made beforehand, and answers are taken apart once they have ended.
"""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_STAMP = re.compile(rb" @(\d+\.\d+)")  # when `bench.provider` sent it
_LAST = b"0\r\n\r\n"
_PIECE = 256 * 1024

Pieces = Sequence[tuple[float, bytes]]  # what came, and when, in monotonic seconds


@dataclass(frozen=True)
class Event:
    """A server-sent event, and when the last of its bytes was here, in monotonic seconds."""

    data: bytes
    at: float

    @property
    def sent(self) -> float | None:
        """When the provider sent it; None for an event that is not one token, but none or all."""
        stamps = _STAMP.findall(self.data)
        return float(stamps[0]) if len(stamps) == 1 else None


@dataclass(frozen=True)
class Answer:
    """`asked` is when the request went out; `pieces` are what came, and when."""

    asked: float
    pieces: Pieces

    @property
    def status(self) -> int:
        return int(b"".join(data for _, data in self.pieces).split(b" ", 2)[1])

    def events(self) -> list[Event]:
        """The events of a stream, which has to be chunked. Raises RuntimeError for any answer but
        a good one.
        """
        if self.status != 200:
            raise RuntimeError(f"answered {self.status}: {self.pieces[-1][1][-500:]!r}")
        return events_in(self.pieces)


def events_in(pieces: Pieces) -> list[Event]:
    """The events of a chunked answer, or of a chunked request."""
    found: list[Event] = []
    rest = b""
    for at, data in unchunked(pieces):
        *whole, rest = (rest + data).split(b"\n\n")
        found += [Event(event, at) for event in whole]
    return found


def unchunked(pieces: Pieces) -> Iterator[tuple[float, bytes]]:
    """The body, without what HTTP puts around its chunks."""
    rest, within = b"", False
    for at, data in pieces:
        rest += data
        if not within:
            _, end, body = rest.partition(b"\r\n\r\n")
            if not end:
                continue
            rest, within = body, True
        while True:
            size, end, after = rest.partition(b"\r\n")
            if not end or len(after) < (length := int(size, 16)) + 2:
                break
            yield at, after[:length]
            rest = after[length + 2 :]


def request(
    url: str, path: str, body: Any, headers: Mapping[str, str], method: str = "POST"
) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body).encode()
    lines = {
        "Host": urlsplit(url).netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def ask(url: str, sent: bytes, seconds: float = 60) -> Answer:
    """The answer to a request; it has to be chunked. The connection, which is a new one, is there
    before the clock runs. Raises OSError.
    """
    with socket.create_connection(_address(url), timeout=seconds) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = time.monotonic()
        connection.sendall(sent)
        return Answer(asked, receive(connection))


def receive(connection: socket.socket) -> Pieces:
    """All of a chunked message. Raises OSError."""
    pieces: list[tuple[float, bytes]] = []
    tail = b""
    while not tail.endswith(_LAST):
        data = connection.recv(_PIECE)
        if not data:
            raise ConnectionError("closed before its end")
        pieces.append((time.monotonic(), data))
        tail = (tail + data)[-len(_LAST) :]
    return pieces


async def ask_among(url: str, sent: bytes, seconds: float) -> Answer:
    """The same, for many at once. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        transport, reading = await loop.create_connection(_Reading, *_address(url))
        asked = time.monotonic()
        transport.write(sent)
        try:
            await reading.ended
        finally:
            transport.close()
    return Answer(asked, tuple(reading.pieces))


def _address(url: str) -> tuple[str, int]:
    host, _, port = urlsplit(url).netloc.partition(":")
    return host, int(port)


class _Reading(asyncio.Protocol):
    def __init__(self) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.monotonic(), data))
        self._tail = (self._tail + data)[-len(_LAST) :]
        if self._tail == _LAST and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("closed before its end"))

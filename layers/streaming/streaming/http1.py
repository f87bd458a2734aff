"""As much of an HTTP/1.1 client as the Runtime API needs, on asyncio streams."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

_HEAD_LIMIT = 256 * 1024  # bytes; a client context alone may have several thousand

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HungUp(ConnectionError):
    """The connection was closed before a whole reply had come."""


@dataclass(frozen=True)
class Reply:
    """Status, headers by their names in lower case, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def last(self) -> bool:
        """Whether the other side takes no further request on this connection."""
        return self.headers.get("connection", "").lower() == "close"


async def connect(address: str) -> Connection:
    """A connection to `host:port`. Raises OSError."""
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port), limit=_HEAD_LIMIT)


def request_head(method: str, path: str, address: str, headers: Mapping[str, str]) -> bytes:
    """The request up to its body; what a header cannot carry is replaced."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    printable = ("".join(c if " " <= c <= "~" else "?" for c in line) for line in lines)
    return "\r\n".join((*printable, "", "")).encode("ascii")


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """The next reply. Raises HungUp, another OSError, or ValueError if it is not HTTP."""
    try:
        status, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
        return Reply(status, headers, await _read_body(reader, headers))
    except asyncio.IncompleteReadError:
        raise HungUp("no whole reply") from None
    except asyncio.LimitOverrunError:
        raise ValueError("a head without end") from None


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP/1")
    pairs = (line.partition(":") for line in lines)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return b"".join(chunks)

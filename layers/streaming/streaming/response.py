"""A streamed response: a POST of its own whose body grows as the app sends.

Source: Lambda developer guide, "Building a custom runtime", "Implementing response streaming in a
custom runtime"; API Gateway developer guide, "Set up a Lambda proxy integration with payload
response streaming".
"""

import asyncio
import base64
from collections.abc import Mapping

from streaming import http1
from streaming.adapter import ClientGone, Metadata
from streaming.report import Report

DELIMITER = bytes(8)  # ends the metadata
METADATA_LIMIT = 16 * 1024  # bytes of the stream in which API Gateway looks for the delimiter
_PIECE = 64 * 1024  # bytes; a long body leaves in chunks of this size, each when there is room
_TRAILERS = ("Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body")
_HEADERS = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Transfer-Encoding": "chunked",
    "Trailer": ", ".join(_TRAILERS),
}


class MetadataTooLarge(ValueError):
    """API Gateway would not find the end of the headers and answer with an error of its own."""


class LambdaResponse:
    """A `ResponseStream` to the Runtime API at `address` (`host:port`).

    `start` connects. `write` returns once there is room for more, so an app is not faster than its
    reader, and of a response never more than some 128 KiB are kept here. Once Lambda has replied,
    hung up or been given the end, nobody reads any more: ClientGone.
    """

    def __init__(self, address: str, path: str, headers: Mapping[str, str]) -> None:
        self._address = address
        self._head = http1.request_head("POST", path, address, {**_HEADERS, **headers})
        self._writer: asyncio.StreamWriter | None = None
        self._reply: asyncio.Task[http1.Reply] | None = None
        self._closed = False

    @property
    def started(self) -> bool:
        """Whether Lambda was sent anything; from then on only trailers can tell of an error."""
        return self._writer is not None

    async def start(self, metadata: Metadata) -> None:
        """Send status and headers at once. Raises MetadataTooLarge or OSError."""
        if self._closed:
            raise ClientGone
        prelude = metadata.to_json().encode() + DELIMITER
        if len(prelude) > METADATA_LIMIT:
            raise MetadataTooLarge(f"{len(prelude)} bytes")
        reader, self._writer = await http1.connect(self._address)
        # Lambda replies at the end, but may do so earlier: nobody reads what is sent after that.
        self._reply = asyncio.create_task(http1.read_reply(reader), name="reply to a response")
        await self._send(self._head + _chunk(prelude))

    async def write(self, chunk: bytes) -> None:
        """Send a part of the body at once. Raises OSError."""
        if len(chunk) <= _PIECE:
            await self._send(_chunk(chunk))
            return
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE):
            await self._send(_chunk(view[start : start + _PIECE]))

    async def finish(self, report: Report | None, patience: float) -> int:
        """End a response that has started, with `report` in its trailers if it did not end well.
        Returns the status of Lambda's reply.

        Raises TimeoutError if there is none within `patience` seconds, OSError if there will be
        none, ValueError if it cannot be read.
        """
        if self._writer is None or self._reply is None:
            raise RuntimeError("not started")
        self._closed = True
        try:
            if not self._reply.done():
                self._writer.write(b"0\r\n" + _trailers(report) + b"\r\n")
            async with asyncio.timeout(patience):
                reply = await self._reply
        except BaseException:
            self._writer.transport.abort()
            raise
        self._writer.close()
        return reply.status

    def abandon(self) -> None:
        """Nothing can be sent from now on."""
        self._closed = True

    async def _send(self, data: bytes) -> None:
        if self._writer is None or self._reply is None or self._closed or self._reply.done():
            raise ClientGone
        self._writer.write(data)
        await self._writer.drain()


def _chunk(data: bytes | memoryview) -> bytes:
    """One chunk of a chunked body; `data` is not empty, since an empty one would be the end."""
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n"))


def _trailers(report: Report | None) -> bytes:
    if report is None:
        return b""
    kind = "".join(c if " " <= c <= "~" else "?" for c in report.kind)
    values = (kind.encode(), base64.b64encode(report.to_json()))
    return b"".join(b"%b: %b\r\n" % (n.encode(), v) for n, v in zip(_TRAILERS, values, strict=True))

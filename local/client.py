"""The client's side of the gateway: requests read from ASGI, responses sent to it."""

from collections.abc import Iterable, MutableMapping
from typing import Any

from local.events import Request
from local.responses import Header, Response, merged, pass_headers
from streaming.adapter import ClientGone, Metadata, Receive, Send


async def read_request(
    scope: MutableMapping[str, Any], receive: Receive, limit: int
) -> tuple[Request, bool]:
    """The request, and whether its body is at most `limit` bytes. A larger one is read to its end,
    because a client that is still sending would not see the answer, but it is not kept.

    Raises ClientGone.
    """
    body, size, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += len(message.get("body", b""))
        if size <= limit:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    request = Request(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),
        query=scope["query_string"].decode("ascii"),
        headers=tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]),
        body=bytes(body) if size <= limit else b"",
        client=scope["client"][0],
        server=(scope["server"][0], scope["server"][1]),
    )
    return request, size <= limit


async def send_response(send: Send, response: Response) -> None:
    headers = [*response.headers, ("content-length", str(len(response.body)))]
    await send(_start(response.status, headers))
    await send({"type": "http.response.body", "body": response.body})


class ClientStream:
    """A streamed response on its way to the client: each chunk is sent as it comes."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None
        self._gone = False

    async def start(self, metadata: Metadata) -> None:
        """Send status and headers. Raises Malformed for headers that cannot be sent."""
        headers = merged(metadata.headers, metadata.multi_value_headers)
        headers += [("set-cookie", cookie) for cookie in metadata.cookies]
        start = _start(metadata.status, pass_headers(headers, self._request_id))
        self.status = metadata.status
        await self._send(start)

    async def write(self, chunk: bytes) -> None:
        if self._gone:
            raise ClientGone
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def watch(self, receive: Receive) -> None:
        """Wait until the client is gone, and remember it."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True


def _start(status: int, headers: Iterable[Header]) -> dict[str, Any]:
    encoded = [(name.encode("ascii"), _encode(value)) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": encoded}


def _encode(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()

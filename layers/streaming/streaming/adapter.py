"""One API Gateway event through an ASGI app, the response passed on as the app produces it.

The local gateway and the Lambda runtime both call `invoke`; they differ in where the bytes go,
which is what a `ResponseStream` is. Mangum translates the event, so that an app sees the same scope
here as behind `Mangum(app)`.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from mangum.handlers import APIGateway
from mangum.types import LambdaConfig

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_CONFIG: LambdaConfig = {
    "api_gateway_base_path": "/",
    "text_mime_types": [],
    "exclude_headers": [],
}


class UnknownEvent(ValueError):
    """An event that is not an API Gateway REST API's."""


class BadRequest(ValueError):
    """An event of API Gateway's with a request that cannot be made into an ASGI scope."""


class ClientGone(OSError):
    """Raised by a `ResponseStream` when nobody reads it any more. Any OSError says the same."""


@dataclass(frozen=True)
class Metadata:
    """Status and headers in the form that API Gateway reads before the first byte of a body.

    Header names are in lower case. A name is in `headers` or, if it was sent more than once, in
    `multi_value_headers`; every Set-Cookie is in `cookies`.
    """

    status: int
    headers: dict[str, str]
    multi_value_headers: dict[str, list[str]]
    cookies: list[str]

    @classmethod
    def of(cls, start: Message) -> "Metadata":
        """The metadata of an `http.response.start` message. Header bytes are read as latin-1."""
        pairs = [
            (bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1"))
            for name, value in start.get("headers", ())
        ]
        count = Counter(name for name, _ in pairs)
        single: dict[str, str] = {}
        multi: dict[str, list[str]] = {}
        cookies: list[str] = []
        for name, value in pairs:
            if name == "set-cookie":
                cookies.append(value)
            elif count[name] > 1:
                multi.setdefault(name, []).append(value)
            else:
                single[name] = value
        return cls(start["status"], single, multi, cookies)

    def to_json(self) -> str:
        """Compact JSON, with the names that API Gateway gives the fields; empty ones are left out.

        Source: API Gateway developer guide, "Lambda proxy integration with payload response
        streaming".
        """
        fields = {
            "statusCode": self.status,
            "headers": self.headers,
            "multiValueHeaders": self.multi_value_headers,
            "cookies": self.cookies,
        }
        return json.dumps({k: v for k, v in fields.items() if v}, separators=(",", ":"))


class ResponseStream(Protocol):
    """Where a response goes. `start` is called at most once and before any `write`; the response
    ends when `invoke` returns or raises.
    """

    async def start(self, metadata: Metadata) -> None: ...

    async def write(self, chunk: bytes) -> None: ...


async def invoke(app: ASGIApp, event: Any, context: Any, response: ResponseStream) -> None:
    """Run `app` on an API Gateway REST proxy event; return when the app has.

    Each non-empty body that the app sends is one `response.write`. A reader that goes away changes
    nothing for the app except that `receive` then yields `http.disconnect`: a generation must not
    end because somebody closed a window.

    Raises whatever the app raises, and RuntimeError when the app returns without a whole response.
    Whether the response had begun by then, `response` knows. Raises UnknownEvent or BadRequest
    before the app is called.
    """
    scope, body = _request(event, context)
    exchange = _Exchange(body, response)
    try:
        await app(scope, exchange.receive, exchange.send)
    finally:
        exchange.over.set()
    exchange.check_complete()


def _request(event: Any, context: Any) -> tuple[MutableMapping[str, Any], bytes]:
    """The ASGI scope and the body of an event's request."""
    if not isinstance(event, dict) or not APIGateway.infer(event, context, _CONFIG):
        raise UnknownEvent
    try:
        request = APIGateway(event, context, _CONFIG)
        return request.scope, request.body
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadRequest from error


class _Exchange:
    """The two callables that an ASGI app is given, and what they have to remember."""

    def __init__(self, body: bytes, response: ResponseStream) -> None:
        self._body: bytes | None = body
        self._response = response
        self._started = False
        self._complete = False
        self._gone = False
        self.over = asyncio.Event()  # nothing that the app still sends will reach anybody

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._started:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"{message['type']} before http.response.start")
            self._started = True
            await self._pass_on(self._response.start(Metadata.of(message)))
        elif message["type"] == "http.response.body" and not self._complete:
            chunk = message.get("body", b"")
            if chunk and not self._gone:
                await self._pass_on(self._response.write(chunk))
            if not message.get("more_body", False):
                self._complete = True
                self.over.set()
        # Anything else cannot be carried, and an app that streams must not fail because of it.

    async def _pass_on(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except OSError:
            self._gone = True
            self.over.set()

    def check_complete(self) -> None:
        if not self._started:
            raise RuntimeError("the app returned without a response")
        if not self._complete and not self._gone:
            raise RuntimeError("the app returned before the end of its response")

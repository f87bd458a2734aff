"""Any server that speaks OpenAI's chat completions over HTTP: OpenRouter, or another."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx
from httpx_sse import EventSource

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Text
from reprise.llm.chat_completions import Answer, encode_request, failure
from reprise.llm.connections import IDLE, Connections
from reprise.llm.protocol import ModelEvent, ModelRequest
from reprise.llm.secrets import GivenKey, Key

CONNECT_SECONDS = 5.0
STALL_SECONDS = 60.0  # the longest silence within an answer; OpenRouter's comments break it, too
_DRAIN_SECONDS = 0.25

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


class OpenAICompatible:
    """A provider. `/chat/completions` is appended to `base_url`, `key` is the bearer token, `stall`
    the seconds of silence after which an answer is given up, `now` the wall clock in seconds.
    """

    def __init__(
        self,
        base_url: str,
        key: str | Key,
        *,
        stall: float = STALL_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = httpx.URL(f"{base_url}/chat/completions")
        self._key = GivenKey(key) if isinstance(key, str) else key
        self._timeout = httpx.Timeout(stall, connect=CONNECT_SECONDS)
        self._now = now
        self._connections = Connections(self._make_client, now)
        _trusted()

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=IDLE),
            verify=_trusted(),
            # A proxy named in the environment is how some networks reach the world. It does not
            # reach this machine's own servers, but without a NO_PROXY httpx would ask it to.
            trust_env=not _LOOPBACK.fullmatch(self._url.host),
            headers={
                "Accept": "text/event-stream",
                "Accept-Encoding": "identity",  # compression gathers what should come at once
                "Content-Type": "application/json",
                "User-Agent": "reprise",
            },
        )

    async def aclose(self) -> None:
        """Closes the connections that the running event loop has kept open."""
        await self._connections.aclose()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """See `Provider`. An answer whose connection breaks after the finish reason is whole."""
        body = encode_request(request)
        key = await self._key.current()
        async with self._connections.client() as client:
            response = await self._open(client, body, key)
            try:
                answer = Answer()
                async with aclosing(_chunks(response)) as chunks:
                    try:
                        async for chunk in chunks:
                            if chunk == "[DONE]":
                                break
                            if text := answer.feed(chunk):
                                yield Text(text)
                    except httpx.RequestError as error:
                        if not answer.complete:
                            raise _broken_off(error) from None
                    for event in answer.end():
                        yield event
                    await _drain(chunks)
            finally:
                await response.aclose()

    async def _open(self, client: httpx.AsyncClient, body: bytes, key: str) -> httpx.Response:
        """The response, once its status says that there is an answer in it."""
        connected = False

        async def trace(event: str, _: Any) -> None:
            nonlocal connected
            connected = connected or event == "connection.connect_tcp.started"

        request = client.build_request(
            "POST",
            self._url,
            content=body,
            headers={"Authorization": f"Bearer {key}"},
            extensions={"trace": trace},
        )
        # The causes are left out of the tracebacks: their texts quote headers, ours and theirs.
        try:
            response = await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UpstreamFailed(
                f"no connection to the upstream ({type(error).__name__})", retryable=True
            ) from None
        except httpx.TimeoutException as error:
            raise UpstreamFailed(f"no answer from the upstream ({type(error).__name__})") from None
        except httpx.RequestError as error:
            # A kept connection that turns out to be dead was closed before the request came. On a
            # new one the request did come, and may have been worked on.
            raise UpstreamFailed(
                f"the call of the upstream failed ({type(error).__name__})",
                retryable=not connected and _without_answer(error),
            ) from None
        if response.is_success:
            return response
        try:
            await _drain(response.aiter_raw())
        finally:
            await response.aclose()
        if response.status_code == httpx.codes.UNAUTHORIZED and await self._key.replaced(key):
            raise UpstreamFailed("the upstream refused a key that has a successor", retryable=True)
        retry_after = parse_retry_after(response.headers.get("retry-after", ""), self._now())
        raise failure("the upstream answered", response.status_code, retry_after)


async def _chunks(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The data of a stream's events as they come; or the body of a server that does not stream."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        response.encoding = "utf-8"  # as the format has it, whatever the header says
        async with aclosing(EventSource(response).aiter_sse()) as events:
            async for event in events:
                if event.data:
                    yield event.data
    elif kind == "application/json":
        yield (await response.aread()).decode(errors="replace")
    else:
        raise UpstreamFailed("the upstream answered with neither a stream nor JSON")


async def _drain(rest: AsyncIterator[object]) -> None:
    """Reads what is left of a response: only a connection that was read to the end can be used
    again. One on which that takes a while is not worth it.
    """
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in rest:
                pass
    except (TimeoutError, httpx.RequestError):
        pass


def _broken_off(error: httpx.RequestError) -> UpstreamFailed:
    if isinstance(error, httpx.TimeoutException):
        return UpstreamFailed("the upstream fell silent")
    return UpstreamFailed("the upstream broke off")


def _without_answer(error: httpx.RequestError) -> bool:
    """Whether the connection ended before anything of an answer came."""
    if isinstance(error, httpx.RemoteProtocolError):
        return str(error).startswith("Server disconnected")  # otherwise: it sent what is not HTTP
    return isinstance(error, httpx.ReadError | httpx.WriteError)


def parse_retry_after(value: str, now: float) -> float | None:
    """The seconds that a Retry-After header names, as a number or as a date (RFC 9110 §10.2.3).
    `now` is in seconds since the Unix epoch. None if it says nothing that can be understood.
    """
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date with the zone -0000 comes without one.
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The certificate authorities, read once: that takes 20 ms."""
    return httpx.create_ssl_context()

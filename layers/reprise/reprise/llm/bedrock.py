"""Amazon Bedrock, by the AWS SDK's `converse_stream`.

The SDK blocks, so each call has a thread of its own, which hands the events to the event loop. Not
one of the loop's executor: answers take minutes, and the store needs those threads meanwhile.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import closing, suppress
from typing import Any

import urllib3.exceptions
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.session import get_session

from reprise.chat.errors import UpstreamFailed
from reprise.llm.bedrock_converse import Answer, encode_request, failure
from reprise.llm.protocol import ModelEvent, ModelRequest

CONNECT_SECONDS = 5.0
STALL_SECONDS = 60.0  # the longest silence, before an answer and within it
IDLE = 30.0  # seconds without a call after which kept connections are not trusted any more
_DRAIN_SECONDS = 0.25
_CONNECTIONS = 50  # that are kept; more are made where more calls are made at once

_NETWORK_ERRORS = (HTTPClientError, NotConnectedError, urllib3.exceptions.HTTPError, OSError)
_TIMEOUTS = (urllib3.exceptions.TimeoutError, TimeoutError)


class Bedrock:
    """A provider. `region` is where the models are asked, `stall` the seconds of silence after
    which an answer is given up, `now` the wall clock in seconds.
    """

    def __init__(
        self, region: str, *, stall: float = STALL_SECONDS, now: Callable[[], float] = time.time
    ) -> None:
        self._region = region
        self._stall = stall
        self._now = now
        self._called = now()
        self._made: Any = None
        self._making = threading.Lock()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """See `Provider`. An answer whose connection breaks after the stop reason is whole."""
        call = _Call(self._client, encode_request(request))
        answer = Answer()
        call.start()
        try:
            while not answer.through and (event := await call.next()) is not None:
                if isinstance(event, Exception):
                    if answer.complete:
                        break
                    raise call.failure(event, answer.begun)
                if part := answer.feed(event):
                    yield part
            for last in answer.end():
                yield last
            await call.drain()
        finally:
            call.abort()

    async def aclose(self) -> None:
        """Closes the connections that were kept open."""
        if self._made is not None:
            self._made.close()

    def _client(self) -> Any:
        """The client, made when it is first needed. It blocks, so it is for the threads of calls.

        Lambda freezes a sandbox between events, and only the wall clock tells for how long: what
        has become of idle connections meanwhile is not to be seen on them.
        """
        with self._making:
            if self._made is None:
                self._made = _make_client(self._region, self._stall)
            now = self._now()
            if abs(now - self._called) > IDLE:
                self._made.close()  # which closes idle connections only, and is not the end of it
            self._called = now
            return self._made


def _make_client(region: str, stall: float) -> Any:
    # not boto3: see `store.bodies`
    client = get_session().create_client(
        "bedrock-runtime",
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=stall,
            max_pool_connections=_CONNECTIONS,
            retries={"total_max_attempts": 1},  # the engine retries
        ),
    )
    # botocore cannot interrupt a call, and has no public way to be taught how.
    pools = client._endpoint.http_session._pool_classes_by_scheme
    pools.update({scheme: _interruptible(pool) for scheme, pool in pools.items()})
    return client


class _Aborted(Exception):
    """The request is not to be sent any more."""


class _Call:
    """One call of `converse_stream`, on a thread of its own."""

    def __init__(self, client: Callable[[], Any], parameters: dict[str, Any]) -> None:
        self._client = client
        self._parameters = parameters
        self._loop = asyncio.get_running_loop()
        # Without bounds, because it holds one answer at the most.
        self._queue: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue()
        self._fresh = False  # whether the connection was made for this call
        self._socket: socket.socket | None = None  # from when on the request is sent
        self._connection: Any = None
        self._aborted = False
        self._ended = False

    # For the event loop

    def start(self) -> None:
        threading.Thread(target=self._run, name="bedrock", daemon=True).start()

    async def next(self) -> dict[str, Any] | Exception | None:
        """The next event as soon as it comes; why the call failed, if it did; then None."""
        return await self._queue.get()

    async def drain(self) -> None:
        """Waits for the end of the response, but not long: only a connection that was read to the
        end can be used again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await self._queue.get() is not None:
                    pass

    def abort(self) -> None:
        """Ends the call, whatever it is at: its thread wakes up and ends, too."""
        with _ownership:
            self._aborted = True
            if self._socket and self._connection.call is self and not self._ended:
                with suppress(OSError):
                    # Not closed: that would wait for the thread, which waits for the other side.
                    self._socket.shutdown(socket.SHUT_RDWR)

    def failure(self, error: Exception, begun: bool) -> UpstreamFailed:
        """What an error means. `begun`: part of an answer had come."""
        name = type(error).__name__
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return failure(error.response["Error"]["Code"], status, begun=begun)
        if isinstance(error, _NETWORK_ERRORS):
            if not self._socket:
                return UpstreamFailed(f"no connection to Bedrock ({name})", retryable=True)
            if isinstance(error, _TIMEOUTS):
                return UpstreamFailed("Bedrock fell silent")
            # A kept connection that turns out to be dead was closed before the request came.
            dead = isinstance(error, ConnectionClosedError) and not self._fresh
            return UpstreamFailed(f"Bedrock broke off ({name})", retryable=dead)
        if not self._socket:
            return UpstreamFailed(f"Bedrock cannot be asked ({name})", refused=True)
        return UpstreamFailed(f"Bedrock sent what is no answer ({name})")

    # For the thread

    def _run(self) -> None:
        _here.call = self
        failed: Exception | None = None
        try:
            with closing(self._client().converse_stream(**self._parameters)["stream"]) as events:
                for event in events:
                    self._hand_over(event)
        except Exception as error:
            failed = error
        with _ownership:
            self._ended = True
        if failed:
            self._hand_over(failed)
        self._hand_over(None)

    def _hand_over(self, event: dict[str, Any] | Exception | None) -> None:
        with suppress(RuntimeError):  # of a loop that was closed
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def connected(self) -> None:
        """A new connection was made for this call."""
        self._fresh = True

    def send_on(self, connection: Any) -> None:
        """The request goes out on this connection now. Raises _Aborted if it must not."""
        with _ownership:
            if self._aborted:
                raise _Aborted
            self._connection, self._socket = connection, connection.sock
            connection.call = self


_here = threading.local()  # `call`: the one that this thread is for
# A connection belongs to the call that used it last. When the thread has read all of a response,
# another call may get the connection before anybody knows.
_ownership = threading.Lock()


def _interruptible(pool: Any) -> Any:
    """urllib3's class of connection pools, with connections that tell calls of themselves."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            _here.call.connected()

        def request(self, *arguments: Any, **more: Any) -> None:
            if self.sock is None:
                self.connect()
            _here.call.send_on(self)
            super().request(*arguments, **more)

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool

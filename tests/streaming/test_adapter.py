"""One event through the adapter: what the app sees, and what comes out."""

import asyncio
import base64
import json
from typing import Any

import pytest

from streaming.adapter import ClientGone, Message, Metadata, Receive, Send, UnknownEvent, invoke

STREAM_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"Content-Type", b"text/event-stream")],
}


def event(**fields: Any) -> dict[str, Any]:
    return {
        "resource": "/things/{id}",
        "path": "/things/7%2F8",
        "httpMethod": "POST",
        "headers": {"Host": "example.test"},
        "multiValueHeaders": {"Host": ["example.test"], "X-Tag": ["a", "b"]},
        "queryStringParameters": {"q": "two words"},
        "multiValueQueryStringParameters": {"q": ["one", "two words"]},
        "requestContext": {"requestId": "r-1", "identity": {"sourceIp": "192.0.2.1"}},
        "body": '{"n": 1}',
        "isBase64Encoded": False,
    } | fields


class Reader:
    """A response stream that keeps what it gets, and may go away after some chunks."""

    def __init__(self, leaves_after: int | None = None, error: type[OSError] = ClientGone) -> None:
        self.metadata: Metadata | None = None
        self.chunks: list[bytes] = []
        self._leaves_after = leaves_after
        self._error = error

    async def start(self, metadata: Metadata) -> None:
        assert self.metadata is None
        self.metadata = metadata

    async def write(self, chunk: bytes) -> None:
        if len(self.chunks) == self._leaves_after:
            raise self._error
        self.chunks.append(chunk)


def body(content: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def test_the_app_sees_what_mangum_would_show_it() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.update(scope=scope, request=await receive())
        await send(STREAM_START)
        await send(body(b"", more=False))

    given, context = event(), object()
    await invoke(app, given, context, Reader())

    scope = seen["scope"]
    assert (scope["method"], scope["path"]) == ("POST", "/things/7/8")
    assert scope["query_string"] == b"q=one&q=two+words"
    assert [b"x-tag", b"a, b"] in scope["headers"]
    assert scope["client"] == ("192.0.2.1", 0)
    assert scope["aws.event"] is given
    assert scope["aws.context"] is context
    assert seen["request"] == {"type": "http.request", "body": b'{"n": 1}', "more_body": False}


async def test_a_binary_body_comes_in_as_its_bytes() -> None:
    bodies: list[bytes] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        bodies.append((await receive())["body"])
        await send(STREAM_START)
        await send(body(b"", more=False))

    raw = bytes(range(256))
    encoded = base64.b64encode(raw).decode()
    await invoke(app, event(body=encoded, isBase64Encoded=True), None, Reader())

    assert bodies == [raw]


async def test_each_body_is_passed_on_when_it_is_sent() -> None:
    reader = Reader()
    seen_on_the_way: list[list[bytes]] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        for chunk in (b"one", b"", b"\x00two", b"three"):
            await send(body(chunk))
            seen_on_the_way.append(list(reader.chunks))
        await send(body(b"last", more=False))

    await invoke(app, event(), None, reader)

    assert seen_on_the_way == [
        [b"one"],
        [b"one"],
        [b"one", b"\x00two"],
        [b"one", b"\x00two", b"three"],
    ]
    assert reader.chunks == [b"one", b"\x00two", b"three", b"last"]


async def test_metadata_keeps_repeated_headers_and_cookies_apart() -> None:
    reader = Reader()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        headers = [
            (b"Content-Type", b"text/plain"),
            (b"X-Twice", b"1"),
            (b"x-twice", b"2"),
            (b"Set-Cookie", b"a=1; Path=/"),
            (b"X-Name", "Zoë".encode("latin-1")),
        ]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send(body(b"", more=False))

    await invoke(app, event(), None, reader)

    assert reader.metadata
    assert json.loads(reader.metadata.to_json()) == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain", "x-name": "Zoë"},
        "multiValueHeaders": {"x-twice": ["1", "2"]},
        "cookies": ["a=1; Path=/"],
    }


async def test_metadata_without_headers_is_a_status_only() -> None:
    assert Metadata(204, {}, {}, []).to_json() == '{"statusCode":204}'


@pytest.mark.parametrize("error", [ClientGone, BrokenPipeError])
async def test_a_reader_that_goes_away_does_not_end_the_app(error: type[OSError]) -> None:
    reader = Reader(leaves_after=1, error=error)
    sent: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(STREAM_START)
        for n in range(5):
            await send(body(b"%d" % n))
            sent.append(n)
        assert await receive() == {"type": "http.disconnect"}
        sent.append(99)

    await invoke(app, event(), None, reader)

    assert sent == [0, 1, 2, 3, 4, 99]
    assert reader.chunks == [b"0"]


async def test_receive_waits_while_there_is_a_reader() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(STREAM_START)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.02)
        await send(body(b"end", more=False))
        assert await receive() == {"type": "http.disconnect"}

    await invoke(app, event(), None, Reader())


async def test_what_is_sent_after_the_end_is_dropped() -> None:
    reader = Reader()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send(body(b"end", more=False))
        await send(body(b"too late"))
        await send({"type": "http.response.trailers", "headers": []})

    await invoke(app, event(), None, reader)

    assert reader.chunks == [b"end"]


async def test_an_app_that_fails_before_the_start_leaves_the_reader_untouched() -> None:
    reader = Reader()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await invoke(app, event(), None, reader)
    assert reader.metadata is None


async def test_an_app_that_fails_after_the_start_has_sent_what_it_sent() -> None:
    reader = Reader()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send(body(b"partial"))
        raise LookupError("broke off")

    with pytest.raises(LookupError, match="broke off"):
        await invoke(app, event(), None, reader)
    assert reader.metadata
    assert reader.chunks == [b"partial"]


async def test_an_app_that_never_answers_is_an_error() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()

    with pytest.raises(RuntimeError, match="without a response"):
        await invoke(app, event(), None, Reader())


async def test_an_app_that_stops_halfway_is_an_error() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(STREAM_START)
        await send(body(b"and then"))

    with pytest.raises(RuntimeError, match="before the end"):
        await invoke(app, event(), None, Reader())


async def test_a_body_before_the_start_is_an_error() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(body(b"?"))

    with pytest.raises(RuntimeError, match="before http"):
        await invoke(app, event(), None, Reader())


async def test_an_event_of_another_service_is_refused() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("must not be called")

    with pytest.raises(UnknownEvent):
        await invoke(app, {"Records": []}, None, Reader())

"""Streaming functions behind the local gateway, over real HTTP."""

import asyncio
import statistics
import time
from typing import Any

import httpx
import pytest

from streaming.adapter import Receive, Send
from tests.gateways import OK, App, buffered, gateway, raw, streaming


def counting(upto: int, every: float, done: asyncio.Event | None = None) -> App:
    """An app that sends the time, `upto` times."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(upto):
            await asyncio.sleep(every)
            line = b"%f\n" % time.monotonic()
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        if done:
            done.set()

    return app


async def test_each_chunk_leaves_before_the_next_is_made() -> None:
    received = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for n in range(3):
            message = {"type": "http.response.body", "body": b"%d" % n, "more_body": True}
            await send(message)
            await asyncio.wait_for(received.wait(), 5)  # would fail if anything was held back
            received.clear()
        await send({"type": "http.response.body", "body": b"end"})

    chunks = []
    async with (
        gateway(streaming(app)) as client,
        client.stream("POST", "/stream") as response,
    ):
        async for chunk in response.aiter_raw():
            chunks.append(chunk)
            received.set()

    assert chunks == [b"0", b"1", b"2", b"end"]


async def test_no_event_waits_for_the_acknowledgement_of_another() -> None:
    """With Nagle's algorithm, two small writes in a row cost 40 ms on a kept connection."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    took = []
    async with gateway(streaming(app)) as client:
        for _ in range(9):
            began = time.monotonic()
            await client.post("/stream")
            took.append(time.monotonic() - began)

    assert statistics.median(took) < 0.03


async def test_status_headers_and_cookies_come_through() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"2"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"x-twice", b"1"),
            (b"x-twice", b"2"),
        ]
        await send({"type": "http.response.start", "status": 422, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    async with gateway(streaming(app)) as client:
        response = await client.post("/stream")

    assert response.status_code == 422
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers.get_list("x-twice") == ["1", "2"]
    assert response.headers["transfer-encoding"] == "chunked"


async def test_fifty_open_streams_stay_smooth() -> None:
    """Beside them, buffered functions block their threads."""

    def blocking(event: dict[str, Any], context: Any) -> Any:
        time.sleep(0.3)
        return OK

    late: list[float] = []

    async def read(client: httpx.AsyncClient) -> None:
        async with client.stream("POST", "/stream") as response:
            async for line in response.aiter_lines():
                late.append(time.monotonic() - float(line))

    async with gateway(streaming(counting(20, 0.05)) | buffered(blocking)) as client:
        began = time.monotonic()
        await asyncio.gather(
            *(read(client) for _ in range(50)), *(client.get("/things") for _ in range(8))
        )
        took = time.monotonic() - began

    assert len(late) == 1000
    assert statistics.median(late) < 0.05
    assert took < 4  # 1.0 if nothing else ran on this machine


async def test_a_client_that_goes_away_ends_nothing() -> None:
    done = asyncio.Event()
    async with gateway(streaming(counting(10, 0.01, done))) as client:
        async with client.stream("POST", "/stream") as response:
            await anext(response.aiter_raw())
        await asyncio.wait_for(done.wait(), 5)


async def test_a_failure_before_the_start_is_a_502() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise LookupError

    async with gateway(streaming(app)) as client:
        response = await client.post("/stream")

    assert response.status_code == 502
    assert response.json()["message"] == "Internal server error"


async def test_a_failure_after_the_start_breaks_the_response_off() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"partial", "more_body": True})
        raise LookupError

    async with gateway(streaming(app)) as client:
        answer = await raw(client, b"POST /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.options("/stream")).status_code == 200

    assert answer.endswith(b"\r\n7\r\npartial\r\n")  # and no chunk of length 0


async def test_one_that_takes_too_long_is_a_504() -> None:
    cancelled = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            cancelled.set()

    async with gateway(streaming(app)) as client:
        response = await client.post("/short")
        await asyncio.wait_for(cancelled.wait(), 1)

    assert response.status_code == 504


async def test_one_that_streams_too_long_is_broken_off() -> None:
    async with gateway(streaming(counting(100, 0.05))) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/short")


async def test_the_end_gives_open_streams_a_grace() -> None:
    done = asyncio.Event()
    async with gateway(streaming(counting(10, 0.02, done))) as client:
        response = client.stream("POST", "/stream")
        await response.__aenter__()

    assert done.is_set()

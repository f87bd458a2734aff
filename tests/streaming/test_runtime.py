"""Events through the runtime, as the Runtime API sees it: bytes, order and times."""

import asyncio
import json
import os
import time
from typing import Any

from streaming.adapter import Message, Receive, Send
from tests.streaming.runtime_api import ARN, END, Gone, Request, body, event, reply, running, start


async def hello(scope: Any, receive: Receive, send: Send) -> None:
    await send(start(200, (b"Content-Type", b"text/plain")))
    await send(body(b"hello", more=False))


async def test_a_response_is_a_streamed_post_on_a_connection_of_its_own() -> None:
    async with running(hello) as api:
        first, second = await api.invoke(event()), await api.invoke(event())

        assert first.method == "POST"
        assert first.path.startswith("invocation/")
        assert first.path.endswith("/response")
        assert first.headers == {
            "host": api.address,
            "lambda-runtime-function-response-mode": "streaming",
            "content-type": "application/vnd.awslambda.http-integration-response",
            "transfer-encoding": "chunked",
            "trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        }
        assert first.connection != second.connection
        assert 1 not in (first.connection, second.connection)  # the one that asks for events


async def test_first_the_metadata_then_eight_nuls_then_each_body_in_a_chunk() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(201, (b"Content-Type", b"text/event-stream")))
        for chunk in (b"one", b"", b"two", b"\x00three"):
            await send(body(chunk))
        await send(END)

    async with running(app) as api:
        answer = await api.invoke(event())

    metadata = b'{"statusCode":201,"headers":{"content-type":"text/event-stream"}}'
    chunks = [chunk for _, chunk in answer.chunks]
    assert chunks == [metadata + bytes(8), b"one", b"two", b"\x00three"]
    assert answer.trailers == {}


async def test_repeated_headers_and_cookies_keep_their_values() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        cookies = ((b"set-cookie", b"a=1; Path=/"), (b"Set-Cookie", b"b=2"))
        await send(start(200, (b"Vary", b"Accept"), (b"vary", b"Origin"), *cookies))
        await send(END)

    async with running(app) as api:
        answer = await api.invoke(event())

    assert answer.metadata == {
        "statusCode": 200,
        "multiValueHeaders": {"vary": ["Accept", "Origin"]},
        "cookies": ["a=1; Path=/", "b=2"],
    }


async def test_what_is_sent_arrives_before_the_next_is_made() -> None:
    sent: list[float] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        for n in range(10):
            await asyncio.sleep(0.02)
            sent.append(time.monotonic())
            await send(body(b"%d" % n))
        await send(END)

    async with running(app) as api:
        answer = await api.invoke(event())

    arrived = [moment for moment, _ in answer.chunks[1:]]
    late = sorted(there - here for here, there in zip(sent, arrived, strict=True))
    assert late[5] < 0.01  # the middle one: machines that run tests have pauses


async def test_the_status_leaves_before_there_is_a_body() -> None:
    arrived: list[float] = []
    waited: list[float] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(202))
        while not arrived:
            await asyncio.sleep(0.01)
        waited.append(time.monotonic())
        await send(END)

    async def noting(request: Request) -> None:
        arrived.append(time.monotonic())

    async with running(app, noting) as api:
        answer = await api.invoke(event())

    assert answer.metadata == {"statusCode": 202}
    assert arrived[0] < waited[0]


async def test_binary_comes_out_as_it_is() -> None:
    everything = bytes(range(256)) * 10

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"Content-Type", b"image/png")))
        await send(body(everything, more=False))

    async with running(app) as api:
        assert (await api.invoke(event())).content == everything


async def test_ten_megabytes_in_one_body_arrive_whole() -> None:
    content = os.urandom(1024) * 10 * 1024

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(content, more=False))

    async with running(app) as api:
        answer = await api.invoke(event())

    assert answer.content == content
    assert max(len(chunk) for _, chunk in answer.chunks) <= 64 * 1024


async def test_a_slow_reader_slows_the_app_down() -> None:
    sent = 0

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        while sent < 40_000_000:
            await send(body(bytes(40_000)))
            sent += 40_000
        await send(END)

    ahead: list[int] = []

    async def slowly(request: Request) -> None:
        if len(request.chunks) in (20, 60):
            await asyncio.sleep(0.2)
            ahead.append(sent - len(request.body))

    async with running(app, slowly) as api:
        answer = await api.invoke(event())

    assert len(answer.content) == 40_000_000
    assert max(ahead) < 15_000_000  # what the two sockets hold: on loopback some megabytes


async def test_the_app_sees_body_and_context() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.update(scope=scope, request=await receive())
        await hello(scope, receive, send)

    async with running(app) as api:
        request_id = api.send(event(httpMethod="POST", body='{"n": 1}'))
        await api.answer(request_id)

    assert seen["request"]["body"] == b'{"n": 1}'
    context = seen["scope"]["aws.context"]
    assert (context.aws_request_id, context.invoked_function_arn) == (request_id, ARN)
    assert 20_000 < context.get_remaining_time_in_millis() <= 30_000


async def test_the_trace_id_is_where_sdks_look_for_it() -> None:
    traces: list[str | None] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        traces.append(os.environ.get("_X_AMZN_TRACE_ID"))
        await hello(scope, receive, send)

    async with running(app) as api:
        await api.invoke(event(), headers={"Lambda-Runtime-Trace-Id": "Root=1-5bef;Sampled=1"})
        await api.invoke(event())

    assert traces == ["Root=1-5bef;Sampled=1", None]


async def test_an_event_may_come_in_chunks() -> None:
    bodies: list[bytes] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        bodies.append((await receive())["body"])
        await hello(scope, receive, send)

    given = json.dumps(event(body="x" * 300_000)).encode()
    pieces = (given[n : n + 100_000] for n in range(0, len(given), 100_000))
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    headers = {"Lambda-Runtime-Aws-Request-Id": "r-7", "Transfer-Encoding": "chunked"}

    async with running(app) as api:
        api.reply_to_next(reply(200, headers, chunked))
        await api.answer("r-7")

    assert bodies == [b"x" * 300_000]


async def test_a_connection_that_lambda_closes_after_an_event_is_replaced() -> None:
    async with running(hello) as api:
        await api.invoke(event(), headers={"Connection": "close"})

        assert (await api.invoke(event())).content == b"hello"


async def test_a_connection_that_was_dropped_while_idle_is_replaced() -> None:
    async with running(hello) as api:
        await api.invoke(event())
        api.reply_to_next(b"")

        assert (await api.invoke(event())).content == b"hello"


async def test_an_id_of_the_invocation_is_echoed() -> None:
    async with running(hello) as api:
        answer = await api.invoke(event(), headers={"Lambda-Runtime-Invocation-Id": "i-9"})

    assert answer.headers["lambda-runtime-invocation-id"] == "i-9"


async def test_all_events_run_on_one_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    async with running(app) as api:
        for _ in range(3):
            await api.invoke(event())

    assert len(loops) == 3
    assert len(set(loops)) == 1


async def test_tasks_that_are_left_end_before_the_next_event_is_asked_for() -> None:
    done: list[float] = []
    kept: set[asyncio.Task[None]] = set()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async def work(steps: int) -> None:
            await asyncio.sleep(0.1)
            if steps:
                kept.add(asyncio.create_task(work(steps - 1)))
            else:
                done.append(time.monotonic())

        kept.add(asyncio.create_task(work(2)))
        await hello(scope, receive, send)

    async with running(app) as api:
        await api.invoke(event())
        assert not done  # the client does not wait for it
        await api.idle(2)

        assert done[0] <= api.asked[1]


async def test_tasks_that_would_outlive_the_deadline_are_ended(logged: Any) -> None:
    ended: list[str] = []
    kept: set[asyncio.Task[None]] = set()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async def forever() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("so it was")

        kept.add(asyncio.create_task(forever()))
        await hello(scope, receive, send)

    async with running(app, margin=0.4) as api:
        began = time.monotonic()
        request_id = api.send(event(), seconds=0.8)
        await api.idle(2)

        assert ended
        assert 0.2 < api.asked[1] - began < 0.8
        (line,) = logged.of(request_id)
        assert line["message"] == "tasks are ended before the deadline"


async def test_a_reader_that_went_away_does_not_end_the_app(logged: Any) -> None:
    got: list[Message] = []
    sent: list[int] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        for n in range(20):
            await asyncio.sleep(0.01)
            await send(body(b"%d" % n))
            sent.append(n)
        got.append(await receive())

    async def leaving(request: Request) -> None:
        if len(request.chunks) == 3:
            raise Gone

    async with running(app, leaving) as api:
        request_id = api.send(event())
        await api.idle(2)

        assert sent[-1] == 19
        assert got == [{"type": "http.disconnect"}]
        (line,) = logged.of(request_id)
        assert line["message"] == "Lambda did not take the whole answer"


async def test_nothing_is_logged_of_what_goes_well(logged: Any) -> None:
    async with running(hello) as api:
        request_id = api.send(event())
        await api.answer(request_id)
        await api.idle(2)

        assert logged.of(request_id) == []

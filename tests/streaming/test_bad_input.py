"""What goes wrong ends in a report to Lambda, a line with the request id, and the next event."""

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

import pytest

from streaming.adapter import ASGIApp, Receive, Send
from streaming.response import METADATA_LIMIT
from tests.streaming.runtime_api import (
    END,
    Answered,
    FakeRuntimeApi,
    Gone,
    Request,
    body,
    event,
    reply,
    running,
    start,
)

SECRET = "what a user wrote"


async def well(api: FakeRuntimeApi) -> bool:
    """Whether the runtime serves the next event."""
    api.statuses.clear()
    return (await api.invoke(event(path="/well"))).content == b"well"


def failing(app: ASGIApp) -> ASGIApp:
    """An app that answers /well, and does anything else as `app`."""

    async def both(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] != "/well":
            await app(scope, receive, send)
            return
        await send(start())
        await send(body(b"well", more=False))

    return both


async def test_an_app_that_raises_before_its_first_byte(logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise LookupError(SECRET)

    async with running(app) as api:
        request_id = api.send(event())
        answer = await api.answer(request_id)

        assert answer.path == f"invocation/{request_id}/error"
        assert answer.headers["lambda-runtime-function-error-type"] == "LookupError"
        assert answer.error["errorType"] == "LookupError"
        assert __file__ in answer.error["errorMessage"]
        assert __file__ in answer.error["stackTrace"][-1]
        assert SECRET not in answer.body.decode() + logged.text
        (line,) = logged.of(request_id)
        assert (line["level"], line["errorType"]) == ("ERROR", "LookupError")
        assert await well(api)


async def test_an_app_that_raises_after_its_first_byte(logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"so far"))
        raise LookupError(SECRET)

    async with running(app) as api:
        request_id = api.send(event())
        answer = await api.answer(request_id)

        assert answer.path == f"invocation/{request_id}/response"
        assert answer.content == b"so far"
        assert answer.trailers["lambda-runtime-function-error-type"] == "LookupError"
        report = base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]).decode()
        assert json.loads(report)["errorType"] == "LookupError"
        assert set(json.loads(report)) == {"errorMessage", "errorType", "stackTrace"}
        assert SECRET not in report + logged.text
        (line,) = logged.of(request_id)
        assert line["started"] is True
        assert await well(api)


async def test_an_app_that_returns_without_a_word(logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()

    async with running(app) as api:
        request_id = api.send(event())

        assert (await api.answer(request_id)).error["errorType"] == "RuntimeError"
        assert len(logged.of(request_id)) == 1
        assert await well(api)


async def test_an_app_that_stops_halfway(logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"and then"))

    async with running(app) as api:
        request_id = api.send(event())
        answer = await api.answer(request_id)

        assert answer.trailers["lambda-runtime-function-error-type"] == "RuntimeError"
        assert len(logged.of(request_id)) == 1
        assert await well(api)


@pytest.mark.parametrize("first", [False, True])
async def test_an_app_that_would_never_send_is_ended_before_the_deadline(
    first: bool, logged: Any
) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if first:
            await send(start())
        await asyncio.sleep(60)

    async with running(app, margin=0.4) as api:
        request_id = api.send(event(), seconds=0.7)
        answer = await api.answer(request_id)

        reported = answer.trailers if first else answer.headers
        assert reported["lambda-runtime-function-error-type"] == "Runtime.OutOfTime"
        assert len(logged.of(request_id)) == 1
        assert await well(api)


async def test_an_app_that_does_not_want_to_end_does_not_hold_up_the_next_event() -> None:
    over = False

    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while not over:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async with running(app, margin=0.4) as api:
        assert (await api.invoke(event(), seconds=0.7)).error["errorType"] == "Runtime.OutOfTime"
        assert await well(api)
        over = True


async def test_what_is_sent_after_the_end_goes_nowhere() -> None:
    late: list[asyncio.Task[None]] = []

    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async def talking() -> None:
            await asyncio.sleep(0.05)
            await send(body(b"too late"))

        late.append(asyncio.create_task(talking()))
        await send(start())
        await send(body(b"end", more=False))
        await send(body(b"too late"))
        await send(start(500))

    async with running(app) as api:
        answer = await api.invoke(event())
        assert await well(api)

        assert answer.content == b"end"
        assert late[0].done()
        assert late[0].exception() is None


async def test_a_response_that_starts_after_its_error_goes_nowhere() -> None:
    late: list[asyncio.Task[None]] = []

    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async def starting() -> None:
            await asyncio.sleep(0.05)
            await send(start())
            await send(END)

        late.append(asyncio.create_task(starting()))
        raise LookupError

    async with running(app) as api:
        request_id = api.send(event())
        await api.answer(request_id)
        assert await well(api)

        (only,) = (each for each in api.requests if request_id in each.path)
        assert only.path.endswith("/error")


async def test_headers_that_api_gateway_would_not_take(logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"x-long", b"x" * METADATA_LIMIT)))
        await send(END)

    async with running(app) as api:
        request_id = api.send(event())

        assert (await api.answer(request_id)).error["errorType"] == "MetadataTooLarge"
        assert await well(api)


@pytest.mark.parametrize(
    "content",
    [{}, [], None, "text", 7, {"Records": []}, {"version": "2.0", "requestContext": {"http": {}}}],
)
async def test_an_event_of_an_unknown_shape_is_an_error(content: Any, logged: Any) -> None:
    """Not a 400, which would count as a success: a queue would drop the message."""

    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("must not be called")

    async with running(app) as api:
        request_id = api.send(content)
        answer = await api.answer(request_id)

        assert answer.error["errorType"] == "Runtime.UnknownEvent"
        assert len(logged.of(request_id)) == 1
        assert await well(api)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xff", b"[" * 100_000])
async def test_an_event_that_is_not_json_is_an_error(content: bytes, logged: Any) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("must not be called")

    async with running(app) as api:
        request_id = api.send(content)

        assert (await api.answer(request_id)).error["errorType"] == "Runtime.UnmarshalError"
        assert len(logged.of(request_id)) == 1
        assert await well(api)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": None, "multiValueHeaders": {"Host": ["a:b:c"]}},
        {"body": "x", "isBase64Encoded": True},
        {"requestContext": None},
    ],
)
async def test_a_request_that_cannot_be_read_is_a_400(fields: Any, logged: Any) -> None:
    """API Gateway hands it on to a client."""

    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("must not be called")

    async with running(app) as api:
        request_id = api.send(event(**fields))
        answer = await api.answer(request_id)

        assert answer.metadata["statusCode"] == 400
        assert json.loads(answer.content) == {"message": "Bad Request", "requestId": request_id}
        assert len(logged.of(request_id)) == 1
        assert await well(api)


@pytest.mark.parametrize("name", ["Client-Context", "Cognito-Identity"])
@pytest.mark.parametrize("value", ["{", "[]", "7"])
async def test_a_context_that_is_not_json_is_an_error(name: str, value: str) -> None:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("must not be called")

    async with running(app) as api:
        answer = await api.invoke(event(), headers={f"Lambda-Runtime-{name}": value})

        assert answer.error["errorType"] == "Runtime.UnmarshalError"
        assert await well(api)


def talkative(sent: list[int]) -> ASGIApp:
    @failing
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        for n in range(10):
            await asyncio.sleep(0.01)
            await send(body(b"%d" % n))
            sent.append(n)
        await send(END)

    return app


@pytest.mark.parametrize("early", [False, True])
async def test_a_413_ends_that_response_only(early: bool, logged: Any) -> None:
    sent: list[int] = []

    async def full(request: Request) -> None:
        if early and "/well" not in request.path and len(request.chunks) == 3:
            raise Answered(413)

    async with running(talkative(sent), full) as api:
        api.statuses["response"] = 413
        request_id = api.send(event())
        await api.idle(2)
        api.reading = lambda request: asyncio.sleep(0)

        assert sent[-1] == 9  # the app does not notice
        (line,) = logged.of(request_id)
        assert line["status"] == 413
        assert await well(api)


@pytest.mark.parametrize("early", [False, True])
async def test_a_5xx_to_a_response_ends_the_runtime_once_the_app_is_done(
    early: bool, logged: Any
) -> None:
    sent: list[int] = []

    async def failing_container(request: Request) -> None:
        if early and len(request.chunks) == 3:
            raise Answered(500)

    async with running(talkative(sent), failing_container) as api:
        api.statuses["response"] = 500
        request_id = api.send(event())
        assert api.serving

        assert await asyncio.wait_for(asyncio.shield(api.serving), 5) == 1
        assert sent[-1] == 9
        assert logged.of(request_id)[-1]["status"] == 500
        assert len(api.asked) == 1


async def test_a_5xx_to_an_error_ends_the_runtime(logged: Any) -> None:
    async with running(failing(None)) as api:  # type: ignore[arg-type]
        api.statuses["error"] = 500
        request_id = api.send(event())
        assert api.serving

        assert await asyncio.wait_for(asyncio.shield(api.serving), 5) == 1
        assert logged.of(request_id)[-1]["status"] == 500


async def test_a_403_to_an_error_is_logged(logged: Any) -> None:
    async with running(failing(None)) as api:  # type: ignore[arg-type]
        api.statuses["error"] = 403
        request_id = api.send(event())
        await api.answer(request_id)
        await api.idle(2)

        assert logged.of(request_id)[-1]["status"] == 403
        assert await well(api)


async def test_a_hang_up_in_the_middle_of_a_response(logged: Any) -> None:
    sent: list[int] = []

    async def leaving(request: Request) -> None:
        if len(request.chunks) == 3:
            raise Gone

    async with running(talkative(sent), leaving) as api:
        request_id = api.send(event())
        await api.idle(2)

        assert sent[-1] == 9
        (line,) = logged.of(request_id)
        assert line["errorType"] in ("HungUp", "ConnectionResetError")
        assert await well(api)


async def test_no_reply_to_a_response_is_not_waited_for_beyond_the_deadline(logged: Any) -> None:
    async with running(talkative([])) as api:
        api.statuses["response"] = None
        request_id = api.send(event(), seconds=1)
        await api.idle(2)

        (line,) = logged.of(request_id)
        assert line["errorType"] == "TimeoutError"
        assert await well(api)


@pytest.mark.parametrize(
    "raw",
    [
        reply(500, {"Content-Length": "2"}, b"{}"),
        reply(403, {"Content-Length": "2"}, b"{}"),
        reply(200, {"Content-Length": "2"}, b"{}"),  # no request id
        b"",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_without_a_next_event_the_runtime_exits(raw: bytes, logged: Any) -> None:
    async with running(failing(None)) as api:  # type: ignore[arg-type]
        for _ in range(2):
            api.reply_to_next(raw)
        api.reply_to_next(b"")
        assert api.serving

        assert await asyncio.wait_for(asyncio.shield(api.serving), 5) == 1
        assert logged.all[-1]["message"] == "no next event"

"""The HTTP provider against a scripted server: bytes however they are cut, and every way to
fail.
"""

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Text, Usage
from reprise.llm.connections import IDLE
from reprise.llm.openai_compatible import OpenAICompatible, parse_retry_after
from reprise.llm.protocol import Finished, ModelEvent
from tests.llm.asking import ask, finish_of, question, text_of
from tests.upstream import (
    CUT,
    DONE,
    RESET,
    STALL,
    Reply,
    Step,
    Upstream,
    answer,
    chunk,
    pieces,
    sse,
    usage,
    whole,
)

KEY = "sk-or-secret"
HELLO = [Text("Hel"), Text("lo"), Finished("stop", Usage(5, 2))]


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


@pytest.fixture
async def provider(upstream: Upstream, clock: Clock) -> AsyncIterator[OpenAICompatible]:
    provider = OpenAICompatible(upstream.url, KEY, stall=0.2, now=clock)
    yield provider
    await provider.aclose()


async def failure(provider: OpenAICompatible) -> tuple[list[ModelEvent], UpstreamFailed]:
    """What came before the provider failed, and how it did."""
    came: list[ModelEvent] = []

    async def collect() -> None:
        async for event in provider.stream(question("Hi")):
            came.append(event)

    with pytest.raises(UpstreamFailed) as failed:
        await collect()
    assert len(failed.value.reason) < 80
    assert "secret" not in "".join(traceback.format_exception(failed.value))
    return came, failed.value


async def test_an_answer_is_streamed(upstream: Upstream, provider: OpenAICompatible) -> None:
    upstream.enqueue(answer("Hel", "lo"))
    assert await ask(provider, question("Hi", model="openai/gpt-4")) == HELLO
    request = upstream.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.body["model"] == "openai/gpt-4"
    assert request.body["stream"] is True


async def test_a_text_comes_before_the_next_is_sent(
    upstream: Upstream, provider: OpenAICompatible
) -> None:
    gate = asyncio.Event()
    upstream.enqueue(Reply((sse(chunk("a")), gate, sse(chunk(finish="stop")), DONE)))
    async with aclosing(provider.stream(question("Hi"))) as events:
        assert await anext(events) == Text("a")
        gate.set()
        assert await anext(events) == Finished("stop")


STREAM = b"".join(step for step in answer("Hel", "lo").steps if isinstance(step, bytes))
UNICODE = "ünïcödé 🎈 日本\u2028語"


class TestBytes:
    """However a stream is written and cut, the same events come of it."""

    @pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
    async def test_cut_anywhere(
        self, upstream: Upstream, provider: OpenAICompatible, size: int
    ) -> None:
        upstream.enqueue(Reply(pieces(STREAM, size)))
        assert await ask(provider, question("Hi")) == HELLO

    async def test_cut_within_the_frames_of_http(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        head = (
            b"HTTP/1.1 200 OK\r\n"
            b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces(STREAM, 11))
        upstream.enqueue(Reply(pieces(head + body + b"0\r\n\r\n", 3), bare=True))
        assert await ask(provider, question("Hi")) == HELLO

    async def test_cut_within_characters(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        raw = f"data: {json.dumps(chunk(UNICODE), ensure_ascii=False)}\n\n".encode()
        upstream.enqueue(Reply((*pieces(raw, 1), sse(chunk(finish="stop")), DONE)))
        assert text_of(await ask(provider, question("Hi"))) == UNICODE

    async def test_a_pair_of_surrogates_cut_in_two(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(answer("\ud83c", "\udf88"))
        assert text_of(await ask(provider, question("Hi"))) == "🎈"

    @pytest.mark.parametrize(
        "alter",
        [
            pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="CRLF"),
            pytest.param(lambda data: data.replace(b"\n", b"\r"), id="CR"),
            pytest.param(lambda data: data.replace(b"data: ", b"data:"), id="no space"),
            pytest.param(
                lambda data: data.replace(b"data", b": OPENROUTER PROCESSING\n\ndata"),
                id="comments",
            ),
            pytest.param(lambda data: data.replace(b"data", b"id: 1\nevent: x\ndata"), id="fields"),
            pytest.param(lambda data: data.replace(b'{"id"', b'{\ndata: "id"'), id="two lines"),
            pytest.param(lambda data: data.replace(DONE, b""), id="no [DONE]"),
            pytest.param(lambda data: data + sse(chunk("more")), id="more after [DONE]"),
        ],
    )
    @pytest.mark.parametrize("size", [1, 10_000])
    async def test_written_otherwise(
        self,
        upstream: Upstream,
        provider: OpenAICompatible,
        alter: Callable[[bytes], bytes],
        size: int,
    ) -> None:
        upstream.enqueue(Reply(pieces(alter(STREAM), size)))
        assert await ask(provider, question("Hi")) == HELLO

    async def test_sent_without_a_length_until_the_connection_closes(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        upstream.enqueue(Reply((head, STREAM, CUT), bare=True))
        assert await ask(provider, question("Hi")) == HELLO

    async def test_declared_to_be_in_another_charset(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        raw = f"data: {json.dumps(chunk(UNICODE, finish='stop'), ensure_ascii=False)}\n\n".encode()
        headers = {"Content-Type": "text/event-stream; charset=iso-8859-1"}
        upstream.enqueue(Reply((raw,), headers=headers))
        assert text_of(await ask(provider, question("Hi"))) == UNICODE

    async def test_a_server_that_does_not_stream(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        message = {"role": "assistant", "content": "Hello"}
        completion = {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1},
        }
        upstream.enqueue(whole(completion))
        assert await ask(provider, question("Hi")) == [
            Text("Hello"),
            Finished("length", Usage(5, 1)),
        ]


class TestRefusals:
    """Failures before there is an answer."""

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
    async def test_an_upstream_that_cannot_now_may_be_asked_again(
        self, upstream: Upstream, provider: OpenAICompatible, status: int
    ) -> None:
        upstream.enqueue(whole({"error": {"message": "secret"}}, status=status))
        _, failed = await failure(provider)
        assert failed.retryable
        assert not failed.refused
        assert str(status) in failed.reason

    @pytest.mark.parametrize("status", [307, 400, 401, 402, 403, 404, 413, 422])
    async def test_an_upstream_that_will_not_is_not_asked_again(
        self, upstream: Upstream, provider: OpenAICompatible, status: int
    ) -> None:
        upstream.enqueue(whole({"error": {"message": "secret"}}, status=status))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert failed.refused

    async def test_it_says_when_to_ask_again(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(whole({}, status=429, headers={"Retry-After": "7"}))
        _, failed = await failure(provider)
        assert failed.retry_after == 7.0

    async def test_a_refusal_leaves_the_connection_open(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(whole({}, status=429), answer("Hel", "lo"))
        await failure(provider)
        assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 1

    async def test_a_refusal_that_never_ends_is_not_waited_for(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((b"{", STALL), status=503))
        _, failed = await asyncio.wait_for(failure(provider), 2)
        assert failed.retryable

    async def test_nobody_listening(self) -> None:
        with socket.socket() as taken:  # bound, but not listening
            taken.bind(("127.0.0.1", 0))
            provider = OpenAICompatible(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", KEY)
            _, failed = await failure(provider)
        assert failed.retryable
        await provider.aclose()

    @pytest.mark.parametrize("kind", ["text/html", "text/plain", ""])
    async def test_a_page_is_no_answer(
        self, upstream: Upstream, provider: OpenAICompatible, kind: str
    ) -> None:
        upstream.enqueue(Reply((b"<html>secret</html>",), headers={"Content-Type": kind}))
        _, failed = await failure(provider)
        assert not failed.retryable

    async def test_an_error_with_status_200(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(whole({"error": {"code": 429, "message": "secret"}}))
        _, failed = await failure(provider)
        assert failed.retryable

    async def test_something_that_is_not_http(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((b"secret\r\n\r\n", CUT), bare=True))
        _, failed = await failure(provider)
        assert not failed.retryable

    async def test_silence_is_not_safe_to_ask_again(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((STALL,), bare=True))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert not failed.refused


@pytest.mark.parametrize("end", [CUT, RESET])
class TestConnectionsThatEndWithoutAnAnswer:
    async def test_on_a_kept_one_the_request_never_arrived(
        self, upstream: Upstream, provider: OpenAICompatible, end: Step
    ) -> None:
        upstream.enqueue(answer("Hel", "lo"), Reply((end,), bare=True), answer("Hel", "lo"))
        await ask(provider, question("Hi"))
        _, failed = await failure(provider)
        assert failed.retryable
        assert upstream.connections == 1
        assert await ask(provider, question("Hi")) == HELLO

    async def test_on_a_new_one_it_may_have_been_worked_on(
        self, upstream: Upstream, provider: OpenAICompatible, end: Step
    ) -> None:
        upstream.enqueue(Reply((end,), bare=True))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert not failed.refused


class TestAnswersThatBreakOff:
    @pytest.mark.parametrize("end", [CUT, RESET, STALL, b""])
    async def test_after_some_text_what_came_is_kept(
        self, upstream: Upstream, provider: OpenAICompatible, end: Step
    ) -> None:
        steps = (sse(chunk("Hel")), 0.01) + ((end,) if end else ())
        upstream.enqueue(Reply(steps))
        came, failed = await failure(provider)
        assert came == [Text("Hel")]
        assert not failed.retryable

    @pytest.mark.parametrize("end", [CUT, RESET, STALL])
    async def test_even_before_any_text_it_is_not_safe_to_ask_again(
        self, upstream: Upstream, provider: OpenAICompatible, end: Step
    ) -> None:
        upstream.enqueue(Reply((b": OPENROUTER PROCESSING\n\n", 0.01, end)))
        _, failed = await failure(provider)
        assert not failed.retryable

    async def test_an_error_in_the_stream(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        error = chunk(finish="error", error={"code": 502, "message": "secret"})
        upstream.enqueue(Reply((sse(chunk("Hel")), sse(error), DONE)))
        came, failed = await failure(provider)
        assert came == [Text("Hel")]
        assert not failed.retryable

    async def test_nonsense_in_the_stream(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((sse(chunk("Hel")), b'data: {"secret"\n\n', DONE)))
        came, _ = await failure(provider)
        assert came == [Text("Hel")]

    @pytest.mark.parametrize("end", [CUT, RESET, STALL])
    async def test_after_the_finish_reason_the_answer_is_whole(
        self, upstream: Upstream, provider: OpenAICompatible, end: Step
    ) -> None:
        upstream.enqueue(Reply((sse(chunk("Hel", finish="stop")), 0.01, end)))
        assert await ask(provider, question("Hi")) == [Text("Hel"), Finished("stop")]

    async def test_comments_break_the_silence(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        comments: list[Step] = [b": OPENROUTER PROCESSING\n\n", 0.1] * 4
        upstream.enqueue(Reply((*comments, sse(chunk("a", finish="stop")), DONE)))
        assert text_of(await ask(provider, question("Hi"))) == "a"


class TestConnections:
    async def test_the_next_request_uses_the_same(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")
        for _ in range(3):
            assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 1

    async def test_one_that_was_closed_meanwhile_is_not_used(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        head = f"HTTP/1.1 429 Later\r\nContent-Length: {len(STREAM)}\r\n\r\n".encode()
        upstream.enqueue(Reply((head + STREAM, CUT), bare=True), answer("Hel", "lo"))
        await failure(provider)
        await asyncio.sleep(0.02)
        assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 2

    @pytest.mark.parametrize("jump", [IDLE + 1, -IDLE - 1])
    async def test_after_a_jump_of_the_wall_clock_it_is_not_trusted(
        self, upstream: Upstream, provider: OpenAICompatible, clock: Clock, jump: float
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")
        await ask(provider, question("Hi"))
        clock.time += jump
        assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 2

    async def test_a_jump_does_not_end_an_answer_that_is_under_way(
        self, upstream: Upstream, provider: OpenAICompatible, clock: Clock
    ) -> None:
        gate = asyncio.Event()
        upstream.enqueue(Reply((sse(chunk("a")), gate, sse(chunk(finish="stop")), DONE)))
        upstream.enqueue(answer("Hel", "lo"))
        async with aclosing(provider.stream(question("Hi"))) as events:
            await anext(events)
            clock.time += IDLE + 1
            assert await ask(provider, question("Hi")) == HELLO
            gate.set()
            assert await anext(events) == Finished("stop")

    async def test_closing_the_stream_ends_the_call(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((sse(chunk("a")), STALL)))
        events = provider.stream(question("Hi"))
        await anext(events)
        await events.aclose()
        await asyncio.wait_for(upstream.requests[0].gone.wait(), 1)

    async def test_cancelling_the_task_ends_the_call(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        upstream.enqueue(Reply((STALL,), bare=True))
        task = asyncio.create_task(ask(provider, question("Hi")))
        await upstream.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(upstream.requests[0].gone.wait(), 1)

    async def test_an_end_that_does_not_come_is_not_waited_for(
        self, upstream: Upstream, provider: OpenAICompatible
    ) -> None:
        provider = OpenAICompatible(upstream.url, KEY, stall=30)
        upstream.enqueue(Reply((*answer("Hel", "lo").steps, STALL)))
        assert await asyncio.wait_for(ask(provider, question("Hi")), 2) == HELLO
        await provider.aclose()

    async def test_a_proxy_from_the_environment_does_not_get_what_is_for_this_machine(
        self, upstream: Upstream, provider: OpenAICompatible, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        upstream.enqueue(answer("Hel", "lo"))
        assert await ask(provider, question("Hi")) == HELLO


def test_each_event_loop_has_connections_of_its_own() -> None:
    with Upstream(lambda _: answer("Hel", "lo")) as upstream:
        provider = OpenAICompatible(upstream.url, KEY)

        async def ask_twice() -> None:
            for _ in range(2):
                assert await ask(provider, question("Hi")) == HELLO
            await provider.aclose()

        asyncio.run(ask_twice())
        asyncio.run(ask_twice())
    assert upstream.connections == 2


async def test_usage_after_the_finish_reason_is_waited_for(
    upstream: Upstream, provider: OpenAICompatible
) -> None:
    upstream.enqueue(Reply((sse(chunk("a", finish="stop")), 0.05, sse(usage(3, 1)), DONE)))
    assert finish_of(await ask(provider, question("Hi"))).usage == Usage(3, 1)


NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("1.5", 1.5),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("", None),
        ("-1", None),
        ("inf", None),
        ("soon", None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
        ("1" * 400, None),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds

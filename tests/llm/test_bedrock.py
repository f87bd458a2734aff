"""The Bedrock provider against a scripted server: the SDK is real, and so are the bytes."""

import asyncio
import socket
import threading
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Text, ToolCall, Usage
from reprise.llm.bedrock import IDLE, Bedrock
from reprise.llm.protocol import Finished, ModelEvent, Tool
from tests.llm.asking import ask, finish_of, question, text_of
from tests.llm.event_stream import (
    START,
    answer,
    error,
    exception,
    frame,
    frames,
    reply,
    stop,
    text,
    tool,
    usage,
)
from tests.upstream import CUT, RESET, STALL, Reply, Step, Upstream, pieces

HELLO = [Text("Hel"), Text("lo"), Finished("stop", Usage(5, 2))]
NOVA = "us.amazon.nova-pro-v1:0"
WEATHER = Tool("weather", "The weather now.", {"type": "object", "properties": {}})
ENDPOINT = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"


class Clock:
    """A wall clock that is set by hand."""

    time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "bedrock"]


async def no_threads() -> None:
    """Waits until no call has a thread any more."""
    async with asyncio.timeout(2):
        while threads():
            await asyncio.sleep(0.01)


@pytest.fixture
async def upstream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{upstream.port}")
        yield upstream
        await no_threads()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def provider(upstream: Upstream, clock: Clock) -> AsyncIterator[Bedrock]:
    provider = Bedrock("eu-north-1", stall=1.5, now=clock)
    yield provider
    await provider.aclose()


async def failure(provider: Bedrock, **more: Any) -> tuple[list[ModelEvent], UpstreamFailed]:
    """What came before the provider failed, and how it did."""
    came: list[ModelEvent] = []

    async def collect() -> None:
        async for event in provider.stream(question("Hi", **more)):
            came.append(event)

    with pytest.raises(UpstreamFailed) as failed:
        await collect()
    assert len(failed.value.reason) < 80
    assert "secret" not in "".join(traceback.format_exception(failed.value))
    return came, failed.value


async def test_an_answer_is_streamed(upstream: Upstream, provider: Bedrock) -> None:
    upstream.enqueue(answer("Hel", "lo"))
    request = question("Hi", model=NOVA, instructions="Be brief.", max_tokens=9, tools=(WEATHER,))
    assert await ask(provider, request) == HELLO
    asked = upstream.requests[0]
    assert (asked.method, asked.path) == (
        "POST",
        "/model/us.amazon.nova-pro-v1%3A0/converse-stream",
    )
    assert "/eu-north-1/bedrock/aws4_request" in asked.headers["authorization"]
    assert asked.body["system"] == [{"text": "Be brief."}]
    assert asked.body["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]
    assert asked.body["inferenceConfig"] == {"maxTokens": 9}
    assert asked.body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "weather"


async def test_a_tool_call_is_put_together(upstream: Upstream, provider: Bedrock) -> None:
    call = tool("weather", '{"ci', 'ty": "Oslo"}')
    upstream.enqueue(reply(START, text("Let me look."), *call, stop("tool_use"), usage()))
    assert await ask(provider, question("Rain?", tools=(WEATHER,))) == [
        Text("Let me look."),
        ToolCall("tooluse_1", "weather", {"city": "Oslo"}),
        Finished("tool-calls", Usage(5, 2)),
    ]


class TestTime:
    async def test_a_text_comes_before_the_next_is_sent(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        gate = asyncio.Event()
        upstream.enqueue(reply(START, text("a"), gate, stop(), usage()))
        async with aclosing(provider.stream(question("Hi"))) as events:
            assert await anext(events) == Text("a")
            gate.set()
            assert await anext(events) == Finished("stop", Usage(5, 2))

    async def test_the_event_loop_goes_on_meanwhile(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        await self.warm(upstream, provider)
        texts = [step for _ in range(10) for step in (0.03, text("a"))]
        upstream.enqueue(reply(START, *texts, stop(), usage()))
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticker = asyncio.create_task(tick())
        assert text_of(await ask(provider, question("Hi"))) == "a" * 10
        ticker.cancel()
        assert ticks > 50

    async def test_answers_come_at_once_and_not_one_after_the_other(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        await self.warm(upstream, provider)
        gate = asyncio.Event()
        count = 20
        upstream.otherwise = lambda _: reply(START, gate, *frames("Hel", "lo")[1:])
        asking = [asyncio.create_task(ask(provider, question("Hi"))) for _ in range(count)]
        async with asyncio.timeout(5):
            while len(upstream.requests) < 1 + count:
                await asyncio.sleep(0.01)
        gate.set()
        assert await asyncio.gather(*asking) == [HELLO] * count

    @staticmethod
    async def warm(upstream: Upstream, provider: Bedrock) -> None:
        """Making the SDK's client takes long, and Python's lock with it."""
        upstream.enqueue(answer("Hel", "lo"))
        assert await ask(provider, question("Hi")) == HELLO


STREAM = b"".join(frames("ünïcödé 🎈", "日本\u2028語"))


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_however_a_stream_is_cut_the_same_comes_of_it(
    upstream: Upstream, provider: Bedrock, size: int
) -> None:
    upstream.enqueue(reply(*pieces(STREAM, size)))
    assert text_of(await ask(provider, question("Hi"))) == "ünïcödé 🎈日本\u2028語"


async def test_events_that_are_new_are_passed_over(upstream: Upstream, provider: Bedrock) -> None:
    new = frame({":message-type": "event", ":event-type": "messageMood"}, {"mood": "good"})
    start, *rest = frames("Hel", "lo")
    upstream.enqueue(reply(start, new, *rest))
    assert await ask(provider, question("Hi")) == HELLO


class TestRefusals:
    """Failures before there is an answer."""

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("ThrottlingException", 429),
            ("ModelNotReadyException", 429),
            ("InternalServerException", 500),
            ("ServiceUnavailableException", 503),
        ],
    )
    async def test_one_that_cannot_now_may_be_asked_again(
        self, upstream: Upstream, provider: Bedrock, code: str, status: int
    ) -> None:
        upstream.enqueue(error(code, status))
        _, failed = await failure(provider)
        assert failed.retryable
        assert code in failed.reason
        assert len(upstream.requests) == 1  # retries are the engine's

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("ValidationException", 400),
            ("AccessDeniedException", 403),
            ("ResourceNotFoundException", 404),
        ],
    )
    async def test_one_that_will_not_is_not_asked_again(
        self, upstream: Upstream, provider: Bedrock, code: str, status: int
    ) -> None:
        upstream.enqueue(error(code, status))
        _, failed = await failure(provider)
        assert failed.refused
        assert not failed.retryable

    async def test_one_that_took_too_long_may_have_answered(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.enqueue(error("ModelTimeoutException", 408))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert not failed.refused

    async def test_a_page_is_no_answer(self, upstream: Upstream, provider: Bedrock) -> None:
        upstream.enqueue(Reply((b"<html>secret</html>",), status=502))
        _, failed = await failure(provider)
        assert failed.retryable

    async def test_a_refusal_leaves_the_connection_open(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.enqueue(error("ThrottlingException", 429), answer("Hel", "lo"))
        await failure(provider)
        assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 1

    async def test_nobody_listening(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:  # bound, but not listening
            taken.bind(("127.0.0.1", 0))
            monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{taken.getsockname()[1]}")
            _, failed = await failure(Bedrock("us-east-1"))
        assert failed.retryable

    async def test_no_credentials(
        self, upstream: Upstream, provider: Bedrock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        _, failed = await failure(provider)
        assert failed.refused
        assert not upstream.requests

    async def test_parameters_that_the_sdk_does_not_take(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        _, failed = await failure(provider, model="")
        assert failed.refused
        assert not upstream.requests

    async def test_silence_is_not_safe_to_ask_again(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.enqueue(Reply((STALL,), bare=True))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert not failed.refused

    @pytest.mark.parametrize("kind", ["throttlingException", "serviceUnavailableException"])
    async def test_an_error_as_the_first_event_may_be_asked_again(
        self, upstream: Upstream, provider: Bedrock, kind: str
    ) -> None:
        upstream.enqueue(reply(START, exception(kind)))
        came, failed = await failure(provider)
        assert not came
        assert failed.retryable

    async def test_a_refusal_as_the_first_event(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.enqueue(reply(exception("validationException")))
        _, failed = await failure(provider)
        assert failed.refused


@pytest.mark.parametrize("end", [CUT, RESET])
class TestConnectionsThatEndWithoutAnAnswer:
    async def test_on_a_kept_one_the_request_never_arrived(
        self, upstream: Upstream, provider: Bedrock, end: Step
    ) -> None:
        upstream.enqueue(answer("Hel", "lo"), Reply((end,), bare=True), answer("Hel", "lo"))
        await ask(provider, question("Hi"))
        _, failed = await failure(provider)
        assert failed.retryable
        assert upstream.connections == 1
        assert await ask(provider, question("Hi")) == HELLO

    async def test_on_a_new_one_it_may_have_been_worked_on(
        self, upstream: Upstream, provider: Bedrock, end: Step
    ) -> None:
        upstream.enqueue(Reply((end,), bare=True))
        _, failed = await failure(provider)
        assert not failed.retryable
        assert not failed.refused


class TestAnswersThatBreakOff:
    @pytest.mark.parametrize(
        "kind",
        [
            "internalServerException",
            "modelStreamErrorException",
            "modelTimeoutException",
            "serviceUnavailableException",
            "throttlingException",
            "validationException",
        ],
    )
    async def test_with_an_error_in_the_stream(
        self, upstream: Upstream, provider: Bedrock, kind: str
    ) -> None:
        upstream.enqueue(reply(START, text("Hel"), exception(kind)))
        came, failed = await failure(provider)
        assert came == [Text("Hel")]
        assert not failed.retryable
        assert not failed.refused

    async def test_with_an_error_that_has_no_kind(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        headers = {":message-type": "error", ":error-code": "Oops", ":error-message": "secret"}
        upstream.enqueue(reply(START, frame(headers, {})))
        _, failed = await failure(provider)
        assert not failed.retryable

    @pytest.mark.parametrize("end", [CUT, RESET, STALL, None])
    @pytest.mark.parametrize("length", [11, 40, 0])
    async def test_within_a_frame_or_after_it(
        self, upstream: Upstream, provider: Bedrock, length: int, end: Step | None
    ) -> None:
        steps = [START, text("Hel"), text("lo")[:length] or None, 0.01, end]
        upstream.enqueue(reply(*(step for step in steps if step is not None)))
        came, failed = await failure(provider)
        assert came == [Text("Hel")]
        assert not failed.retryable

    @pytest.mark.parametrize("end", [CUT, RESET, STALL])
    async def test_even_before_any_text_it_is_not_safe_to_ask_again(
        self, upstream: Upstream, provider: Bedrock, end: Step
    ) -> None:
        upstream.enqueue(reply(START, 0.01, end))
        _, failed = await failure(provider)
        assert not failed.retryable

    @pytest.mark.parametrize("flipped", [3, 30, -1])
    async def test_with_a_checksum_that_is_wrong(
        self, upstream: Upstream, provider: Bedrock, flipped: int
    ) -> None:
        damaged = bytearray(text("lo"))
        damaged[flipped] ^= 1
        upstream.enqueue(reply(START, text("Hel"), bytes(damaged), stop(), usage()))
        came, failed = await failure(provider)
        assert came == [Text("Hel")]
        assert not failed.retryable

    @pytest.mark.parametrize("end", [CUT, RESET, STALL, None])
    async def test_after_the_stop_reason_the_answer_is_whole(
        self, upstream: Upstream, provider: Bedrock, end: Step | None
    ) -> None:
        upstream.enqueue(reply(START, text("a"), stop(), *([0.01, end] if end else [])))
        assert await ask(provider, question("Hi")) == [Text("a"), Finished("stop")]


class TestConnections:
    async def test_the_next_request_uses_the_same(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")
        for _ in range(3):
            assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 1

    @pytest.mark.parametrize("jump", [IDLE + 1, -IDLE - 1])
    async def test_after_a_jump_of_the_wall_clock_it_is_not_trusted(
        self, upstream: Upstream, provider: Bedrock, clock: Clock, jump: float
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")
        await ask(provider, question("Hi"))
        clock.time += jump
        assert await ask(provider, question("Hi")) == HELLO
        assert upstream.connections == 2

    async def test_a_jump_does_not_end_an_answer_that_is_under_way(
        self, upstream: Upstream, provider: Bedrock, clock: Clock
    ) -> None:
        gate = asyncio.Event()
        upstream.enqueue(reply(START, text("a"), gate, stop(), usage()), answer("Hel", "lo"))
        async with aclosing(provider.stream(question("Hi"))) as events:
            await anext(events)
            clock.time += IDLE + 1
            assert await ask(provider, question("Hi")) == HELLO
            gate.set()
            assert isinstance(await anext(events), Finished)

    async def test_an_end_that_does_not_come_is_not_waited_for(self, upstream: Upstream) -> None:
        upstream.enqueue(reply(*frames("Hel", "lo"), STALL))
        provider = Bedrock("us-east-1", stall=30)
        assert await asyncio.wait_for(ask(provider, question("Hi")), 2) == HELLO


class TestLeaving:
    """Whoever closes the stream ends the upstream's work and the thread, whatever they are at."""

    @pytest.fixture
    async def provider(self, upstream: Upstream) -> AsyncIterator[Bedrock]:
        provider = Bedrock("us-east-1", stall=30)
        yield provider
        await provider.aclose()

    async def test_in_the_middle_of_an_answer(self, upstream: Upstream, provider: Bedrock) -> None:
        upstream.enqueue(reply(START, text("a"), STALL))
        events = provider.stream(question("Hi"))
        await anext(events)
        assert len(threads()) == 1
        await events.aclose()
        await asyncio.wait_for(upstream.requests[0].gone.wait(), 1)
        await no_threads()

    async def test_before_the_upstream_says_anything(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.enqueue(Reply((STALL,), bare=True))
        task = asyncio.create_task(ask(provider, question("Hi")))
        await upstream.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(upstream.requests[0].gone.wait(), 1)
        await no_threads()

    async def test_before_the_request_is_sent(self, upstream: Upstream, provider: Bedrock) -> None:
        task = asyncio.create_task(ask(provider, question("Hi")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await no_threads()
        assert not upstream.requests

    async def test_leaves_the_answers_of_others_alone(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")

        async def leave_early() -> None:
            events = provider.stream(question("Hi"))
            await anext(events)
            await events.aclose()

        for _ in range(20):
            await asyncio.gather(leave_early(), leave_early(), self.whole(provider))

    @staticmethod
    async def whole(provider: Bedrock) -> None:
        assert await ask(provider, question("Hi")) == HELLO

    async def test_an_answer_that_ended_keeps_its_connection(
        self, upstream: Upstream, provider: Bedrock
    ) -> None:
        upstream.otherwise = lambda _: answer("Hel", "lo")
        for _ in range(3):
            async with aclosing(provider.stream(question("Hi"))) as events:
                assert finish_of([event async for event in events]).reason == "stop"
        assert upstream.connections == 1


def test_it_serves_one_event_loop_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with Upstream(lambda _: answer("Hel", "lo")) as upstream:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{upstream.port}")
        provider = Bedrock("us-east-1")
        for _ in range(2):
            assert asyncio.run(ask(provider, question("Hi"))) == HELLO
        asyncio.run(provider.aclose())


def test_a_loop_that_ends_first_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave() -> None:
        events = provider.stream(question("Hi"))
        await anext(events)

    with Upstream(lambda _: reply(START, text("a"), STALL)) as upstream:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{upstream.port}")
        provider = Bedrock("us-east-1", stall=30)
        asyncio.run(leave())
    asyncio.run(no_threads())

"""What every provider keeps to, whoever it is: see `reprise.llm.protocol.Provider`.

A new provider joins by a fixture that gives a `Subject`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from reprise.chat.messages import Text, ToolCall, ToolResult
from reprise.llm.bedrock import Bedrock
from reprise.llm.demo import Demo
from reprise.llm.openai_compatible import OpenAICompatible
from reprise.llm.protocol import Finished, ModelRequest, Provider, Tool
from tests.llm import event_stream
from tests.llm.asking import ask, finish_of, message, question, text_of
from tests.upstream import Upstream, answer


@dataclass(frozen=True)
class Subject:
    """A provider, and the id of a model that answers with a few words."""

    provider: Provider
    model: str


@pytest.fixture
async def subject(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Subject]:
    match request.param:
        case "demo":
            yield Subject(Demo(rate=0), "demo")
        case "openai-compatible":
            async with Upstream(lambda _: answer("One", " two", " three")) as upstream:
                provider = OpenAICompatible(upstream.url, "sk-test")
                yield Subject(provider, "openai/gpt-4o-mini")
                await provider.aclose()
        case "bedrock":
            scripted = event_stream.answer("One", " two", " three")
            async with Upstream(lambda _: scripted) as upstream:
                endpoint = f"http://127.0.0.1:{upstream.port}"
                monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", endpoint)
                bedrock = Bedrock("us-east-1")
                yield Subject(bedrock, "us.amazon.nova-pro-v1:0")
                await bedrock.aclose()
        case "litellm":
            proxy = request.getfixturevalue("litellm")
            provider = OpenAICompatible(proxy.url, proxy.key)
            yield Subject(provider, "mock/greeting")
            await provider.aclose()


pytestmark = pytest.mark.parametrize(
    "subject",
    [
        "demo",
        "openai-compatible",
        "bedrock",
        pytest.param("litellm", marks=pytest.mark.xdist_group("litellm")),
    ],
    indirect=True,
)


async def test_texts_come_first_and_one_finished_comes_last(subject: Subject) -> None:
    *texts, last = await ask(subject.provider, question("Hi", model=subject.model))
    assert len(texts) > 1
    assert all(isinstance(event, Text) and event.text for event in texts)
    assert isinstance(last, Finished)


async def test_texts_have_a_utf_8_form(subject: Subject) -> None:
    events = await ask(subject.provider, question("ünïcödé 🎈 \0", model=subject.model))
    assert text_of(events).encode()


async def test_an_answer_that_ends_by_itself_says_stop_and_what_it_took(subject: Subject) -> None:
    finished = finish_of(await ask(subject.provider, question("Hi", model=subject.model)))
    assert finished.reason == "stop"
    assert finished.usage
    assert finished.usage.input > 0
    assert finished.usage.output > 0


async def test_it_takes_all_that_a_request_may_hold(subject: Subject) -> None:
    weather = Tool("weather", "The weather now.", {"type": "object", "properties": {}})
    call, result = ToolCall("c", "weather", {"x": 1}), ToolResult("c", "weather", {"y": None})
    request = ModelRequest(
        model=subject.model,
        messages=[
            message("system", "Be kind."),
            message("user", "Rain?"),
            message("assistant", "Let me look.", call, result, "No."),
            message("user", "Sure?"),
        ],
        instructions="Be brief.",
        temperature=0.0,
        max_tokens=1000,
        tools=(weather,),
    )
    assert text_of(await ask(subject.provider, request))


async def test_it_can_be_left_in_the_middle_and_asked_again(subject: Subject) -> None:
    async with aclosing(subject.provider.stream(question("Hi", model=subject.model))) as events:
        first = await anext(events)
    assert isinstance(first, Text)
    assert await ask(subject.provider, question("Hi", model=subject.model))


async def test_answers_that_are_made_at_once_do_not_mix(subject: Subject) -> None:
    asked = question("Hi", model=subject.model)
    alone = text_of(await ask(subject.provider, asked))
    together = await asyncio.gather(*(ask(subject.provider, asked) for _ in range(5)))
    assert {text_of(events) for events in together} == {alone}

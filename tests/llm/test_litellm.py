"""The HTTP provider against LiteLLM's proxy: what a server that nobody here wrote really sends."""

from collections.abc import AsyncIterator

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Text, ToolCall
from reprise.llm.openai_compatible import OpenAICompatible
from reprise.llm.protocol import Finished, Tool
from tests.llm.asking import ask, finish_of, question, text_of
from tests.llm.litellm_proxy import GREETING, Proxy

pytestmark = pytest.mark.xdist_group("litellm")

WEATHER = Tool("weather", "The weather now.", {"type": "object", "properties": {}})


@pytest.fixture
async def provider(litellm: Proxy) -> AsyncIterator[OpenAICompatible]:
    provider = OpenAICompatible(litellm.url, litellm.key)
    yield provider
    await provider.aclose()


async def test_an_answer_comes_in_pieces(provider: OpenAICompatible) -> None:
    events = await ask(provider, question("Hi", model="mock/greeting"))
    assert text_of(events) == GREETING
    assert len([event for event in events if isinstance(event, Text)]) > 3


async def test_usage_is_reported(provider: OpenAICompatible) -> None:
    finished = finish_of(await ask(provider, question("Hi", model="mock/greeting")))
    assert finished.reason == "stop"
    assert finished.usage
    assert finished.usage.input > 0
    assert finished.usage.output > 0


async def test_tool_calls_are_put_together(provider: OpenAICompatible) -> None:
    events = await ask(provider, question("Rain?", model="relay/tools", tools=(WEATHER,)))
    assert events[:-1] == [ToolCall("call-1", "weather", {"city": "Oslo"})]
    assert finish_of(events).reason == "tool-calls"


@pytest.mark.parametrize("model", ["mock/limited", "mock/broken"])
async def test_a_server_that_cannot_now_may_be_asked_again(
    provider: OpenAICompatible, model: str
) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await ask(provider, question("Hi", model=model))
    assert failed.value.retryable


async def test_an_unknown_model_is_refused(provider: OpenAICompatible) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await ask(provider, question("Hi", model="acme/none"))
    assert failed.value.refused
    assert not failed.value.retryable


async def test_a_wrong_key_is_refused(litellm: Proxy) -> None:
    provider = OpenAICompatible(litellm.url, "sk-wrong")
    with pytest.raises(UpstreamFailed) as failed:
        await ask(provider, question("Hi", model="mock/greeting"))
    await provider.aclose()
    assert failed.value.refused
    assert not failed.value.retryable


async def test_a_second_question_finds_the_connection_open(provider: OpenAICompatible) -> None:
    for _ in range(2):
        events = await ask(provider, question("Hi", model="mock/greeting"))
        assert isinstance(events[-1], Finished)

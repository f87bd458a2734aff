"""The demo model: what it says, how it counts, how fast it is."""

import asyncio

import pytest

from reprise.chat.messages import Text, ToolCall, ToolResult
from reprise.llm.demo import MAX_COUNT, Demo
from reprise.llm.protocol import ModelRequest
from tests.llm.asking import ask, finish_of, message, question, text_of

DEMO = Demo(rate=0)


async def test_it_says_what_it_is_and_what_was_said() -> None:
    text = text_of(await ask(DEMO, question("Hello  there,\nworld")))
    assert text.startswith("This is Reprise's demo model")
    assert text.endswith("You said: Hello  there,\nworld")


async def test_each_word_is_an_event() -> None:
    *events, _ = await ask(DEMO, question("Hello there"))
    assert all(isinstance(event, Text) and len(event.text.split()) == 1 for event in events)


async def test_the_same_question_has_the_same_answer() -> None:
    assert await ask(DEMO, question("Hi")) == await ask(DEMO, question("Hi"))


async def test_it_counts_a_number_an_event() -> None:
    *events, _ = await ask(DEMO, question("count to 500"))
    assert [event.text for event in events if isinstance(event, Text)] == [
        "1",
        *(f" {number}" for number in range(2, 501)),
    ]


@pytest.mark.parametrize("text", ["Count to 3", "Please COUNT TO 3.", "count up to 3\n"])
async def test_it_counts_however_it_is_asked_to(text: str) -> None:
    assert text_of(await ask(DEMO, question(text))) == "1 2 3"


@pytest.mark.parametrize("number", ["100001", "999,999,999", "9" * 5000])
async def test_it_does_not_count_for_ever(number: str) -> None:
    events = await ask(DEMO, question(f"count to {number}"))
    assert len(events) == MAX_COUNT + 1


async def test_counting_to_nothing_is_no_counting() -> None:
    assert "You said: count to 0" in text_of(await ask(DEMO, question("count to 0")))


async def test_it_echoes_the_last_thing_the_user_said_and_nothing_else() -> None:
    request = ModelRequest(
        model="demo",
        instructions="SECRET instructions",
        messages=[
            message("user", "SECRET question"),
            message("assistant", "SECRET answer"),
            message("user", "plain question"),
            message("assistant", ToolCall("1", "SECRET", {}), ToolResult("1", "SECRET", "SECRET")),
        ],
    )
    text = text_of(await ask(DEMO, request))
    assert "plain question" in text
    assert "SECRET" not in text


@pytest.mark.parametrize("text", ["", "  \n "])
async def test_it_has_an_answer_to_nothing(text: str) -> None:
    assert text_of(await ask(DEMO, question(text))).endswith("You said nothing.")


async def test_it_has_an_answer_to_no_messages() -> None:
    assert text_of(await ask(DEMO, ModelRequest(model="demo", messages=[])))


async def test_a_long_question_is_not_said_back_whole() -> None:
    text = text_of(await ask(DEMO, question("x" * 1_000_000)))
    assert text.endswith("x…")
    assert len(text) < 1000


async def test_it_reports_usage() -> None:
    usage = finish_of(await ask(DEMO, question("count to 7"))).usage
    assert usage
    assert usage.input > 0
    assert usage.output == 7


async def test_it_stops_at_max_tokens() -> None:
    events = await ask(DEMO, question("count to 7", max_tokens=3))
    assert text_of(events) == "1 2 3"
    assert finish_of(events).reason == "length"


async def test_an_answer_as_long_as_max_tokens_is_whole() -> None:
    assert finish_of(await ask(DEMO, question("count to 3", max_tokens=3))).reason == "stop"


async def test_it_keeps_its_speed_however_slowly_it_is_taken() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async for _ in Demo(rate=50).stream(question("count to 21")):
        await asyncio.sleep(0.015)  # of the 20 ms that a token may take
    assert 0.39 <= loop.time() - begun < 0.65  # 0.7 if delays added up


async def test_without_delay_it_still_lets_others_run() -> None:
    ran = 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await ask(DEMO, question("count to 100"))
    task.cancel()
    assert ran >= 100

"""`web.streams.with_silences`: streams that say that they are still there."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from reprise.web.streams import with_silences


async def given(*events: int | asyncio.Event | Exception) -> AsyncIterator[int]:
    for event in events:
        match event:
            case asyncio.Event():
                await event.wait()
            case Exception():
                raise event
            case _:
                yield event


async def test_events_come_as_they_are() -> None:
    seen = [event async for event in with_silences(given(*range(1_000)), 60)]

    assert seen == list(range(1_000))


async def test_none_comes_while_there_are_none() -> None:
    gate, seen = asyncio.Event(), []

    async for event in with_silences(given(1, gate, 2), 0.01):
        seen.append(event)
        if seen == [1, None, None, None]:
            gate.set()

    assert [event for event in seen if event] == [1, 2]
    assert seen[:4] == [1, None, None, None]


async def test_before_the_first_one_too() -> None:
    gate = asyncio.Event()
    events = with_silences(given(gate, 1), 0.01)

    first = await anext(events)
    gate.set()

    assert first is None
    assert [event async for event in events if event] == [1]


async def test_a_failure_comes_behind_the_events_before_it() -> None:
    events = with_silences(given(1, 2, ValueError("broken")), 60)

    seen = [await anext(events), await anext(events)]

    assert seen == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        await anext(events)


async def test_nothing_is_left_behind_by_who_goes_away() -> None:
    left = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.Event().wait()
        finally:
            left.set()

    events = with_silences(endless(), 0.01)
    assert await anext(events) == 1
    await events.aclose()  # type: ignore[attr-defined]

    async with asyncio.timeout(5):
        await left.wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}

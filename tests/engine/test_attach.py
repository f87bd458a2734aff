"""Whoever follows an answer sees what its producer makes, event by event; only the log connects
them.
"""

import asyncio
from typing import Any

import pytest
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import Conflict, NotFound
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import ToolCall
from reprise.engine import conversations
from reprise.engine.attach import ENDS_BEFORE, attach
from reprise.llm.protocol import Finished
from reprise.store import generations
from tests.calls import Call
from tests.capacity import measured
from tests.engine.world import OWNER, World, events_of, stored, told, until, with_timing
from tests.faults import EVERY, Fault, Kind, faults, lost_answer, throttled, timeout, writing
from tests.models import Step


def numbers(events: list[Event]) -> list[int | None]:
    return [event.n if isinstance(event, Produced) else None for event in events]


def texts(events: list[Event]) -> str:
    return "".join(event.part.text for event in events if isinstance(event, Produced))  # type: ignore[union-attr]


# Live


async def test_a_reader_is_given_each_event_while_the_model_goes_on(world: World) -> None:
    """The model says the next word when the reader has the one before."""
    heard = [asyncio.Event() for _ in range(5)]
    script: list[Step] = []
    for number, each in enumerate(heard):
        script += [f"{number} ", each.wait]
    world.models.enqueue(script)
    live = await world.begin()
    attached = await world.attach(live.id)

    seen = []
    async for event in attached.events():
        seen.append(event)
        if isinstance(event, Produced):
            heard[event.n - 1].set()

    assert seen == await events_of(live)
    assert numbers(seen) == [None, 1, 2, 3, 4, 5, None]


async def test_events_are_not_merged_whatever_chunks_they_lie_in(world: World) -> None:
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    world.models.enqueue(["a", "b", " ", "", "c", call, "d", Finished("tool-calls")])
    live = await world.begin()
    assert told(await events_of(await world.attach(live.id))) == told(await events_of(live))


async def test_twenty_readers_see_the_same(world: World) -> None:
    world.models.enqueue([f"{number} " for number in range(50)])
    live = await world.begin()
    readers = [await world.attach(live.id) for _ in range(20)]
    expected, *seen = await asyncio.gather(events_of(live), *map(events_of, readers))
    assert all(told(events) == told(expected) for events in seen)


async def test_a_very_long_answer_is_followed_to_its_end(world: World) -> None:
    world.models.enqueue([f"{number} " for number in range(20_000)])
    live = await world.begin()
    seen = await events_of(await world.attach(live.id))
    assert told(seen) == told(await events_of(live))


async def test_an_answer_that_says_nothing_has_a_beginning_and_an_end(world: World) -> None:
    world.models.enqueue([Finished("stop")])
    live = await world.begin()
    seen = await events_of(await world.attach(live.id))
    assert told(seen) == told(await events_of(live))
    assert [type(event) for event in seen] == [Begun, Ended]


@pytest.mark.parametrize("after", [0, 1, 3, 4])
async def test_a_reader_that_comes_back_is_given_what_follows(world: World, after: int) -> None:
    world.models.enqueue(["a", "b", "c", "d"])
    live = await events_of(await world.begin())
    assert isinstance(live[0], Begun)
    attached = await world.attach(live[0].answer.id)

    seen = [event async for event in attached.events(after)]

    assert seen == live[after + 1 :]


async def test_a_reader_may_come_back_while_it_runs(world: World) -> None:
    back = asyncio.Event()
    world.models.enqueue(["a", "b", back.wait, "c", "d"])
    live = await world.begin()
    await until(lambda: len(generations.logged(live.id)) == 2)
    attached = await world.attach(live.id)
    seen = []
    async for event in attached.events(after=1):
        seen.append(event)
        back.set()
    assert numbers(seen) == [2, 3, 4, None]


async def test_a_redo_is_followed_without_a_user_message(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    followed = asyncio.Event()
    world.models.enqueue([followed.wait, "Again"])
    live = await world.redo(answer.id)
    attached = await world.attach(live.id)
    followed.set()
    assert attached.begun == live.begun
    assert attached.begun.user is None
    assert await events_of(attached) == await events_of(live)


@pytest.mark.parametrize("kind", [lost_answer, timeout, throttled])
async def test_a_chunk_of_which_nobody_knows_hides_nothing_from_its_readers(
    world: World, kind: Kind
) -> None:
    """A reader may have seen a chunk that its writer takes for lost; what comes meanwhile belongs
    into the next one.
    """
    seen_a, mended = asyncio.Event(), asyncio.Event()

    def broken(call: Call) -> Any:
        return call.proceed() if mended.is_set() else kind(call)

    with faults(Fault("PutItem", broken, EVERY, writing("CHUNK"))) as struck:

        async def some_more_attempts() -> None:
            so_far = len(struck)
            await until(lambda: len(struck) >= so_far + 2)

        world.models.enqueue(
            ["a", seen_a.wait, some_more_attempts, "b", some_more_attempts, mended.set, "c", "d"]
        )
        live = await world.begin()
        attached = await world.attach(live.id)
        if kind is not lost_answer:  # then nothing can be seen before the log is mended
            seen_a.set()
        seen = []
        async with asyncio.timeout(60):
            async for event in attached.events():
                seen.append(event)
                if isinstance(event, Produced):
                    seen_a.set()
    assert texts(seen) == "abcd"
    assert told(seen) == told(await events_of(live))


async def test_reads_that_fail_for_long_are_the_readers_to_hear_of_and_nobody_elses(
    world: World,
) -> None:
    goes_on = asyncio.Event()
    world.models.enqueue(["a", goes_on.wait, "b"])
    live = await world.begin()
    attached = await world.attach(live.id)
    with faults(Fault("Query", throttled, EVERY)) as struck:
        assert await events_of(attached) == [attached.begun, Ended(None)]
    assert len(struck) > 1
    assert attached.broken
    goes_on.set()
    assert (await stored(live)).text == "ab"


@pytest.mark.parametrize("operation", ["Query", "GetItem", "BatchGetItem"])
async def test_a_reader_outlasts_reads_that_fail_once(world: World, operation: str) -> None:
    live = await world.begin()
    told_live = told(await events_of(live))
    attached = await world.attach(live.id)
    with faults(Fault(operation, throttled)) as struck:
        assert told(await events_of(attached)) == told_live
    assert struck
    assert not attached.broken


async def test_whoever_waits_for_an_answer_hears_that_it_cannot_be_read(world: World) -> None:
    live = await world.begin()
    await live.ended()
    attached = await world.attach(live.id)
    with faults(Fault("Query", throttled, EVERY)), pytest.raises(PynamoDBException):
        await attached.ended()


# What it costs


async def test_a_reader_that_waits_reads_a_unit_each_time_and_writes_nothing(
    aws: None,
) -> None:
    world = with_timing(poll=0.05)
    answer = world.abandon("Hi", ["Hel"])
    attached = await world.attach(answer.id)
    events = attached.events()
    await anext(events)
    await anext(events)
    with measured() as cost:
        reading = asyncio.ensure_future(anext(events))
        await until(lambda: len(cost.operations) > 10)
        world.log(answer.id, ["lo"], chunk=2, first=2)
        await reading
    own = [charge for charge in cost.charges if charge.operation != "PutItem"]
    assert {charge.operation for charge in own} == {"Query", "GetItem"}
    assert all(charge.read_units <= 0.5 for charge in own)
    queries = [charge for charge in own if charge.operation == "Query"]
    assert len(own) <= 2 * len(queries), (
        "a look for news, and one at the lease where there are none"
    )


# What there is nothing to follow of


async def test_what_is_not_there_cannot_be_followed(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    for wrong in ("nonsense", "", str(answer.parent), world.conversation.id):
        with pytest.raises(NotFound):
            await world.attach(wrong)
    with pytest.raises(NotFound):
        await attach(world.engine, "USER#0000000000000002", answer.id, world.now() + 60)


async def test_what_lies_in_a_deleted_conversation_cannot_be_followed(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    conversations.delete(world.engine, OWNER, world.conversation.id)
    with pytest.raises(NotFound):
        await world.attach(answer.id)


# The function's own end


async def test_near_its_functions_end_a_reader_breaks_off_and_nothing_else_does(
    world: World,
) -> None:
    goes_on = asyncio.Event()
    world.models.enqueue(["Hel", goes_on.wait, "lo"])
    live = await world.begin("Hi")
    attached = await world.attach(live.id, within=ENDS_BEFORE + 10)
    seen = []
    async with asyncio.timeout(60):
        async for event in attached.events():
            seen.append(event)
            if isinstance(event, Produced):
                world.later(11)
    assert [type(event) for event in seen] == [Begun, Produced], "it says nothing of an end"
    late = await world.attach(live.id, within=ENDS_BEFORE - 1)
    with pytest.raises(Conflict) as refused:
        await late.ended()
    assert refused.value.generation == live.id
    goes_on.set()
    assert (await stored(live)).text == "Hello"

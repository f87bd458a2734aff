"""However an answer ends, and whatever became of its log, a reader is told one end of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Message, Text, Usage, path_hash
from reprise.engine import conversations, reading
from reprise.engine.attach import Attached
from reprise.engine.repair import repair_expired
from reprise.engine.stop import stop
from reprise.store import generations, keys
from reprise.store.items import ChunkItem
from reprise.store.table import query_all
from tests.calls import Call
from tests.capacity import measured
from tests.engine.world import OWNER, World, events_of, stored, told, until
from tests.faults import Fault, disconnected, faults, meanwhile, onward, writing

WHOLE = "Hello world"


def finish(world: World, answer: Message, text: str, events: int) -> Message:
    """The end of an answer as its writer stores it, of which the log may not have all yet."""
    ended = replace(
        answer,
        parts=(Text(text),),
        path=path_hash(answer.path, "assistant", text),
        state="done",
        finish_reason="stop",
        usage=Usage(7, 3),
        events=events,
        updated=world.engine.now_ms(),
        hold=None,
    )
    generations.end(world.conversation, ended)
    return ended


def drop_log(generation: str) -> None:
    """As the table does after 14 days."""
    for item in query_all(keys.generation(generation)):
        item.delete()


def looks_at_log(call: Call) -> bool:
    values = call.request.get("ExpressionAttributeValues", {}).values()
    return any(str(value.get("S", "")).startswith("GEN#") for value in values)


def parts(events: list[Event]) -> list[tuple[int, str]]:
    return [(each.n, each.part.text) for each in events if isinstance(each, Produced)]  # type: ignore[union-attr]


async def rest(attached: Attached, after: int) -> list[Event]:
    async with asyncio.timeout(60):
        return [event async for event in attached.events(after)]


# The log and the answer


@pytest.mark.parametrize("look", [2, 3, 4])
async def test_a_last_chunk_that_comes_late_is_waited_for(world: World, look: int) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    ended = finish(world, answer, WHOLE, events=4)
    late = meanwhile(lambda: world.log(answer.id, [" wor", "ld"], chunk=2, first=3))
    attached = await world.attach(answer.id)
    with faults(Fault("Query", late, look, looks_at_log)) as struck:
        events = await events_of(attached)
    assert struck
    assert parts(events) == [(1, "Hel"), (2, "lo"), (3, " wor"), (4, "ld")]
    assert events[-1] == Ended(ended)


async def test_where_the_last_chunk_never_comes_the_rest_is_the_answers_own(world: World) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    ended = finish(world, answer, WHOLE, events=4)
    events = await events_of(await world.attach(answer.id))
    assert parts(events) == [(1, "Hel"), (2, "lo"), (4, " world")]
    assert events[-1] == Ended(ended)


async def test_a_writer_that_cannot_log_its_last_words_hides_nothing(world: World) -> None:
    """The end was stored, its log was not."""
    with faults(Fault("PutItem", disconnected, onward(1), writing("CHUNK"))) as struck:
        world.models.enqueue(["Hel", "lo"])
        live = await world.begin("Hi")
        await stored(live)
    assert struck
    events = await events_of(await world.attach(live.id))
    assert parts(events) == [(2, "Hello")]
    assert isinstance(events[-1], Ended)


async def test_of_a_log_that_was_dropped_the_text_comes_as_one_event(world: World) -> None:
    answer = await world.say("Hi", ["Hel", "lo", " world"])
    drop_log(answer.id)
    events = await events_of(await world.attach(answer.id))
    assert parts(events) == [(3, WHOLE)]
    assert events[-1] == Ended(answer)


async def test_of_a_log_that_was_dropped_nothing_comes_twice(world: World) -> None:
    """Nobody knows any more how much of the text it was that the reader has seen."""
    answer = await world.say("Hi", ["Hel", "lo", " world"])
    drop_log(answer.id)
    assert await rest(await world.attach(answer.id), after=1) == [Ended(answer)]
    assert parts(await rest(await world.attach(answer.id), after=0)) == [(3, WHOLE)]


async def test_a_large_answer_is_told_whole(world: World) -> None:
    text = "\N{GRINNING FACE}" * 100_000
    answer = await world.say("Hi", [text])
    events = await events_of(await world.attach(answer.id))
    assert "".join(text for _, text in parts(events)) == text
    assert events[-1] == Ended(answer)
    drop_log(answer.id)
    events = await events_of(await world.attach(answer.id))
    assert parts(events)[0][1] == text


async def test_a_large_question_is_told_whole(world: World) -> None:
    text = "x" * 300_000
    answer = await world.say(text, ["Hello"])
    attached = await world.attach(answer.id)
    assert attached.begun.user
    assert attached.begun.user.text == text


async def test_an_answer_that_broke_off_ends_so_for_its_readers(world: World) -> None:
    world.models.enqueue(["Hel", UpstreamFailed("cut")])
    live = await world.begin("Hi")
    attached = await world.attach(live.id)
    expected, seen = await asyncio.gather(events_of(live), events_of(attached))
    assert told(seen) == told(expected)
    assert isinstance(seen[-1], Ended)
    assert seen[-1].message
    assert seen[-1].message.state == "error"


async def test_an_answer_that_is_stopped_ends_so_for_its_readers(world: World) -> None:
    world.models.enqueue(["Hel", asyncio.Event().wait])
    live = await world.begin("Hi")
    attached = await world.attach(live.id)
    seen = []
    async with asyncio.timeout(60):
        async for event in attached.events():
            seen.append(event)
            if isinstance(event, Produced):
                await stop(world.process(), OWNER, world.conversation.id)
    assert told(seen) == told(await events_of(live))
    assert isinstance(seen[-1], Ended)
    assert seen[-1].message
    assert seen[-1].message.state == "stopped"


# Its writer is gone


@pytest.mark.parametrize("lease", ["expired", "removed by the table"])
async def test_where_the_writer_died_the_reader_is_told_what_the_repair_will_store(
    world: World, lease: str
) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    attached = await world.attach(answer.id)
    before = world.found()

    seen: list[Event] = []
    with measured(units=False) as cost:
        async with asyncio.timeout(60):
            async for event in attached.events():
                seen.append(event)
                if isinstance(event, Produced) and event.n == 2:
                    world.later(31)
    if lease != "expired":
        world.remove_lease()
        seen = await events_of(await world.attach(answer.id))

    assert parts(seen) == [(1, "Hel"), (2, "lo")]
    end = seen[-1]
    assert isinstance(end, Ended)
    assert end.message
    assert (end.message.state, end.message.text, end.message.events) == ("error", "Hello", 2)
    assert set(cost.operations) <= {"Query", "GetItem", "BatchGetItem"}, "reading writes nothing"
    assert world.found().messages == before.messages


async def test_where_the_writer_died_before_a_word_the_end_is_an_error_too(world: World) -> None:
    answer = world.abandon("Hi")
    world.later(31)
    events = await events_of(await world.attach(answer.id))
    assert [type(event) for event in events] == [Begun, Ended]
    assert isinstance(events[-1], Ended)
    assert events[-1].message
    assert (events[-1].message.state, events[-1].message.events) == ("error", 0)


async def test_who_was_told_before_the_repair_is_told_the_same_after_it(world: World) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    world.later(31)
    before = await events_of(await world.attach(answer.id))
    repair_expired(keys.conversation(OWNER, world.conversation.number), answer.id, world.now())
    after = await events_of(await world.attach(answer.id))
    assert parts(after) == parts(before)
    end, other = before[-1], after[-1]
    assert isinstance(end, Ended)
    assert isinstance(other, Ended)
    assert end.message
    assert other.message
    assert (end.message.state, end.message.usage, end.message.events) == (
        other.message.state,
        other.message.usage,
        other.message.events,
    )


async def test_a_reader_waits_as_long_as_the_lease_is_held(world: World) -> None:
    answer = world.abandon("Hi", ["Hel"])
    attached = await world.attach(answer.id)
    seen: list[Event] = []
    reading = asyncio.create_task(_collect(attached, seen))
    world.later(20)
    generations.renew(world.conversation, answer.id, world.now() + 30)
    world.later(20)
    world.log(answer.id, ["lo"], chunk=2, first=2)
    await until(lambda: len(seen) == 3)
    world.later(31)
    await reading
    assert parts(seen) == [(1, "Hel"), (2, "lo")]
    assert isinstance(seen[-1], Ended)


async def test_another_generation_in_the_conversation_does_not_keep_a_reader_waiting(
    world: World,
) -> None:
    answer = await world.say("Hi", ["Hello"])
    world.abandon("Next", ["still ", "running"])
    events = await events_of(await world.attach(answer.id))
    assert parts(events) == [(1, "Hello")]
    assert events[-1] == Ended(answer)


# The conversation is gone


@pytest.mark.parametrize("purged", [False, True])
async def test_deleting_the_conversation_ends_its_readers_too(world: World, purged: bool) -> None:
    answer = world.abandon("Hi", ["Hel"])
    attached = await world.attach(answer.id)
    seen: list[Event] = []
    async with asyncio.timeout(60):
        async for event in attached.events():
            seen.append(event)
            if isinstance(event, Produced):
                await asyncio.to_thread(_delete, world, purged)
    assert seen[-1] == Ended(None)
    assert parts(seen) == [(1, "Hel")]


async def test_deleting_the_answer_while_it_is_made_lets_its_readers_finish(world: World) -> None:
    goes_on = asyncio.Event()
    world.models.enqueue(["Hel", goes_on.wait, "lo"])
    live = await world.begin("Hi")
    attached = await world.attach(live.id)
    reading.hide(world.engine, OWNER, live.id)
    goes_on.set()
    seen = await events_of(attached)
    assert parts(seen) == [(1, "Hel"), (2, "lo")]
    assert isinstance(seen[-1], Ended)


def _delete(world: World, purged: bool) -> None:
    conversations.delete(world.engine, OWNER, world.conversation.id)
    if purged:
        from reprise.store.conversations import purge

        world.later(1)
        purge(keys.conversation(OWNER, world.conversation.number), world.engine.now_ms())


async def _collect(attached: Attached, seen: list[Event]) -> None:
    async with asyncio.timeout(60):
        async for event in attached.events():
            seen.append(event)


# What a read may not show yet


def stale(how: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Call], Any]:
    """Reads that lag behind, as eventually consistent ones may."""
    return lambda call: (
        call.proceed() if call.request.get("ConsistentRead") else how(call.proceed())
    )


async def test_an_end_is_believed_only_when_it_is_read_consistently(world: World) -> None:
    """The lease is not seen yet, though the answer is being made."""
    answer = world.abandon("Hi", ["Hel"])
    attached = await world.attach(answer.id)
    no_lease = stale(lambda answer: {k: v for k, v in answer.items() if k != "Item"})
    seen: list[Event] = []
    with faults(Fault("GetItem", no_lease, range(1, 4), writing(keys.LEASE))) as struck:
        task = asyncio.create_task(_collect(attached, seen))
        await until(lambda: len(struck) == 3)
        world.log(answer.id, ["lo"], chunk=2, first=2)
        await until(lambda: len(seen) == 3)
    assert not task.done()
    world.later(31)
    await task
    assert parts(seen) == [(1, "Hel"), (2, "lo")]


async def test_chunks_that_are_seen_late_are_seen(world: World) -> None:
    answer = await world.say("Hi", ["Hel", "lo"])
    nothing = stale(lambda answer: {**answer, "Items": [], "Count": 0})
    with faults(Fault("Query", nothing, 1, looks_at_log)) as struck:
        events = await events_of(await world.attach(answer.id))
    assert struck
    assert parts(events) == [(1, "Hel"), (2, "lo")]
    assert isinstance(ChunkItem.get(keys.generation(answer.id), keys.chunk(1)), ChunkItem)

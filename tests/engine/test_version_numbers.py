"""Every message says which version it is of how many, wherever it is shown."""

import asyncio

from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Begun, Ended
from reprise.chat.messages import Message
from reprise.engine import reading
from reprise.engine.repair import repair_expired
from reprise.engine.versions import select
from reprise.store import keys
from tests.capacity import measured
from tests.engine.world import OWNER, World, events_of, stored


def one(world: World, message: Message | str) -> tuple[int, int]:
    """As a single read says it."""
    message_id = message if isinstance(message, str) else message.id
    _, read = reading.message(world.engine, OWNER, message_id)
    return read.version, read.versions


async def test_without_others_each_message_is_the_first_of_one(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    assert world.numbers() == [("Hi", 1, 1), ("Hello", 1, 1)]
    assert one(world, answer) == (1, 1)


async def test_listings_and_single_reads_say_the_same(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])
    third = await world.again(first.id, ["3"])
    assert world.numbers() == [("Hi", 1, 1), ("3", 3, 3)]
    assert [one(world, each) for each in (first, second, third)] == [(1, 3), (2, 3), (3, 3)]
    await select(world.engine, world.asker(), second.id)
    assert world.numbers() == [("Hi", 1, 1), ("2", 2, 3)]


async def test_edits_and_versions_are_numbered_on_their_own(world: World) -> None:
    answer = await world.say("Hi", ["1"])
    await world.again(answer.id, ["2"])
    edited = await stored(await world.edit(str(answer.parent), "Hey"))
    await world.again(edited.id, ["3"])
    assert world.numbers() == [("Hey", 2, 2), ("3", 2, 2)]
    assert one(world, answer) == (1, 2)
    assert one(world, str(answer.parent)) == (1, 2)


async def test_numbers_are_at_all_levels_of_a_branch(world: World) -> None:
    for number in range(3):
        answer = await world.say(f"Q{number}", [f"A{number}"])
        await world.again(answer.id, [f"B{number}"])
    assert world.numbers() == [
        ("Q0", 1, 1),
        ("B0", 2, 2),
        ("Q1", 1, 1),
        ("B1", 2, 2),
        ("Q2", 1, 1),
        ("B2", 2, 2),
    ]


async def test_a_stream_begins_and_ends_with_the_number(world: World) -> None:
    first = await world.say("Hi", ["1"])
    events = await events_of(await world.redo(first.id))
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)
    for message in (events[0].answer, events[-1].message):
        assert message
        assert (message.version, message.versions) == (2, 2)


async def test_a_stream_that_is_followed_says_the_same(world: World) -> None:
    first = await world.say("Hi", ["1"])
    live = await world.redo(first.id)
    attached = await world.attach(live.id)
    seen, expected = await asyncio.gather(events_of(attached), events_of(live))
    assert seen[-1] == expected[-1]
    answer = attached.begun.answer
    assert (answer.version, answer.versions) == (2, 2)


async def test_a_stream_that_is_followed_later_says_how_many_there_are_by_then(
    world: World,
) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    message = await stored(await world.attach(first.id))
    assert (message.version, message.versions) == (1, 2)


async def test_while_a_redo_runs_it_counts(world: World) -> None:
    first = await world.say("Hi", ["1"])
    world.abandon_redo(first, ["2"])
    assert world.numbers() == [("Hi", 1, 1), ("2", 2, 2)]
    assert one(world, first) == (1, 2)


async def test_a_redo_that_failed_does_not(world: World) -> None:
    first = await world.say("Hi", ["1"])
    world.models.enqueue([UpstreamFailed("gone")])
    await (await world.redo(first.id)).ended()
    assert world.numbers() == [("Hi", 1, 1), ("1", 1, 1)]
    assert one(world, first) == (1, 1)
    await world.again(first.id, ["2"])
    assert world.numbers() == [("Hi", 1, 1), ("2", 2, 2)]


async def test_a_redo_that_crashed_empty_does_not_once_it_is_repaired(world: World) -> None:
    first = await world.say("Hi", ["1"])
    again = world.abandon_redo(first)
    world.later(31)
    partition = keys.conversation(OWNER, world.conversation.number)
    assert repair_expired(partition, again.id, world.now())
    assert world.numbers() == [("Hi", 1, 1), ("1", 1, 1)]


async def test_a_redo_that_crashed_with_some_text_does(world: World) -> None:
    first = await world.say("Hi", ["1"])
    again = world.abandon_redo(first, ["2"])
    world.later(31)
    assert world.numbers() == [("Hi", 1, 1), ("2", 2, 2)]
    repair_expired(keys.conversation(OWNER, world.conversation.number), again.id, world.now())
    assert world.numbers() == [("Hi", 1, 1), ("2", 2, 2)]


async def test_a_deleted_version_leaves_no_gap(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])
    third = await world.again(first.id, ["3"])
    reading.hide(world.engine, OWNER, second.id)
    assert [one(world, each) for each in (first, third)] == [(1, 2), (2, 2)]


async def test_a_listing_reads_all_numbers_at_once(world: World) -> None:
    for number in range(3):
        answer = await world.say(f"Q{number}", [f"A{number}"])
        await world.again(answer.id, [f"B{number}"])
    with measured(units=False) as cost:
        world.listing()
    assert cost.operations == ["Query", "Query"]


async def test_a_conversation_without_branches_is_read_as_before(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    with measured(units=False) as cost:
        world.listing()
        one(world, answer)
    assert cost.operations == ["Query", "BatchGetItem"]

"""What a crashed writer leaves: readers see what will be, writers mend it, the worker if nobody
comes.
"""

import asyncio

import pytest

from reprise.chat.errors import Conflict, NotFound
from reprise.engine import conversations, reading, turns
from reprise.store import generations, keys, messages
from tests.engine.world import OWNER, World, with_timing
from workers import repair_generation


def lease_removal(world: World, generation: str) -> dict[str, object]:
    """The stream's event of the table removing a lease by itself."""
    pk = keys.conversation(OWNER, world.conversation.number)
    image = {"pk": {"S": pk}, "sk": {"S": keys.LEASE}, "g": {"S": generation}}
    return {"Records": [{"eventName": "REMOVE", "dynamodb": {"OldImage": image}}]}


def test_while_the_writer_lives_readers_see_the_text_so_far(world: World) -> None:
    world.abandon("Hi", ["Hel", "lo"])
    assert world.said() == [("user", "Hi"), ("in-progress", "Hello")]


def test_over_an_expired_lease_readers_see_the_state_it_will_have(world: World) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    world.later(31)
    assert world.said() == [("user", "Hi"), ("error", "Hello")]
    _, message = reading.message(world.engine, OWNER, answer.id)
    assert (message.state, message.finish_reason, message.text) == ("error", "error", "Hello")


def test_reading_writes_nothing(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    world.later(31)
    before = world.found()
    world.listing()
    reading.message(world.engine, OWNER, answer.id)
    assert world.found() == before


async def test_while_the_writer_lives_senders_are_refused_with_its_generation(
    world: World,
) -> None:
    answer = world.abandon("Hi", ["Hello"])
    with pytest.raises(Conflict) as refused:
        await world.begin("Again")
    assert refused.value.generation == answer.id


async def test_the_next_sender_repairs_and_goes_on(world: World) -> None:
    answer = world.abandon("Hi", ["Hel", "lo"])
    world.later(31)
    await world.say("Again", ["Yes"])
    assert world.said() == [("user", "Hi"), ("error", "Hello"), ("user", "Again"), ("done", "Yes")]
    assert [m.text for m in world.models.requests[-1].messages] == ["Hi", "Hello", "Again"]
    assert world.found().messages[answer.id].state == "error"


async def test_an_abandoned_answer_without_text_is_not_shown_when_repaired(world: World) -> None:
    world.abandon("Hi")
    world.later(31)
    assert world.said() == [("user", "Hi")]
    await world.say("Again", ["Yes"])
    assert world.said() == [("user", "Hi"), ("user", "Again"), ("done", "Yes")]


async def test_a_message_that_nobody_answers_repairs_too(world: World) -> None:
    world.abandon("Hi", ["Hello"])
    world.later(31)
    await turns.append(world.engine, world.asker(), world.conversation.id, "system", "Note")
    assert world.said() == [("user", "Hi"), ("error", "Hello"), ("system", "Note")]


def test_deleting_a_conversation_settles_what_crashed_in_it(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    world.later(31)
    conversations.delete(world.engine, OWNER, world.conversation.id)
    left, found = messages.find(OWNER, world.conversation.number, answer.id)
    assert left is not None
    assert left.state == "error"
    assert found.lease is None


async def test_a_conversation_whose_lease_the_table_removed_is_repaired_by_the_next_sender(
    world: World,
) -> None:
    world.abandon("Hi", ["Hello"])
    world.remove_lease()
    assert world.said() == [("user", "Hi"), ("error", "Hello")]
    await world.say("Again", ["Yes"])
    assert world.said() == [("user", "Hi"), ("error", "Hello"), ("user", "Again"), ("done", "Yes")]


def test_if_nobody_comes_the_worker_repairs(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    world.remove_lease()
    repair_generation.handler(lease_removal(world, answer.id), None)
    stored = world.found().messages[answer.id]
    assert (stored.state, stored.text) == ("error", "Hello")


def test_the_worker_gives_the_head_back_where_nothing_came(world: World) -> None:
    answer = world.abandon("Hi")
    world.remove_lease()
    repair_generation.handler(lease_removal(world, answer.id), None)
    assert world.head() == answer.parent


def test_the_worker_may_come_twice_late_or_for_nothing(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    world.remove_lease()
    event = lease_removal(world, answer.id)
    repair_generation.handler(event, None)
    stored = world.found()
    repair_generation.handler(event, None)
    assert world.found() == stored
    conversations.delete(world.engine, OWNER, world.conversation.id)
    repair_generation.handler(event, None)
    with pytest.raises(NotFound):
        world.listing()


async def test_the_worker_leaves_a_running_generation_alone(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    repair_generation.handler(lease_removal(world, answer.id), None)
    assert world.found().messages[answer.id].state == "in-progress"


async def test_a_writer_that_was_repaired_away_does_not_write_over_it(aws: None) -> None:
    """It sleeps past its lease (a frozen sandbox, say); somebody repairs; then it wakes."""
    world = with_timing(renew_every=1e9)
    awake = asyncio.Event()
    world.models.enqueue(["Hel", awake.wait, "lo"])
    sleeper = await world.begin("Hi")
    while not generations.logged(sleeper.id):
        await asyncio.sleep(0.01)
    world.later(31)
    await world.say("Meanwhile", ["Yes"])
    awake.set()
    assert await sleeper.ended() is None
    assert world.said() == [
        ("user", "Hi"),
        ("error", "Hel"),
        ("user", "Meanwhile"),
        ("done", "Yes"),
    ]

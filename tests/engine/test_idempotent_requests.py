"""Whatever generates or creates does so once per key: start, edit, redo, append, create."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import IdempotencyMismatch, NotFound
from reprise.chat.events import Event
from reprise.chat.messages import Said
from reprise.engine import conversations, reading, turns
from reprise.engine.attach import Attached
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.generation import Generation
from reprise.engine.targets import version_of
from reprise.store import conversations as store
from tests.engine.world import OWNER, Run, World, events_of, stored, told


async def start(world: World, text: str = "Hi", key: str = "k") -> Run:
    asker = world.asker(key=key, request=text)
    return await turns.start(world.process(), asker, [Said("user", text)], Options(), Draft())


async def edit(world: World, target: str, text: str, key: str = "k") -> Run:
    asker, where = world.asker(key=key, request=text), world.conversation.id
    return await turns.edit(world.process(), asker, where, target, text, Options())


async def redo(world: World, target: str, key: str = "k") -> Run:
    asker, where = world.asker(key=key, request=target), world.conversation.id
    return await turns.redo(world.process(), asker, where, version_of(target), Options())


async def append(world: World, text: str, key: str = "k") -> tuple[Any, Any]:
    asker, where = world.asker(key=key, request=text), world.conversation.id
    return await turns.append(world.process(), asker, where, "system", text)


def listed() -> int:
    """How many conversations the owner has."""
    return store.page(OWNER, 0, 1)[1]


async def told_twice(first: Run, again: Run) -> None:
    """Both tell the same, side by side."""
    assert isinstance(first, Generation)
    live, replayed = await asyncio.gather(events_of(first), events_of(again))
    assert_same(live, again, replayed)


async def told_later(world: World, ask: Callable[[], Awaitable[Run]]) -> None:
    """What is asked for again when it is over is told as it was told then."""
    live = await events_of(await ask())
    asked = len(world.models.requests)
    again = await ask()
    assert_same(live, again, await events_of(again))
    assert len(world.models.requests) == asked


def assert_same(live: list[Event], again: Run, replayed: list[Event]) -> None:
    assert isinstance(again, Attached)
    assert told(replayed) == told(live)


# Start


async def test_a_conversation_is_started_once(world: World) -> None:
    there = listed()
    await told_twice(await start(world), await start(world))
    assert listed() == there + 1
    assert len(world.models.requests) == 1


async def test_a_start_is_replayed_with_the_conversation_that_it_made(world: World) -> None:
    await told_later(world, partial(start, world))


async def test_of_many_starts_at_once_one_makes_a_conversation(world: World) -> None:
    there = listed()
    runs = await asyncio.gather(*(start(world) for _ in range(5)))
    assert len({run.id for run in runs}) == 1
    await asyncio.gather(*(run.ended() for run in runs))
    assert listed() == there + 1
    assert len(world.models.requests) == 1


async def test_another_start_under_the_key_is_refused(world: World) -> None:
    await (await start(world)).ended()
    there = listed()
    with pytest.raises(IdempotencyMismatch):
        await start(world, "Something else")
    assert listed() == there


async def test_a_start_whose_conversation_was_deleted_is_not_made_again(world: World) -> None:
    run = await start(world)
    await run.ended()
    conversations.delete(world.engine, OWNER, run.begun.conversation.id)
    with pytest.raises(NotFound):
        await start(world)


# Edit and redo


async def test_a_message_is_edited_once(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    await told_twice(
        await edit(world, str(answer.parent), "Hey"), await edit(world, str(answer.parent), "Hey")
    )
    assert world.numbers()[0] == ("Hey", 2, 2)
    assert len(world.models.requests) == 2


async def test_an_answer_is_redone_once(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    first = await redo(world, answer.id)
    assert first.begun.user is None
    await told_twice(first, await redo(world, answer.id))
    assert world.numbers()[-1] == ("An answer.", 2, 2)
    assert len(world.models.requests) == 2


async def test_a_redo_that_is_over_is_replayed(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    await told_later(world, partial(redo, world, answer.id))
    assert world.numbers()[-1] == ("An answer.", 2, 2)


async def test_a_redo_under_the_key_of_a_message_is_refused(world: World) -> None:
    answer = await stored(await world.begin("Hi", key="k"))
    with pytest.raises(IdempotencyMismatch):
        await redo(world, answer.id)


# Append


async def test_a_message_is_appended_once(world: World) -> None:
    _, first = await append(world, "Be brief.")
    _, again = await append(world, "Be brief.")
    assert again == first
    assert [message.text for message in world.listing()] == ["Be brief."]


async def test_of_many_appends_at_once_one_is_stored(world: World) -> None:
    appended = await asyncio.gather(*(append(world, "Be brief.") for _ in range(5)))
    assert len({message.id for _, message in appended}) == 1
    assert [message.text for message in world.listing()] == ["Be brief."]


async def test_an_append_is_replayed_whatever_came_after(world: World) -> None:
    _, first = await append(world, "Be brief.")
    await world.say("Hi", ["Hello"])
    _, again = await append(world, "Be brief.")
    assert again == first
    assert len(world.listing()) == 3


async def test_another_append_under_the_key_is_refused(world: World) -> None:
    await append(world, "Be brief.")
    with pytest.raises(IdempotencyMismatch):
        await append(world, "Be long.")
    assert len(world.listing()) == 1


async def test_an_append_that_was_deleted_is_not_made_again(world: World) -> None:
    _, message = await append(world, "Be brief.")
    reading.hide(world.engine, OWNER, message.id)
    with pytest.raises(NotFound):
        await append(world, "Be brief.")
    assert world.listing() == []


# Create


def test_a_conversation_is_created_once(world: World) -> None:
    there, claim = listed(), world.claim("k", "Trip")
    first = conversations.create(world.engine, OWNER, Draft("Trip"), claim)
    again = conversations.create(world.process(), OWNER, Draft("Trip"), claim)
    assert again == first
    assert listed() == there + 1


def test_a_creation_is_replayed_as_the_conversation_is_now(world: World) -> None:
    claim = world.claim("k", "Trip")
    first = conversations.create(world.engine, OWNER, Draft("Trip"), claim)
    conversations.rename(world.engine, OWNER, first.id, "Journey")
    again = conversations.create(world.engine, OWNER, Draft("Trip"), claim)
    assert (again.id, again.title) == (first.id, "Journey")


async def test_of_many_creations_at_once_one_is_made(world: World) -> None:
    there, claim = listed(), world.claim("k", "Trip")
    made = await asyncio.gather(
        *(
            asyncio.to_thread(conversations.create, world.process(), OWNER, Draft("Trip"), claim)
            for _ in range(6)
        )
    )
    assert len({conversation.id for conversation in made}) == 1
    assert listed() == there + 1


def test_another_creation_under_the_key_is_refused(world: World) -> None:
    conversations.create(world.engine, OWNER, Draft("Trip"), world.claim("k", "Trip"))
    there = listed()
    with pytest.raises(IdempotencyMismatch):
        conversations.create(world.engine, OWNER, Draft("Work"), world.claim("k", "Work"))
    assert listed() == there


def test_a_conversation_that_was_deleted_is_not_created_again(world: World) -> None:
    claim = world.claim("k", "Trip")
    made = conversations.create(world.engine, OWNER, Draft("Trip"), claim)
    conversations.delete(world.engine, OWNER, made.id)
    with pytest.raises(NotFound):
        conversations.create(world.engine, OWNER, Draft("Trip"), claim)

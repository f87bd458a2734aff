"""The life of a generation: its log, its lease, its deadline, its readers and their leaving."""

import asyncio
from functools import partial

import pytest

from reprise.chat.errors import Conflict
from reprise.chat.events import Begun, Ended
from reprise.engine import conversations, reading
from reprise.store import generations, messages
from tests.engine.world import OWNER, World, with_timing

SHORT = partial(asyncio.sleep, 0.03)


async def test_events_are_logged_as_they_come_and_all_of_them_in_the_end(world: World) -> None:
    async def until_logged() -> None:
        """The model goes on when what it said so far is in the log, which cannot be its end's
        doing.
        """
        lease = world.found().lease
        assert lease is not None
        while len(generations.logged(lease.generation)) < 2:
            await asyncio.sleep(0.01)

    world.models.enqueue(["a", "b", until_logged, "c", "d"])
    generation = await world.begin()
    await generation.ended()
    events = generations.logged(generation.id)
    assert [e.part.text for e in events] == ["a", "b", "c", "d"]  # type: ignore[union-attr]
    assert [e.n for e in events] == [1, 2, 3, 4]


async def test_a_reader_that_goes_away_changes_nothing(world: World) -> None:
    world.models.enqueue(["Hel", SHORT, "lo"])
    generation = await world.begin("Hi")
    async for event in generation.events():
        if not isinstance(event, Begun):
            break
    while world.found().lease:
        await asyncio.sleep(0.01)
    assert world.said() == [("user", "Hi"), ("done", "Hello")]


async def test_the_lease_is_renewed_while_the_model_is_silent(aws: None) -> None:
    world = with_timing(lease=1.5, renew_every=0.1)
    heard = asyncio.Event()
    world.models.enqueue([heard.wait, "Hello"])
    generation = await world.begin("Hi")
    await asyncio.sleep(1.8)
    with pytest.raises(Conflict):
        await world.begin("Again")
    heard.set()
    answer = await generation.ended()
    assert answer is not None
    assert answer.text == "Hello"


async def test_near_the_functions_end_the_answer_ends_with_what_is_there(world: World) -> None:
    world.models.enqueue(["Hel", "lo", partial(asyncio.sleep, 30), "never"])
    generation = await world.begin("Hi", within=world.timing.margin + 0.1)
    answer = await generation.ended()
    assert answer is not None
    assert (answer.state, answer.finish_reason, answer.text) == ("stopped", "deadline", "Hello")
    assert world.models.open == 0, "the upstream call was ended"
    assert world.found().lease is None


async def test_a_deadline_before_any_text_leaves_the_head_on_the_user_message(
    world: World,
) -> None:
    world.models.enqueue([partial(asyncio.sleep, 30), "never"])
    generation = await world.begin("Hi", within=world.timing.margin + 0.05)
    await generation.ended()
    assert world.said() == [("user", "Hi")]
    assert world.head() == world.listing()[0].id


async def test_deleting_the_conversation_ends_its_generation_and_nothing_comes_back(
    aws: None,
) -> None:
    world = with_timing(renew_every=0.02)
    world.models.enqueue(["Hel", *[SHORT, "lo"] * 100])
    generation = await world.begin("Hi")
    await asyncio.sleep(0.05)
    conversations.delete(world.engine, OWNER, world.conversation.id)
    events = [event async for event in generation.events()]
    assert events[-1] == Ended(None)
    assert world.models.open == 0
    found = world.found()
    assert (found.conversation, found.lease) == (None, None)
    assert found.messages[generation.id].state == "in-progress", "left as it was, for the purge"


async def test_deleting_at_the_very_end_is_not_undone_either(world: World) -> None:
    world.models.enqueue(
        ["Hello", lambda: conversations.delete(world.engine, OWNER, world.conversation.id)]
    )
    generation = await world.begin("Hi")
    assert await generation.ended() is None
    assert world.found().conversation is None


async def test_hiding_the_answer_while_it_is_made_keeps_it_hidden(world: World) -> None:
    world.models.enqueue(["Hel", partial(asyncio.sleep, 0.05), "lo"])
    generation = await world.begin("Hi")
    await asyncio.sleep(0.02)
    reading.hide(world.engine, OWNER, generation.id)
    await generation.ended()
    assert world.said() == [("user", "Hi")]
    stored, _ = messages.find(OWNER, world.conversation.number, generation.id)
    assert stored is not None
    assert stored.text == "Hello"


async def test_a_very_long_answer_is_whole_in_the_table_and_in_the_log(world: World) -> None:
    answer = await world.say("Hi", [f"{n} " for n in range(50_000)])
    assert answer.text.split() == [str(n) for n in range(50_000)]
    assert world.listing()[-1].text == answer.text
    assert [event.n for event in generations.logged(answer.id)] == list(range(1, 50_001))


async def test_a_text_that_comes_at_once_is_logged_in_pieces_that_fit(world: World) -> None:
    text = "\N{GRINNING FACE}" * 300_000
    answer = await world.say("Hi", [text])
    assert answer.text == text
    logged = generations.logged(answer.id)
    assert "".join(event.part.text for event in logged) == text  # type: ignore[union-attr]

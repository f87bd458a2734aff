"""An answer is stopped: what it has said stays, and nobody is asked to say more."""

import asyncio
from dataclasses import replace

import pytest

from reprise.chat.errors import NotFound
from reprise.chat.events import Ended, Produced
from reprise.engine.generation import Generation
from reprise.engine.stop import stop
from reprise.store import generations
from tests.capacity import measured
from tests.engine.world import OWNER, World, events_of, stored, with_timing
from tests.faults import Fault, faults, meanwhile, throttled

ENDLESS = asyncio.Event  # nobody sets it


async def speaking(world: World, *words: str) -> Generation:
    """An answer that has said some words and would go on for ever."""
    said = asyncio.Event()
    world.models.enqueue([*words, said.set, ENDLESS().wait, "never"])
    generation = await world.begin("Hi")
    async with asyncio.timeout(60):
        await said.wait()
    return generation


async def stop_it(world: World) -> str | None:
    """As another process does."""
    return await stop(world.process(), OWNER, world.conversation.id)


async def test_a_stopped_answer_keeps_what_it_has_said(world: World) -> None:
    generation = await speaking(world, "Hel", "lo")
    assert await stop_it(world) == generation.id
    events = await events_of(generation)
    assert [event.n for event in events if isinstance(event, Produced)] == [1, 2]
    assert isinstance(events[-1], Ended)
    answer = events[-1].message
    assert answer
    assert (answer.state, answer.finish_reason, answer.text) == ("stopped", "stopped", "Hello")
    assert world.said() == [("user", "Hi"), ("stopped", "Hello")]
    assert world.stored(generation.id) == answer
    assert world.found().lease is None


async def test_stopping_ends_the_upstream_call(world: World) -> None:
    generation = await speaking(world, "Hel")
    await stop_it(world)
    await generation.ended()
    assert world.models.open == 0


async def test_a_stopped_answer_says_how_much_it_was_by_estimate(world: World) -> None:
    generation = await speaking(world, "Hello ", "world")
    await stop_it(world)
    usage = (await stored(generation)).usage
    assert usage
    assert usage.estimated
    assert usage.input > 0
    assert usage.output > 0


async def test_an_answer_that_is_stopped_before_it_said_anything_is_not_shown(
    world: World,
) -> None:
    generation = await speaking(world)
    await stop_it(world)
    answer = await stored(generation)
    assert (answer.state, answer.parts, answer.usage) == ("stopped", (), None)
    assert world.said() == [("user", "Hi")]
    assert world.head() == answer.parent


async def test_a_redo_that_is_stopped_before_it_said_anything_shows_what_was_shown(
    world: World,
) -> None:
    first = await world.say("One", ["1"])
    tip = await world.say("Two", ["2"])
    world.models.enqueue([ENDLESS().wait])
    again = await world.redo(first.id)
    await stop_it(world)
    await again.ended()
    assert world.head() == tip.id
    assert world.numbers() == [("One", 1, 1), ("1", 1, 1), ("Two", 1, 1), ("2", 1, 1)]


async def test_after_a_stop_the_conversation_goes_on(world: World) -> None:
    generation = await speaking(world, "Hel")
    await stop_it(world)
    await generation.ended()
    await world.say("And now?", ["Now this."])
    assert world.said()[1:] == [("stopped", "Hel"), ("user", "And now?"), ("done", "Now this.")]
    assert [m.text for m in world.models.requests[-1].messages] == ["Hi", "Hel", "And now?"]


async def test_the_wish_is_seen_where_the_lease_is_renewed_too(aws: None) -> None:
    world = with_timing(renew_every=0)  # each time
    generation = await speaking(world, "Hel")
    await stop_it(world)
    assert (await stored(generation)).state == "stopped"


async def test_the_wish_is_seen_although_the_table_fails_meanwhile(world: World) -> None:
    generation = await speaking(world, "Hel")
    with faults(Fault("GetItem", throttled, range(1, 4))) as struck:
        await stop_it(world)
        assert (await stored(generation)).state == "stopped"
    assert len(struck) == 3


async def test_stopping_twice_is_stopping(world: World) -> None:
    generation = await speaking(world, "Hel")
    assert await stop_it(world) == generation.id
    assert await stop_it(world) in (generation.id, None)  # by then it may have ended
    assert (await stored(generation)).state == "stopped"
    assert await stop_it(world) is None


async def test_a_stop_writes_one_small_item(world: World) -> None:
    world.abandon("Hi", ["Hel"])
    with measured() as cost:
        await stop_it(world)
    assert cost.operations == ["BatchGetItem", "UpdateItem"]
    assert cost.write_units == 1


# Where nothing runs


async def test_where_nothing_runs_it_says_so_and_changes_nothing(world: World) -> None:
    assert await stop_it(world) is None
    await world.say("Hi", ["Hello"])
    before = world.found()
    assert await stop_it(world) is None
    assert world.found() == before


async def test_an_answer_that_ends_at_the_same_moment_is_done(world: World) -> None:
    answer = world.abandon("Hi", ["Hello"])
    done = replace(answer, state="done", finish_reason="stop")
    ends = meanwhile(lambda: generations.end(world.conversation, done))
    with faults(Fault("UpdateItem", ends)) as struck:
        assert await stop_it(world) is None
    assert struck
    assert world.stored(answer.id).state == "done"


async def test_over_an_expired_lease_it_repairs_and_says_that_nothing_runs(world: World) -> None:
    answer = world.abandon("Hi", ["Hel"])
    world.later(31)
    assert await stop_it(world) is None
    stored = world.stored(answer.id)
    assert (stored.state, stored.text) == ("error", "Hel")
    assert world.found().lease is None


async def test_what_began_while_it_repaired_is_not_stopped(world: World) -> None:
    world.abandon("Hi", ["Hel"])
    world.later(31)

    def somebody_else() -> None:
        asyncio.run(stop(world.process(), OWNER, world.conversation.id))  # repairs
        world.abandon("Next", ["Go"])

    with faults(Fault("Query", meanwhile(somebody_else))) as struck:
        assert await stop_it(world) is None
    assert struck
    lease = world.found().lease
    assert lease
    assert not lease.stop


@pytest.mark.parametrize("wrong", ["nonsense", "0a9b0a5b-abd4-8815-be96-fdacae4412ce"])
async def test_what_is_not_there_cannot_be_stopped(world: World, wrong: str) -> None:
    with pytest.raises(NotFound):
        await stop(world.engine, OWNER, wrong)


async def test_anothers_answer_cannot_be_stopped(world: World) -> None:
    world.abandon("Hi", ["Hel"])
    with pytest.raises(NotFound):
        await stop(world.engine, "USER#0000000000000002", world.conversation.id)
    lease = world.found().lease
    assert lease
    assert not lease.stop

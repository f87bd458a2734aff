"""The process dies, at every call of a generation, before it and after it.

After each death: what was acknowledged is there, the text is as far as it was logged, nobody asked
the model twice, and the conversation goes on as soon as the lease has run out.
"""

import asyncio
from functools import partial

import pytest

from reprise.chat.errors import Conflict
from reprise.chat.events import Begun, Ended, Event
from reprise.engine import generation as module
from reprise.store import generations
from tests.engine.world import World
from tests.faults import ANY, Fault, faults, killed, killed_after, onward

WORDS = ["one", " two", " three", " four", " five"]
PAUSE = partial(asyncio.sleep, 0.03)
CALLS = 2 + len(WORDS) + 2  # admit, begin, a chunk per word at most, the last chunk, the end


async def run_until_dead(world: World, *deaths: Fault) -> tuple[list[Event], int]:
    """What the client got, and how many calls were struck."""
    world.models.enqueue([step for word in WORDS for step in (word, PAUSE)])
    seen: list[Event] = []

    async def client() -> None:
        generation = await world.begin("Question")
        async for event in generation.events():
            seen.append(event)

    with faults(*deaths) as struck:
        reading = asyncio.create_task(client())
        while not (struck or reading.done()):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)  # what still can do something would do it now
        tasks = [reading, *module._background]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return seen, len(struck)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, CALLS + 1))
async def test_a_death_loses_nothing_that_was_acknowledged(
    world: World, call: int, after: bool
) -> None:
    await world.say("Earlier", ["Yes"])
    requests = len(world.models.requests)
    deaths = [Fault(ANY, killed, onward(call))]
    if after:
        deaths = [Fault(ANY, killed_after, call), Fault(ANY, killed, onward(call + 1))]

    seen, struck = await run_until_dead(world, *deaths)

    logged = "".join(
        event.part.text  # type: ignore[union-attr]
        for event in seen[:1]
        if isinstance(event, Begun)
        for event in generations.logged(event.answer.id)
    )
    begun = [event for event in seen if isinstance(event, Begun)]
    ended = [event.message for event in seen if isinstance(event, Ended)]
    for _ in ("at once", "after the lease ran out", "after the repair"):
        said = world.said()
        assert said[:2] == [("user", "Earlier"), ("done", "Yes")]
        if begun:
            assert said[2] == ("user", "Question")
        shown = said[3][1] if len(said) > 3 else ""
        assert "".join(WORDS).startswith(shown)
        assert shown.startswith(logged)
        if ended and ended[0]:
            assert said[3] == ("done", "".join(WORDS))
        world.later(31)
    assert len(world.models.requests) <= requests + 1, "the model was asked once at most"

    await world.say("Next")
    said = world.said()
    assert said[-2] == ("user", "Next")
    assert said[-1][0] == "done"
    assert "in-progress" not in [state for state, _ in said]
    assert world.found().lease is None
    assert struck or ended


async def test_a_dead_writers_lease_refuses_others_until_it_runs_out(world: World) -> None:
    await run_until_dead(world, Fault(ANY, killed, onward(4)))
    with pytest.raises(Conflict):
        await world.begin("Too soon")
    world.later(31)
    await world.say("Now", ["Yes"])


async def test_a_death_during_the_repair_is_repaired(world: World) -> None:
    for call in range(1, 6):  # read, the log, the repair, read again, begin
        answer = world.abandon(f"Question {call}", ["Hel", "lo"])
        world.later(31)
        await run_until_dead(world, Fault(ANY, killed, onward(call)))
        world.later(31)
        await world.say("Next")
        assert world.found().messages[answer.id].text == "Hello"
        assert world.said()[-2] == ("user", "Next")

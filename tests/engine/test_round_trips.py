"""How often the table is waited for before the model is asked: twice, and once before for the key
of whoever asks, which is not the engine's.
"""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from reprise.accounts.plans import find
from reprise.accounts.rates import Rate, Window
from reprise.chat.messages import Message, Said
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.targets import version_of
from reprise.store import keys
from tests.calls import Call
from tests.capacity import measured
from tests.engine.world import OWNER, Run, World
from tests.faults import Fault, faults, writing
from tests.models import FAKE, FakeModels

PLAN = find("standard")


@pytest.fixture
def world(aws: None) -> World:
    return World(FakeModels(replace(FAKE, credits=10)), allowance=PLAN.allowance)


async def ask(world: World, kind: str, target: str, question: str) -> Run:
    """A request with everything: a key, a window, a plan with limits."""
    rate = Rate(PLAN, "conversations", OWNER)

    async def count() -> Window:
        return await asyncio.to_thread(rate.add, world.now())

    asker = world.asker(key="k", count=count)
    engine, where, options = world.engine, world.conversation.id, Options()
    match kind:
        case "send":
            return await turns.send(engine, asker, where, "Hi", options)
        case "start":
            return await turns.start(engine, asker, [Said("user", "Hi")], options, Draft())
        case "edit":
            return await turns.edit(engine, asker, where, question, "Hey", options)
        case _:
            return await turns.redo(engine, asker, where, version_of(target), options)


def side_by_side(*some: Fault) -> list[Fault]:
    """Calls of which none is answered before all of them are made: where they are made one after
    the other, it fails.
    """
    all_made = threading.Barrier(len(some), timeout=30)

    def answered(call: Call) -> Any:
        all_made.wait()
        return call.proceed()

    return [replace(each, kind=answered) for each in some]


def proceed(call: Call) -> Any:
    return call.proceed()


COUNTED = Fault("UpdateItem", proceed, where=writing(keys.WINDOW))
LOOKED_UP = Fault("GetItem", proceed, where=writing(keys.CLAIM))
READ = Fault("Query", proceed)


async def before_the_model(world: World, kind: str, answer: Message, *first: Fault) -> list[str]:
    """The calls that are made before the model is asked, of which the `first` are side by side."""
    asked: list[list[str]] = []
    with measured(units=False) as cost, faults(*side_by_side(*first)) as struck:
        world.models.enqueue([lambda: asked.append(cost.operations), "Hello"])
        await (await ask(world, kind, answer.id, str(answer.parent))).ended()
    assert len(struck) == len(first)
    return sorted(asked[0])


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("kind", ["send", "edit", "redo"])
async def test_the_table_is_waited_for_twice_before_the_model_is_asked(
    world: World, kind: str, length: int
) -> None:
    for _ in range(length):
        answer = await world.say("Hi", ["Hello"])
    calls = await before_the_model(world, kind, answer, READ, COUNTED, LOOKED_UP)
    assert calls == ["GetItem", "Query", "TransactWriteItems", "UpdateItem"]


async def test_a_start_reads_nothing_but_its_claim(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    calls = await before_the_model(world, "start", answer, COUNTED, LOOKED_UP)
    assert calls == ["GetItem", "TransactWriteItems", "UpdateItem"]


async def test_numbers_and_the_rest_of_the_context_are_read_while_the_turn_is_written(
    world: World,
) -> None:
    for number in range(14):
        answer = await world.say(f"{number}", ["Hello"])
    await world.again(answer.id, ["Again"])
    calls = await before_the_model(
        world,
        "redo",
        answer,
        Fault("TransactWriteItems", proceed),
        Fault("GetItem", proceed, where=writing(keys.VERSIONS)),
        Fault("Query", proceed, on=2),
    )
    assert calls == [*["GetItem"] * 2, *["Query"] * 2, "TransactWriteItems", "UpdateItem"]

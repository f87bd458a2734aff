"""What an answer costs: held when it begins, settled when it ends, whichever way it does."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from reprise.chat.errors import NoCredits, TooManyRunning, UpstreamFailed
from reprise.chat.messages import Message, Usage
from reprise.engine import conversations
from reprise.engine.stop import stop
from reprise.llm.protocol import Finished
from reprise.store import balances
from reprise.store.balances import Allowance, Balance
from tests.engine.world import OWNER, World, stored, until
from tests.models import FAKE, FakeModels, Step

DEAR = replace(FAKE, credits=10)
SPARE = replace(FAKE, name="spare", id="vendor/spare", aliases=frozenset(), credits=30)
NOTHING_HELD: frozenset[str] = frozenset()
ENDLESS = partial(asyncio.sleep, 3600)


@pytest.fixture
def world(aws: None) -> World:
    """An account that may spend 1,000 credits a month and have two answers made at once."""
    return World(FakeModels(DEAR, SPARE), allowance=Allowance(1000, 2))


def spent(world: World) -> list[int]:
    return [int(entry.credits) for entry in balances.entries(OWNER)]


async def say(world: World, *answer: Step) -> Message:
    return await world.say("Hi", answer)


# Held and settled


async def test_what_it_may_cost_is_held_while_an_answer_is_made(world: World) -> None:
    seen: list[Balance] = []
    await say(world, "Hel", lambda: seen.append(world.balance()), "lo")
    (during,) = seen
    assert (during.credits, len(during.holds)) == (990, 1)
    assert world.balance() == Balance(990, NOTHING_HELD)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1, 0), 10),
        (Usage(600, 400), 10),
        (Usage(600, 401), 20),
        (Usage(12_000, 345), 130),
        (Usage(0, 0), 0),
    ],
)
async def test_each_thousand_tokens_that_were_begun_cost_the_models_price(
    world: World, usage: Usage, cost: int
) -> None:
    answer = await say(world, "Hello", Finished("stop", usage))
    assert answer.usage == usage
    assert world.balance() == Balance(1000 - cost, NOTHING_HELD)
    assert spent(world) == [cost]


async def test_settling_may_go_below_zero_and_then_nothing_begins(world: World) -> None:
    await say(world, "Hello", Finished("stop", Usage(150_000, 0)))
    assert world.balance() == Balance(-500, NOTHING_HELD)
    before = world.found()
    with pytest.raises(NoCredits):
        await world.begin("More")
    assert world.found() == before
    assert len(world.models.requests) == 1


async def test_a_redo_and_an_edit_cost_as_a_message_does(world: World) -> None:
    answer = await say(world, "Hello")
    await world.again(answer.id, ["Again"])
    await stored(await world.edit(str(answer.parent), "Hey"))
    assert spent(world) == [10, 10, 10]
    assert world.balance() == Balance(970, NOTHING_HELD)


async def test_the_ledger_names_the_answer_and_what_it_was(world: World) -> None:
    answer = await say(world, "Hello", Finished("stop", Usage(7, 3)))
    (entry,) = balances.entries(OWNER)
    assert entry.sk == f"LEDGER#{answer.id}"
    assert (entry.credits, entry.model, entry.estimated) == (10, "fake", None)
    assert (entry.input_tokens, entry.output_tokens) == (7, 3)
    assert entry.at == answer.updated


async def test_where_nothing_is_limited_nothing_is_held(aws: None) -> None:
    world = World(FakeModels(DEAR))
    answer = await say(world, "Hello")
    assert world.stored(answer.id).hold is None
    assert world.balance() == Balance(None, NOTHING_HELD)
    assert spent(world) == []


async def test_where_only_the_running_are_limited_nothing_is_paid(aws: None) -> None:
    world = World(FakeModels(DEAR), allowance=Allowance(None, 1))
    await say(world, "Hello")
    await say(world, "Hello")
    assert world.balance() == Balance(None, NOTHING_HELD)
    assert spent(world) == []


async def test_a_message_that_nobody_answers_costs_nothing(world: World) -> None:
    from reprise.engine import turns

    where = world.conversation.id
    await turns.append(world.engine, world.asker(), where, "system", "Be brief.")
    assert world.balance() == Balance(None, NOTHING_HELD)


# What nobody reported


async def test_usage_that_nobody_reported_is_estimated_from_both_texts_and_marked(
    world: World,
) -> None:
    answer = await say(world, "x" * 4000, Finished("stop"))
    assert answer.usage
    assert answer.usage.estimated
    assert answer.usage.input > 0
    assert answer.usage.output >= 1000
    (entry,) = balances.entries(OWNER)
    assert (entry.credits, entry.estimated) == (20, True)


async def test_what_was_read_counts_too(world: World) -> None:
    await world.say("y" * 20_000, ["Yes"])
    answer = await say(world, "Hello", Finished("stop"))
    assert answer.usage
    assert answer.usage.input >= 5000
    assert spent(world)[-1] == 60


@pytest.mark.parametrize(
    ("script", "cost"),
    [
        ([UpstreamFailed("gone")], 0),
        (["x" * 4000, UpstreamFailed("cut")], 20),
        ([ZeroDivisionError("a defect")], 0),
        (["x" * 4000, ZeroDivisionError("a defect")], 20),
    ],
    ids=["before a token", "after some", "a defect before", "a defect after"],
)
async def test_a_failure_costs_what_was_produced(
    world: World, script: Sequence[Step], cost: int
) -> None:
    answer = await say(world, *script)
    assert answer.state == "error"
    assert world.balance() == Balance(1000 - cost, NOTHING_HELD)
    assert spent(world) == [cost]
    assert bool(balances.entries(OWNER)[0].estimated) is bool(cost)


@pytest.mark.parametrize(("said", "cost"), [([], 0), (["x" * 4000], 20)])
async def test_a_stop_costs_what_was_produced(world: World, said: list[Step], cost: int) -> None:
    reached = asyncio.Event()
    world.models.enqueue([*said, reached.set, ENDLESS])
    generation = await world.begin("Hi")
    await reached.wait()
    await stop(world.engine, OWNER, world.conversation.id)
    await generation.ended()
    assert world.balance() == Balance(1000 - cost, NOTHING_HELD)
    assert spent(world) == [cost]


@pytest.mark.parametrize(("said", "cost"), [([], 0), (["x" * 4000], 20)])
async def test_a_deadline_costs_what_was_produced(
    world: World, said: list[Step], cost: int
) -> None:
    world.models.enqueue([*said, ENDLESS])
    await (await world.begin("Hi", within=world.timing.margin + 1.5)).ended()
    assert world.balance() == Balance(1000 - cost, NOTHING_HELD)
    assert spent(world) == [cost]


async def test_an_empty_answer_costs_what_was_reported(world: World) -> None:
    await say(world, Finished("stop", Usage(500, 0)))
    assert spent(world) == [10]


# Whoever answers


async def test_the_model_that_really_answered_is_paid(aws: None) -> None:
    models = FakeModels(replace(DEAR, fallbacks=("spare",)), SPARE)
    world = World(models, allowance=Allowance(1000, 2))
    held: list[Balance] = []
    models.enqueue([UpstreamFailed("404", refused=True)])
    await say(world, lambda: held.append(world.balance()), "Hello")
    assert held[0].credits == 990, "held at the price of the model that was asked for"
    (entry,) = balances.entries(OWNER)
    assert (entry.credits, entry.model) == (30, "spare")
    assert world.balance() == Balance(970, NOTHING_HELD)


async def test_where_no_model_answers_nobody_is_paid(aws: None) -> None:
    models = FakeModels(replace(DEAR, fallbacks=("spare",)), SPARE)
    world = World(models, allowance=Allowance(1000, 2))
    models.enqueue([UpstreamFailed("404", refused=True)])
    await say(world, UpstreamFailed("404", refused=True))
    assert spent(world) == [0]
    assert world.balance() == Balance(1000, NOTHING_HELD)


# At once


async def test_no_more_run_at_once_than_the_plan_allows(world: World) -> None:
    ends = asyncio.Event()
    running = []
    for _ in range(2):
        world.models.enqueue(["Hel", ends.wait, "lo"])
        running.append(await world.begin("Hi"))
        world.elsewhere()
    with pytest.raises(TooManyRunning) as refused:
        await world.begin("Hi")
    assert refused.value.limit == 2
    assert world.said() == []
    ends.set()
    await asyncio.gather(*(each.ended() for each in running))
    await say(world, "Now")
    assert world.balance() == Balance(970, NOTHING_HELD)


async def test_who_is_refused_may_ask_again_under_the_same_key(world: World) -> None:
    ends = asyncio.Event()
    running = []
    for _ in range(2):
        world.models.enqueue([ends.wait, "Hello"])
        running.append(await world.begin("Hi"))
        world.elsewhere()
    with pytest.raises(TooManyRunning):
        await world.begin("Hi", key="k")
    ends.set()
    await asyncio.gather(*(each.ended() for each in running))
    await stored(await world.begin("Hi", key="k"))


async def test_a_retry_is_not_paid_twice(world: World) -> None:
    first = await stored(await world.begin("Hi", key="k"))
    again = await stored(await world.send("Hi", world.process(), key="k"))
    assert again == first
    assert spent(world) == [10]


# Deleted meanwhile


async def test_deleting_the_conversation_settles_what_was_produced(world: World) -> None:
    goes_on = asyncio.Event()
    world.models.enqueue(["x" * 4000, goes_on.wait, "never"])
    generation = await world.begin("Hi")
    await until(lambda: world.said()[-1][1])
    conversations.delete(world.engine, OWNER, world.conversation.id)
    assert await generation.ended() is None
    assert world.balance() == Balance(980, NOTHING_HELD)
    assert spent(world) == [20]


async def test_deleting_it_at_the_very_end_settles_what_was_reported(world: World) -> None:
    delete = partial(conversations.delete, world.engine, OWNER, world.conversation.id)
    world.models.enqueue(["Hello", delete, Finished("stop", Usage(1500, 0))])
    assert await (await world.begin("Hi")).ended() is None
    assert world.balance() == Balance(980, NOTHING_HELD)

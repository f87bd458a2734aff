"""What crashed answers hold is released: by whoever repairs them, or whoever is refused for
them.
"""

import asyncio
from dataclasses import replace

import pytest
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import NoCredits, TooManyRunning
from reprise.engine import conversations
from reprise.engine.repair import release_expired, repair_expired
from reprise.engine.stop import stop
from reprise.store import balances, keys
from reprise.store.balances import Allowance, Balance
from reprise.store.conversations import purge
from tests.engine.world import OWNER, World, stored
from tests.faults import Fault, faults, onward, throttled
from tests.models import FAKE, FakeModels

LONG = "x" * 4000  # a thousand tokens and a bit
NOTHING_HELD: frozenset[str] = frozenset()


@pytest.fixture
def world(aws: None) -> World:
    return alone(1000)


def alone(amount: int) -> World:
    """An account of which one answer may be made at once, for ten credits a thousand tokens."""
    return World(FakeModels(replace(FAKE, credits=10)), allowance=Allowance(amount, 1))


def spent() -> list[int]:
    return [int(entry.credits) for entry in balances.entries(OWNER)]


def release(world: World) -> None:
    release_expired(OWNER, world.now())


# By whoever repairs


async def test_the_next_sender_settles_what_crashed_for_what_was_logged(world: World) -> None:
    world.abandon("Hi", [LONG])
    assert world.balance().credits == 990
    world.later(31)
    await world.say("Again", ["Yes"])
    assert spent() == [20, 10]
    assert world.balance() == Balance(970, NOTHING_HELD)


async def test_what_crashed_before_a_word_is_released(world: World) -> None:
    world.abandon("Hi")
    world.later(31)
    await stop(world.engine, OWNER, world.conversation.id)
    assert spent() == [0]
    assert world.balance() == Balance(1000, NOTHING_HELD)


async def test_the_worker_settles_it_if_nobody_comes(world: World) -> None:
    answer = world.abandon("Hi", [LONG])
    world.remove_lease()
    partition = keys.conversation(OWNER, world.conversation.number)
    assert repair_expired(partition, answer.id, world.now())
    assert not repair_expired(partition, answer.id, world.now())
    assert spent() == [20]
    assert world.balance() == Balance(980, NOTHING_HELD)


async def test_what_a_repair_settles_is_an_estimate(world: World) -> None:
    world.abandon("Hi", [LONG])
    world.later(31)
    release(world)
    (entry,) = balances.entries(OWNER)
    assert (entry.estimated, entry.input_tokens, entry.model) == (True, 0, "fake")
    assert entry.output_tokens
    assert entry.output_tokens >= 1000


async def test_deleting_the_conversation_settles_what_crashed_in_it(world: World) -> None:
    world.abandon("Hi", [LONG])
    world.later(31)
    conversations.delete(world.engine, OWNER, world.conversation.id)
    assert spent() == [20]
    assert world.balance() == Balance(980, NOTHING_HELD)


async def test_a_writer_that_was_repaired_away_pays_nothing_more(world: World) -> None:
    awake = asyncio.Event()
    world.models.enqueue(["Hel", awake.wait, LONG])
    sleeper = await world.begin("Hi")
    world.later(31)
    release(world)
    awake.set()
    assert await sleeper.ended() is None
    assert len(spent()) == 1
    assert world.balance().holds == NOTHING_HELD


# By whoever is refused


async def test_a_refused_hold_releases_what_crashed_elsewhere_and_tries_once_more(
    world: World,
) -> None:
    crashed = world.abandon("Hi", [LONG])
    left = world.elsewhere()
    world.later(31)
    await world.say("Here", ["Yes"])
    assert spent() == [20, 10]
    there = conversations.find(OWNER, left.id)
    assert there[1] is None, "its lease is gone with it"
    world.conversation = left
    assert world.stored(crashed.id).state == "error"


async def test_credits_that_crashed_answers_hold_come_back_too(aws: None) -> None:
    world = World(FakeModels(replace(FAKE, credits=10)), allowance=Allowance(15, None))
    world.abandon("Hi")
    world.elsewhere()
    with pytest.raises(NoCredits):
        await world.begin("Too soon")
    world.later(31)
    await world.say("Now", ["Yes"])
    assert world.balance() == Balance(5, NOTHING_HELD)


async def test_what_still_runs_is_not_released(world: World) -> None:
    answer = world.abandon("Hi", [LONG])
    world.elsewhere()
    with pytest.raises(TooManyRunning):
        await world.begin("Here")
    assert spent() == []
    assert answer.id in next(iter(world.balance().holds))


async def test_it_is_tried_once_more_and_not_again(world: World) -> None:
    world.abandon("Hi", [LONG])
    world.elsewhere()
    with (
        faults(
            Fault("TransactWriteItems", lambda call: call.proceed(), onward(1)),
        ) as writes,
        pytest.raises(TooManyRunning),
    ):
        await world.begin("Here")
    assert len(writes) == 2


async def test_what_there_is_left_to_pay_with_does_not_grow_by_releasing(world: World) -> None:
    world = alone(15)
    world.abandon("Hi", [LONG])  # which costs 20
    world.elsewhere()
    world.later(31)
    with pytest.raises(NoCredits):
        await world.begin("Here")
    assert world.balance() == Balance(-5, NOTHING_HELD)


async def test_where_releasing_fails_the_request_fails_and_nothing_is_lost(world: World) -> None:
    world.abandon("Hi", [LONG])
    world.elsewhere()
    world.later(31)
    with (
        faults(Fault("BatchGetItem", throttled, onward(1))) as struck,
        pytest.raises(PynamoDBException),
    ):
        await world.begin("Here")
    assert struck
    assert world.balance().holds
    await world.say("Here", ["Yes"])
    assert world.balance() == Balance(970, NOTHING_HELD)


@pytest.mark.parametrize("purged", [False, True])
async def test_what_a_deleted_conversations_answer_holds_is_released(
    world: World, purged: bool
) -> None:
    """It was deleted while its writer lived, which then died before it could settle."""
    world.abandon("Hi", [LONG])
    conversations.delete(world.engine, OWNER, world.conversation.id)
    left = world.elsewhere()
    assert world.balance().holds
    if purged:
        world.later(1)
        purge(keys.conversation(OWNER, left.number), world.engine.now_ms())
    await world.say("Here", ["Yes"])
    assert world.balance().holds == NOTHING_HELD
    assert spent() == ([0, 10] if purged else [20, 10]), "for the text that is still logged"


async def test_a_writer_that_settles_after_it_was_released_settles_nothing(world: World) -> None:
    goes_on = asyncio.Event()
    world.models.enqueue([LONG, goes_on.wait, LONG])
    generation = await world.begin("Hi")
    conversations.delete(world.engine, OWNER, world.conversation.id)
    release(world)
    goes_on.set()
    assert await generation.ended() is None
    assert len(spent()) == 1
    assert world.balance().holds == NOTHING_HELD


async def test_releasing_twice_and_at_once_is_releasing(world: World) -> None:
    world.abandon("Hi", [LONG])
    world.later(31)
    await asyncio.gather(*(asyncio.to_thread(release, world) for _ in range(5)))
    release(world)
    assert spent() == [20]
    assert world.balance() == Balance(980, NOTHING_HELD)


async def test_several_that_crashed_are_all_released(aws: None) -> None:
    world = World(FakeModels(replace(FAKE, credits=10)), allowance=Allowance(1000, 3))
    for _ in range(3):
        world.abandon("Hi", [LONG])
        world.elsewhere()
    world.later(31)
    await stored(await world.begin("Here"))
    assert sorted(spent()) == [10, 20, 20, 20]
    assert world.balance() == Balance(930, NOTHING_HELD)

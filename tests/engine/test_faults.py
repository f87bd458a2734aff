"""The table or the model cannot be had, or nobody knows whether it did what it was asked."""

import asyncio
from dataclasses import replace

import pytest
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import UpstreamFailed
from reprise.engine import reading
from reprise.store import generations
from tests.engine.world import World, with_timing
from tests.faults import (
    Fault,
    Kind,
    conflict,
    disconnected,
    faults,
    internal,
    lost_answer,
    onward,
    repeated,
    throttled,
    timeout,
    writing,
)
from tests.models import FAKE, FakeModels

UNCLEAR = [timeout, lost_answer, repeated, internal, throttled, disconnected, conflict]


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_a_begin_that_may_have_happened_happens_once(world: World, kind: Kind) -> None:
    with faults(Fault("TransactWriteItems", kind)) as struck:
        await world.say("Hi", ["Hello"])
    assert struck
    assert world.said() == [("user", "Hi"), ("done", "Hello")]
    assert len(world.found().messages) == 2
    assert len(world.models.requests) == 1


@pytest.mark.parametrize("kind", UNCLEAR)
async def test_an_ending_that_may_have_happened_happens_once(world: World, kind: Kind) -> None:
    with faults(Fault("TransactWriteItems", kind, on=2)) as struck:
        answer = await world.say("Hi", ["Hello"])
    assert struck
    assert answer.state == "done"
    assert world.said() == [("user", "Hi"), ("done", "Hello")]
    assert world.found().lease is None


async def test_a_begin_that_cannot_be_written_asks_no_model(world: World) -> None:
    with (
        faults(Fault("TransactWriteItems", disconnected, onward(1))),
        pytest.raises(PynamoDBException),
    ):
        await world.begin("Hi")
    assert world.models.requests == []
    assert world.said() == []


async def test_five_conflicts_in_a_row_are_outlasted(world: World) -> None:
    with faults(Fault("TransactWriteItems", conflict, range(1, 6))):
        await world.say("Hi", ["Hello"])
    assert world.said() == [("user", "Hi"), ("done", "Hello")]


async def test_an_ending_that_cannot_be_written_ends_the_stream_and_is_repaired(
    world: World,
) -> None:
    world.models.enqueue(["Hel", "lo"])
    with faults(Fault("TransactWriteItems", disconnected, onward(2))):
        generation = await world.begin("Hi")
        assert await generation.ended() is None
    assert world.said() == [("user", "Hi"), ("in-progress", "Hello")]
    world.later(31)
    assert world.said() == [("user", "Hi"), ("error", "Hello")]
    await world.say("Next", ["Yes"])
    assert world.said()[1] == ("error", "Hello")


async def test_an_ending_waits_for_the_table_to_come_back(aws: None) -> None:
    world = with_timing(patience=10)
    with faults(Fault("TransactWriteItems", disconnected, range(2, 8))) as struck:
        answer = await world.say("Hi", ["Hello"])
    assert len(struck) == 6
    assert answer.state == "done"


@pytest.mark.parametrize("kind", [throttled, timeout, lost_answer, disconnected])
async def test_chunks_that_could_not_be_logged_are_logged_later(world: World, kind: Kind) -> None:
    with faults(Fault("PutItem", kind, {1, 2}, writing("CHUNK"))) as struck:

        async def until_struck() -> None:
            while len(struck) < 2:
                await asyncio.sleep(0.01)

        world.models.enqueue(["0", "1", until_struck, "2", "3", "4"])
        generation = await world.begin("Hi")
        await generation.ended()
    assert [e.n for e in generations.logged(generation.id)] == [1, 2, 3, 4, 5]


async def test_a_log_that_cannot_be_written_does_not_keep_the_answer(world: World) -> None:
    with faults(Fault("PutItem", disconnected, onward(1), writing("CHUNK"))):
        answer = await world.say("Hi", ["Hello"])
    assert answer.state == "done"
    assert world.said() == [("user", "Hi"), ("done", "Hello")]


async def test_a_context_that_cannot_be_read_fails_the_answer_not_the_turn(world: World) -> None:
    for number in range(15):
        await world.say(f"Question {number}", ["Yes"])
    with faults(Fault("Query", disconnected, onward(2))) as struck:
        answer = await world.say("Hi", ["never"])
    assert struck
    assert answer.state == "error"
    assert world.said()[-1] == ("user", "Hi")
    assert world.found().lease is None


async def test_reads_that_fail_are_the_callers_to_hear_of(world: World) -> None:
    await world.say("Hi", ["Hello"])
    answer = world.listing()[-1]
    with faults(Fault("BatchGetItem", throttled, onward(1))), pytest.raises(PynamoDBException):
        reading.message(world.engine, world.conversation.owner, answer.id)


async def test_a_model_that_took_nothing_on_is_asked_again(world: World) -> None:
    for _ in range(2):
        world.models.enqueue([UpstreamFailed("503", retryable=True)])
    answer = await world.say("Hi", ["Hello"])
    assert len(world.models.requests) == 3
    assert answer.text == "Hello"


async def test_a_model_is_asked_three_times_at_most(world: World) -> None:
    for _ in range(3):
        world.models.enqueue([UpstreamFailed("503", retryable=True)])
    answer = await world.say("Hi", ["never"])
    assert (answer.state, len(world.models.requests)) == ("error", 3)


async def test_a_model_that_may_have_answered_is_not_asked_again(world: World) -> None:
    world.models.enqueue([UpstreamFailed("timed out")])
    answer = await world.say("Hi", ["never"])
    assert (answer.state, len(world.models.requests)) == ("error", 1)


async def test_after_the_first_token_nothing_is_asked_again(world: World) -> None:
    world.models.enqueue(["Hel", UpstreamFailed("503", retryable=True)])
    answer = await world.say("Hi")
    assert (answer.state, answer.text, len(world.models.requests)) == ("error", "Hel", 1)


@pytest.mark.parametrize(
    "failure",
    [UpstreamFailed("404", refused=True), UpstreamFailed("503", retryable=True)],
    ids=["refused", "out of order"],
)
async def test_a_fallback_answers_for_a_model_that_does_not(
    aws: None, failure: UpstreamFailed
) -> None:
    spare = replace(FAKE, name="spare", id="vendor/spare", aliases=frozenset())
    world = World(FakeModels(replace(FAKE, fallbacks=("spare",)), spare))
    for _ in range(3 if failure.retryable else 1):
        world.models.enqueue([failure])
    answer = await world.say("Hi", ["Hello"])
    assert world.models.requests[-1].model == "vendor/spare"
    assert (answer.text, answer.model) == ("Hello", "fake"), "echoed as it was asked for"


async def test_the_wait_that_an_upstream_asks_for_is_bounded(world: World) -> None:
    world.models.enqueue([UpstreamFailed("429", retryable=True, retry_after=3600)])
    answer = await world.say("Hi", ["Hello"])
    assert answer.text == "Hello"

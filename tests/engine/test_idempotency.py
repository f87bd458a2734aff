"""A request that is made again under its key comes to the same generation, never to a second."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from reprise.accounts.rates import Window
from reprise.chat.errors import Conflict, IdempotencyMismatch, NotFound, RateLimited, UpstreamFailed
from reprise.chat.events import Begun, Ended, Produced
from reprise.engine import conversations, reading
from reprise.engine.attach import Attached
from reprise.engine.generation import Generation
from reprise.store import generations
from reprise.store.claims import KEPT
from reprise.store.generations import Terms
from tests.calls import Call
from tests.engine.world import OWNER, World, events_of, stored, told
from tests.faults import Fault, faults, meanwhile, onward, writing


async def repeat(world: World, text: str = "Hi", key: str = "k") -> Attached:
    """The same request once more, at another process."""
    run = await world.send(text, world.process(), key=key)
    assert isinstance(run, Attached)
    return run


# While it runs


async def test_while_it_runs_the_same_request_gets_the_very_same_events(world: World) -> None:
    both_read = asyncio.Event()
    world.models.enqueue(["Hel", "lo", both_read.wait, " wor", "ld"])
    first = await world.begin("Hi", key="k")
    again = await repeat(world)
    assert again.begun == first.begun

    seen = []
    async for event in again.events():
        seen.append(event)
        if isinstance(event, Produced) and event.n == 2:
            both_read.set()  # it got there while the model was still speaking

    assert seen == await events_of(first)
    assert [type(event) for event in seen] == [Begun, *[Produced] * 4, Ended]
    assert len(world.models.requests) == 1
    assert world.said() == [("user", "Hi"), ("done", "Hello world")]


async def test_any_number_of_processes_asks_once(world: World) -> None:
    for number in range(5):
        world.models.enqueue(["Hel", "lo"])
        runs = await asyncio.gather(
            *(world.send("Hi", world.process(), key=f"k{number}") for _ in range(4))
        )
        assert [type(run) for run in runs].count(Generation) == 1
        lists = await asyncio.gather(*map(events_of, runs))
        assert all(told(events) == told(lists[0]) for events in lists)
    assert len(world.models.requests) == 5
    assert world.said() == [("user", "Hi"), ("done", "Hello")] * 5


async def test_a_client_that_went_away_and_asks_again_gets_everything(world: World) -> None:
    asked_again = asyncio.Event()
    world.models.enqueue(["Hel", asked_again.wait, "lo"])
    first = await world.begin("Hi", key="k")
    async for event in first.events():
        if isinstance(event, Produced):
            break
    again = await repeat(world)
    asked_again.set()
    assert (await stored(again)).text == "Hello"


async def test_a_conversation_that_is_busy_with_this_very_request_is_no_conflict(
    world: World,
) -> None:
    """The other one begins after the key was looked up, and before the conversation is read."""
    turn, claim = world.turn("Hi"), world.claim("k", "Hi")
    begun = threading.Event()

    def looked_up_too_early(call: Call) -> Any:
        answer = call.proceed()
        generations.begin(turn, world.now() + 30, Terms(claim))
        begun.set()
        return answer

    def read_too_late(call: Call) -> Any:
        assert begun.wait(30)
        return call.proceed()

    with faults(
        Fault("GetItem", looked_up_too_early, 1, writing("IDEM")),
        Fault("Query", read_too_late),
    ) as struck:
        again = await repeat(world)
    assert len(struck) == 2
    assert again.id == turn.messages[-1].id


async def test_a_conversation_that_was_taken_at_the_last_moment_by_this_very_request(
    world: World,
) -> None:
    """The other one begins between the reading and the write."""
    turn, claim = world.turn("Hi"), world.claim("k", "Hi")
    other = meanwhile(lambda: generations.begin(turn, world.now() + 30, Terms(claim)))
    with faults(Fault("TransactWriteItems", other)) as struck:
        again = await repeat(world)
    assert struck
    assert again.id == turn.messages[-1].id
    assert world.models.requests == []


async def test_a_conversation_that_is_busy_with_something_else_is_a_conflict(world: World) -> None:
    running = world.abandon("Something else")
    with pytest.raises(Conflict) as refused:
        await world.begin("Hi", key="k")
    assert refused.value.generation == running.id


# When it is over


async def test_afterwards_the_finished_answer_is_replayed_event_by_event(world: World) -> None:
    world.models.enqueue(["Hel", "lo"])
    live = await events_of(await world.begin("Hi", key="k"))
    again = await repeat(world)
    assert told(await events_of(again)) == told(live)
    assert len(world.models.requests) == 1


async def test_a_replay_is_of_its_own_answer_whatever_came_after(world: World) -> None:
    world.models.enqueue(["Hel", "lo"])
    first = await stored(await world.begin("Hi", key="k"))
    await world.say("And now?", ["Now this."])
    await world.again(first.id, ["Another version"])
    events = await events_of(await repeat(world))
    assert isinstance(events[0], Begun)
    assert events[0].user
    assert events[0].user.text == "Hi"
    assert isinstance(events[-1], Ended)
    assert events[-1].message == replace(first, versions=2)
    assert world.said() == [("user", "Hi"), ("done", "Another version")]


async def test_a_failed_answer_stays_failed(world: World) -> None:
    world.models.enqueue([UpstreamFailed("gone")])
    live = await events_of(await world.begin("Hi", key="k"))
    again = await events_of(await repeat(world))
    assert told(again) == told(live)
    assert len(world.models.requests) == 1


async def test_what_crashed_is_not_begun_again(world: World) -> None:
    turn = world.turn("Hi")
    generations.begin(turn, world.now() + 30, Terms(world.claim("k", "Hi")))
    world.log(turn.messages[-1].id, ["Hel"])
    world.later(31)
    answer = await stored(await repeat(world))
    assert (answer.id, answer.state, answer.text) == (turn.messages[-1].id, "error", "Hel")
    assert world.models.requests == []


async def test_in_a_conversation_that_was_deleted_there_is_nothing_to_replay(world: World) -> None:
    await stored(await world.begin("Hi", key="k"))
    conversations.delete(world.engine, OWNER, world.conversation.id)
    with pytest.raises(NotFound):
        await repeat(world)
    assert len(world.models.requests) == 1


async def test_an_answer_that_was_deleted_is_not_replayed(world: World) -> None:
    answer = await stored(await world.begin("Hi", key="k"))
    reading.hide(world.engine, OWNER, answer.id)
    with pytest.raises(NotFound):
        await repeat(world)


async def test_a_question_that_was_deleted_is_not_told_again(world: World) -> None:
    answer = await stored(await world.begin("Hi", key="k"))
    reading.hide(world.engine, OWNER, str(answer.parent))
    begun, *_, ended = await events_of(await repeat(world))
    assert isinstance(begun, Begun)
    assert begun.user is None
    assert ended == Ended(answer)


async def test_after_24_hours_the_key_is_free(world: World) -> None:
    await stored(await world.begin("Hi", key="k"))
    world.later(KEPT + 1)
    await stored(await world.begin("Hi", key="k"))
    assert len(world.models.requests) == 2


# What is another request


async def test_another_request_under_the_key_is_refused_and_changes_nothing(world: World) -> None:
    await stored(await world.begin("Hi", key="k"))
    before = world.found()
    with pytest.raises(IdempotencyMismatch):
        await world.send("Something else", key="k")
    assert world.found() == before


async def test_another_request_under_the_key_of_one_that_runs_is_no_conflict(world: World) -> None:
    turn = world.turn("Hi")
    generations.begin(turn, world.now() + 30, Terms(world.claim("k", "Hi")))
    with pytest.raises(IdempotencyMismatch):
        await world.send("Something else", key="k")


async def test_another_key_is_another_request(world: World) -> None:
    await stored(await world.begin("Hi", key="k"))
    await stored(await world.begin("Hi", key="l"))
    assert len(world.models.requests) == 2


async def test_a_request_that_was_refused_may_be_made_again_under_its_key(world: World) -> None:
    world.abandon("Something else")
    with pytest.raises(Conflict):
        await world.begin("Hi", key="k")
    world.later(31)
    await stored(await world.begin("Hi", key="k"))
    assert world.said()[-2:] == [("user", "Hi"), ("done", "An answer.")]


# Counted requests


class Counter:
    """A rate window that has room for `limit` requests."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    async def add(self) -> Window:
        self.count += 1
        return Window(self.limit, self.count, reset=2**40)


async def test_one_too_many_is_refused_and_writes_nothing(world: World) -> None:
    counter = Counter(1)
    await stored(await world.begin("One", count=counter.add))
    before = world.found()
    with pytest.raises(RateLimited):
        await world.begin("Two", key="k", count=counter.add)
    assert world.found() == before
    assert len(world.models.requests) == 1


async def test_a_claim_that_is_found_wins_over_a_refused_rate(world: World) -> None:
    counter = Counter(1)
    first = await world.begin("Hi", key="k", count=counter.add)
    await first.ended()
    again = await world.send("Hi", key="k", count=counter.add)
    assert again.id == first.id
    with pytest.raises(IdempotencyMismatch):
        await world.send("Something else", key="k", count=counter.add)
    assert counter.count == 3, "each of them counts"


async def test_a_request_counts_once_however_often_it_has_to_try(world: World) -> None:
    counter = Counter(100)

    def move() -> None:
        found = world.found().conversation
        assert found
        partial = world.turn("Meanwhile")
        generations.begin(replace(partial, messages=partial.messages[:1]), 0)

    with faults(Fault("TransactWriteItems", meanwhile(move), on=1)) as struck:
        await stored(await world.begin("Hi", count=counter.add))
    assert struck
    assert counter.count == 1
    assert world.said()[0] == ("user", "Meanwhile")


async def test_a_counter_that_cannot_be_had_refuses_before_anything_is_written(
    world: World,
) -> None:
    async def broken() -> Window:
        raise ConnectionError

    with (
        faults(Fault("TransactWriteItems", lambda call: call.proceed(), onward(1))) as writes,
        pytest.raises(ConnectionError),
    ):
        await world.begin("Hi", key="k", count=broken)
    assert writes == []

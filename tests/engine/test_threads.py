"""A thread that its client named itself: its first message makes it, whoever else sends one."""

import asyncio
from dataclasses import replace

import pytest

from reprise.accounts.rates import Window
from reprise.chat.errors import Conflict, Invalid, NotFound
from reprise.chat.messages import Conversation
from reprise.engine import conversations, turns
from reprise.engine.asker import Asker
from reprise.engine.attach import Attached
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.where import Thread, Where, thread
from tests.api import everything_stored
from tests.engine.world import OWNER, Run, World, events_of, stored, told
from tests.faults import Fault, faults, meanwhile

OTHER = "USER#0000000000000002"
TRIP = thread(OWNER, "trip")
UNKNOWN = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed


async def send(
    world: World,
    text: str = "Hello",
    where: Where = TRIP,
    asker: Asker | None = None,
    draft: Draft | None = None,
) -> Run:
    return await turns.send_to_thread(
        world.process(), asker or world.asker(), where, text, Options(), draft or Draft()
    )


def found(world: World, where: Where = TRIP, owner: str = OWNER) -> Conversation:
    conversation, _ = conversations.find(owner, where)
    world.conversation = conversation
    return conversation


async def test_its_first_message_makes_it(world: World) -> None:
    draft = Draft(agent="support", end_user="ada")
    run = await send(world, "Where to?", draft=draft)
    await stored(run)
    made = found(world)
    assert run.begun.created
    assert (made.thread, made.agent, made.end_user) == ("trip", "support", "ada")
    assert made.title == "Where to?"
    assert world.said() == [("user", "Where to?"), ("done", "An answer.")]


async def test_the_next_ones_go_on(world: World) -> None:
    await stored(await send(world, "One"))
    made = found(world)
    second = await send(world, "Two", draft=Draft("Another title", "sales"))
    await stored(second)
    assert not second.begun.created
    assert found(world) == replace(
        made, head=second.id, version=made.version + 1, activity=found(world).activity
    )
    assert [text for _, text in world.said()] == ["One", "An answer.", "Two", "An answer."]


async def test_it_is_there_by_its_id_and_its_number_too(world: World) -> None:
    await stored(await send(world, "One"))
    made = found(world)
    for where in (thread(OWNER, made.id), made.number):
        await stored(await send(world, "More", where))
    assert [text for role, text in world.said() if role == "user"] == ["One", "More", "More"]


async def test_everybody_has_names_of_their_own(world: World) -> None:
    await stored(await send(world, "Mine"))
    other = replace(world.asker(), owner=OTHER)
    await stored(await send(world, "Theirs", thread(OTHER, "trip"), other))
    assert found(world).number != found(world, thread(OTHER, "trip"), OTHER).number


@pytest.mark.parametrize("where", [UNKNOWN, 1 << 50])
async def test_an_id_or_a_number_makes_nothing(world: World, where: Where) -> None:
    before = everything_stored()
    with pytest.raises(NotFound):
        await send(world, where=where)
    assert everything_stored() == before
    assert world.models.requests == []


async def test_nothing_makes_nothing(world: World) -> None:
    with pytest.raises(Invalid):
        await send(world, " \n")
    with pytest.raises(NotFound):
        found(world)


async def test_of_two_first_messages_at_once_one_is_answered_and_one_refused(
    world: World,
) -> None:
    for number in range(10):
        where, both_tried = thread(OWNER, f"trip {number}"), asyncio.Event()
        world.models.enqueue([both_tried.wait, "Hello"])
        begun = await asyncio.gather(
            send(world, "A", where), send(world, "B", where), return_exceptions=True
        )
        won = [each for each in begun if not isinstance(each, BaseException)]
        lost = [each for each in begun if isinstance(each, BaseException)]
        assert len(won) == len(lost) == 1
        assert isinstance(lost[0], Conflict)
        assert lost[0].generation == won[0].id
        both_tried.set()
        await stored(won[0])
        found(world, where)
        assert len(world.said()) == 2


async def test_who_comes_second_by_a_moment_goes_on(world: World) -> None:
    """The other's whole turn happens between the look and the write."""

    def somebody_else() -> None:
        async def whole() -> None:
            await stored(await send(world, "First"))

        asyncio.run(whole())

    with faults(Fault("TransactWriteItems", meanwhile(somebody_else))) as struck:
        run = await send(world, "Second")
    assert struck
    await stored(run)
    assert not run.begun.created
    found(world)
    assert [text for _, text in world.said()] == ["First", "An answer.", "Second", "An answer."]


async def test_a_number_that_another_name_has_is_never_written_to(world: World) -> None:
    """Two names of which the hashes are the same, which will not happen."""
    assert isinstance(TRIP, Thread)
    await stored(await send(world, "Mine"))
    before = everything_stored()
    with pytest.raises(Conflict) as caught:
        await send(world, "Theirs", replace(TRIP, name="another"))
    assert caught.value.generation is None
    assert everything_stored() == before


async def test_one_that_was_deleted_can_be_begun_anew(world: World) -> None:
    await stored(await send(world, "One"))
    before = found(world)
    conversations.delete(world.engine, OWNER, before.id)
    await stored(await send(world, "Two"))
    again = found(world)
    assert (again.number, again.id != before.id) == (before.number, True)
    assert [text for _, text in world.said()] == ["Two", "An answer."]


@pytest.mark.parametrize("first", [True, False])
async def test_a_request_counts_once(world: World, first: bool) -> None:
    if not first:
        await stored(await send(world))
    counted: list[None] = []

    async def count() -> Window:
        counted.append(None)
        return Window(100, len(counted), 0)

    await stored(await send(world, asker=world.asker(count=count)))
    assert len(counted) == 1


async def test_the_same_request_makes_one_turn(world: World) -> None:
    first = await send(world, asker=world.asker(key="k"))
    events = await events_of(first)
    again = await send(world, asker=world.asker(key="k"))
    assert isinstance(again, Attached)
    assert told(await events_of(again)) == told(events)
    assert again.begun.created
    assert len(world.models.requests) == 1

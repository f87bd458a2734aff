"""Another version is shown, with what was last shown under it."""

import asyncio

import pytest

from reprise.chat.errors import Conflict, Invalid, NotFound, UpstreamFailed
from reprise.chat.messages import Message
from reprise.engine import conversations, reading, turns
from reprise.engine.asker import Asker
from reprise.engine.versions import select, versions_of
from reprise.store import keys
from reprise.store.balances import UNLIMITED
from reprise.store.items import VersionsItem
from tests.capacity import measured
from tests.engine.world import OWNER, World, stored
from tests.faults import EVERY, Fault, faults, meanwhile


async def choose(world: World, message: Message | str) -> list[str]:
    """Select a message; the texts that are shown then, oldest first."""
    message_id = message if isinstance(message, str) else message.id
    await select(world.process(), world.asker(), message_id)
    return shown(world)


def shown(world: World) -> list[str]:
    return [message.text for message in world.listing()]


# What is shown


async def test_the_selected_version_is_shown(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])
    third = await world.again(first.id, ["3"])
    assert await choose(world, first) == ["Hi", "1"]
    assert await choose(world, second) == ["Hi", "2"]
    assert await choose(world, third) == ["Hi", "3"]
    assert await choose(world, first) == ["Hi", "1"]


async def test_what_followed_it_is_shown_again(world: World) -> None:
    first = await world.say("One", ["1"])
    await world.say("Two", ["2"])
    second = await world.again(first.id, ["First"])
    await world.say("Other", ["o"])
    assert await choose(world, first) == ["One", "1", "Two", "2"]
    assert await choose(world, second) == ["One", "First", "Other", "o"]


async def test_of_several_continuations_the_one_last_shown_is_shown_again(world: World) -> None:
    first = await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    await world.again(two.id, ["Second"])
    other = await world.again(first.id, ["First"])
    assert await choose(world, first) == ["One", "1", "Two", "Second"]
    assert await choose(world, two) == ["One", "1", "Two", "2"]
    assert await choose(world, other) == ["One", "First"]
    assert await choose(world, first) == ["One", "1", "Two", "2"]


async def test_what_an_edit_took_over_from_is_shown_again(world: World) -> None:
    """The branch was left above the selected answer, which never had another version itself."""
    one = await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    await world.say("Three", ["3"])
    await stored(await world.edit(str(two.parent), "Second"))
    assert await choose(world, two) == ["One", "1", "Two", "2", "Three", "3"]
    await stored(await world.edit(str(one.parent), "First"))
    assert await choose(world, one) == ["One", "1", "Two", "2", "Three", "3"]


async def test_the_last_branch_counts_wherever_it_was_left(world: World) -> None:
    """It is left once at the selected version, and once above it."""
    one = await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    other = await world.again(one.id, ["Other"])  # left at it, with "2" shown
    await choose(world, two)
    await world.say("Three", ["3"])
    edited = await stored(await world.edit(str(one.parent), "First"))  # left above, with "3"
    assert await choose(world, one) == ["One", "1", "Two", "2", "Three", "3"]
    await choose(world, other)
    await choose(world, two.id)
    await choose(world, edited)
    assert await choose(world, one) == ["One", "1", "Two", "2", "Three", "3"]


async def test_branches_below_branches_are_found(world: World) -> None:
    root = await world.say("Root", ["r"])
    left = await world.say("Left", ["l"])
    left_two = await world.again(left.id, ["l2"])
    await world.say("Deep", ["d"])
    right = await world.again(root.id, ["r2"])
    await world.say("Right", ["x"])
    assert await choose(world, left) == ["Root", "r", "Left", "l"]
    assert await choose(world, left_two) == ["Root", "r", "Left", "l2", "Deep", "d"]
    assert await choose(world, right) == ["Root", "r2", "Right", "x"]
    assert await choose(world, root) == ["Root", "r", "Left", "l2", "Deep", "d"]


async def test_a_version_that_was_never_left_is_shown_by_itself(world: World) -> None:
    """As one is whose conversation went on elsewhere before heads were noted."""
    first = await world.say("One", ["1"])
    await world.say("Two", ["2"])
    await world.again(first.id, ["First"])
    item = VersionsItem.get(
        keys.conversation(OWNER, world.conversation.number),
        keys.versions(str(first.parent), "assistant"),
    )
    item.left = []
    item.save()
    assert await choose(world, first) == ["One", "1"]


async def test_however_often_somebody_goes_to_and_fro_what_is_noted_does_not_grow(
    world: World,
) -> None:
    first = await world.say("One", ["1"])
    second = await world.again(first.id, ["First"])
    await choose(world, first)
    await choose(world, second)
    with measured() as cost:
        for _ in range(10):
            await choose(world, first)
            await choose(world, second)
    sizes = {charge.bytes for charge in cost.charges if charge.what.startswith("V#")}
    assert len(sizes) == 1


async def test_the_next_message_goes_under_the_selected_branch(world: World) -> None:
    first = await world.say("One", ["1"])
    await world.again(first.id, ["First"])
    await choose(world, first)
    await world.say("Two", ["2"])
    assert shown(world) == ["One", "1", "Two", "2"]
    assert [m.text for m in world.models.requests[-1].messages] == ["One", "1", "Two"]


async def test_what_is_shown_already_is_not_written(world: World) -> None:
    first = await world.say("One", ["1"])
    await world.say("Two", ["2"])
    before = world.found()
    with measured(units=False) as cost:
        assert await choose(world, first) == ["One", "1", "Two", "2"]
    assert "TransactWriteItems" not in cost.operations
    assert world.found() == before


async def test_a_large_tree_is_gone_through_in_pages(world: World) -> None:
    """A Query without a limit would read a megabyte."""
    first = await world.say("One", ["1"])
    for number in range(15):
        await world.say(f"{number}", ["x" * 2000])
    second = await world.again(first.id, ["First"])
    for number in range(15):
        await world.say(f"{number}", ["x" * 2000])
    with faults(Fault("Query", lambda call: call.proceed(), EVERY)) as reads:
        await select(world.engine, world.asker(), first.id)
    limits = [read.request.get("Limit") for read in reads if "V#" not in str(read.request)]
    assert all(limit and limit <= 100 for limit in limits)
    assert len(shown(world)) == 32
    assert len(await choose(world, second)) == 32


# What is refused


async def test_a_users_message_cannot_be_selected(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    await stored(await world.edit(str(answer.parent), "Hey"))
    before = world.found()
    with pytest.raises(Invalid):
        await choose(world, str(answer.parent))
    assert world.found() == before


async def test_what_failed_empty_cannot_be_selected(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    world.models.enqueue([UpstreamFailed("gone")])
    failed = await stored(await world.redo(answer.id))
    with pytest.raises(NotFound):
        await choose(world, failed)


async def test_a_partial_answer_can_be_selected(world: World) -> None:
    answer = await world.say("Hi", ["Hel", UpstreamFailed("cut")])
    await world.again(answer.id, ["Hello"])
    assert await choose(world, answer) == ["Hi", "Hel"]


async def test_what_was_deleted_cannot_be_selected(world: World) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    reading.hide(world.engine, OWNER, first.id)
    with pytest.raises(NotFound):
        await choose(world, first)


@pytest.mark.parametrize("wrong", ["", "nonsense", "0a9b0a5b-abd4-8815-be96-fdacae4412ce"])
async def test_what_is_not_there_cannot_be_selected(world: World, wrong: str) -> None:
    await world.say("Hi", ["Hello"])
    with pytest.raises(NotFound):
        await choose(world, wrong)


async def test_anothers_answer_cannot_be_selected(world: World) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    stranger = Asker("USER#2", "USER#2", UNLIMITED, world.now() + 60)
    with pytest.raises(NotFound):
        await select(world.engine, stranger, first.id)
    assert shown(world) == ["Hi", "2"]


async def test_in_a_deleted_conversation_nothing_is_selected(world: World) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    conversations.delete(world.engine, OWNER, world.conversation.id)
    with pytest.raises(NotFound):
        await select(world.engine, world.asker(), first.id)


async def test_nothing_is_selected_while_an_answer_is_made(world: World) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    running = world.abandon("Next", ["Go"])
    before = world.found()
    with pytest.raises(Conflict) as refused:
        await choose(world, first)
    assert refused.value.generation == running.id
    assert world.found() == before


# Meanwhile


async def test_what_crashed_is_repaired_first(world: World) -> None:
    first = await world.say("Hi", ["1"])
    await world.again(first.id, ["2"])
    crashed = world.abandon("Next", ["Go"])
    world.later(31)
    assert await choose(world, first) == ["Hi", "1"]
    assert world.stored(crashed.id).state == "error"


async def test_a_message_that_came_meanwhile_is_left_properly(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])

    def comes() -> None:
        where = world.conversation.id
        asyncio.run(turns.append(world.process(), world.asker(), where, "user", "Meanwhile"))

    with faults(Fault("TransactWriteItems", meanwhile(comes))) as struck:
        assert await choose(world, first) == ["Hi", "1"]
    assert struck
    assert await choose(world, second) == ["Hi", "2", "Meanwhile"]


# Which there are


def listed(world: World, message_id: str) -> list[tuple[str, int, int]]:
    _, found = versions_of(world.engine, OWNER, message_id)
    return [(each.text, each.version, each.versions) for each in found]


async def test_the_versions_of_an_answer_are_listed_by_age(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])
    await world.again(first.id, ["3"])
    everyone = [("1", 1, 3), ("2", 2, 3), ("3", 3, 3)]
    assert listed(world, first.id) == listed(world, second.id) == everyone


async def test_an_only_answer_is_its_only_version(world: World) -> None:
    answer = await world.say("Hi", ["1"])
    assert listed(world, answer.id) == [("1", 1, 1)]


async def test_the_edits_of_a_message_are_listed_too(world: World) -> None:
    answer = await world.say("Hi", ["1"])
    await stored(await world.edit(str(answer.parent), "Hey"))
    assert listed(world, str(answer.parent)) == [("Hi", 1, 2), ("Hey", 2, 2)]


async def test_a_version_that_is_being_made_is_listed_as_far_as_it_is(world: World) -> None:
    first = await world.say("Hi", ["1"])
    world.abandon_redo(first, ["2", "!"])
    assert listed(world, first.id) == [("1", 1, 2), ("2!", 2, 2)]


async def test_versions_that_failed_or_were_deleted_are_not_listed(world: World) -> None:
    first = await world.say("Hi", ["1"])
    second = await world.again(first.id, ["2"])
    world.models.enqueue([UpstreamFailed("gone")])
    await (await world.redo(first.id)).ended()
    assert listed(world, first.id) == [("1", 1, 2), ("2", 2, 2)]
    reading.hide(world.engine, OWNER, first.id)
    assert listed(world, second.id) == [("2", 1, 1)]


@pytest.mark.parametrize("wrong", ["", "nonsense", "0a9b0a5b-abd4-8815-be96-fdacae4412ce"])
def test_what_is_not_there_has_no_versions(world: World, wrong: str) -> None:
    with pytest.raises(NotFound):
        versions_of(world.engine, OWNER, wrong)


async def test_more_versions_than_one_read_brings_are_all_listed(world: World) -> None:
    first = await world.say("Hi", ["1"])
    for number in range(2, 107):
        await world.again(first.id, [f"{number}"])
    assert listed(world, first.id) == [(f"{n}", n, 106) for n in range(1, 107)]

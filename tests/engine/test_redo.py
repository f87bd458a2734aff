"""Redoing an answer: a new branch, and nothing lost."""

import pytest

from reprise.chat.errors import Invalid, NotFound, UpstreamFailed
from reprise.engine import reading, turns
from reprise.store import keys
from reprise.store.items import VersionsItem
from reprise.store.table import get
from tests.engine.world import OWNER, World


def versions(world: World, parent: str) -> VersionsItem | None:
    partition = keys.conversation(OWNER, world.conversation.number)
    return get(VersionsItem, partition, keys.versions(parent, "assistant"))


async def test_a_redo_shows_the_new_version_and_keeps_the_old(world: World) -> None:
    old = await world.say("Hi", ["Old"])
    world.models.enqueue(["New"])
    new = await (await world.redo(old.id)).ended()
    assert new is not None
    assert world.said() == [("user", "Hi"), ("done", "New")]
    assert world.found().messages[old.id] == old
    assert new.parent == old.parent


async def test_a_redo_asks_with_the_branch_before_the_answer(world: World) -> None:
    await world.say("One", ["1"])
    old = await world.say("Two", ["2"])
    await (await world.redo(old.id)).ended()
    assert [m.text for m in world.models.requests[-1].messages] == ["One", "1", "Two"]


async def test_versions_are_noted_from_the_second_on_in_their_order(world: World) -> None:
    first = await world.say("Hi", ["1"])
    assert versions(world, str(first.parent)) is None
    second = await (await world.redo(first.id)).ended()
    assert second is not None
    third = await (await world.redo(second.id)).ended()
    assert third is not None
    noted = versions(world, str(first.parent))
    assert noted is not None
    assert noted.ids == {first.id, second.id, third.id}
    assert list(noted.left) == []


async def test_redoing_an_earlier_answer_notes_where_its_branch_went_on(world: World) -> None:
    first = await world.say("One", ["1"])
    tip = await world.say("Two", ["2"])
    await (await world.redo(first.id)).ended()
    assert world.said() == [("user", "One"), ("done", "An answer.")]
    noted = versions(world, str(first.parent))
    assert noted is not None
    assert [mark.split()[1] for mark in noted.left] == [tip.id]


async def test_a_redo_that_fails_before_any_text_gives_the_head_back(world: World) -> None:
    first = await world.say("One", ["1"])
    tip = await world.say("Two", ["2"])
    world.models.enqueue([UpstreamFailed("gone")])
    await (await world.redo(first.id)).ended()
    assert world.head() == tip.id
    assert world.said() == [("user", "One"), ("done", "1"), ("user", "Two"), ("done", "2")]


async def test_a_redo_that_fails_after_some_text_shows_it(world: World) -> None:
    old = await world.say("Hi", ["Old"])
    world.models.enqueue(["Ne", UpstreamFailed("cut")])
    await (await world.redo(old.id)).ended()
    assert world.said() == [("user", "Hi"), ("error", "Ne")]


async def test_an_abandoned_redo_without_text_gives_the_head_back_when_repaired(
    world: World,
) -> None:
    old = await world.say("Hi", ["Old"])
    world.abandon_redo(old)
    world.later(31)
    await world.say("Next", ["Go on"])
    assert world.said() == [
        ("user", "Hi"),
        ("done", "Old"),
        ("user", "Next"),
        ("done", "Go on"),
    ]


async def test_what_is_not_there_cannot_be_redone(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    with pytest.raises(NotFound):
        await world.redo("nonsense")
    reading.hide(world.engine, OWNER, answer.id)
    with pytest.raises(NotFound):
        await world.redo(answer.id)


async def test_an_answer_that_nobody_asked_for_cannot_be_redone(world: World) -> None:
    asker, conversation = world.asker(), world.conversation.id
    _, greeting = await turns.append(world.engine, asker, conversation, "assistant", "Welcome")
    with pytest.raises(Invalid):
        await world.redo(greeting.id)
    assert world.said() == [("done", "Welcome")]

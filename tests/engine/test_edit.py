"""Editing a message: it is said anew on a branch of its own, and nothing is lost."""

import pytest

from reprise.chat.errors import Conflict, Invalid, NotFound, UpstreamFailed
from reprise.engine import reading, turns
from reprise.engine.begin import Options
from tests.engine.world import World, stored


async def edit(world: World, target: str, text: str, *answer: str) -> None:
    world.models.enqueue(answer or ["Well."])
    await stored(await world.edit(target, text))


async def test_an_edit_shows_the_new_branch_and_keeps_the_old(world: World) -> None:
    one = await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    await edit(world, str(two.parent), "Second", "2nd")
    assert world.said() == [("user", "One"), ("done", "1"), ("user", "Second"), ("done", "2nd")]
    assert world.stored(two.id) == two
    assert world.stored(str(two.parent)).text == "Two"
    assert world.listing()[2].parent == one.id


async def test_an_edit_is_answered_with_what_was_said_before_it(world: World) -> None:
    await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    await world.say("Three", ["3"])
    await edit(world, str(two.parent), "Second")
    asked = world.models.requests[-1].messages
    assert [message.text for message in asked] == ["One", "1", "Second"]


async def test_edits_are_numbered_among_their_siblings(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    first = str(answer.parent)
    await edit(world, first, "Hey")
    await edit(world, first, "Hiya")
    assert world.numbers() == [("Hiya", 3, 3), ("Well.", 1, 1)]


async def test_an_edit_may_be_edited(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    await edit(world, str(answer.parent), "Hey")
    await edit(world, world.listing()[0].id, "Hiya")
    assert world.numbers()[0] == ("Hiya", 3, 3)


async def test_the_first_message_may_be_edited(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    await edit(world, str(answer.parent), "Hey")
    edited = world.listing()[0]
    assert (edited.parent, edited.depth, edited.text) == (None, 0, "Hey")
    asked = world.models.requests[-1].messages
    assert [message.text for message in asked] == ["Hey"]


async def test_what_is_begun_says_which_edit_it_is(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    generation = await world.edit(str(answer.parent), "Hey")
    user = generation.begun.user
    assert user
    assert (user.text, user.version, user.versions) == ("Hey", 2, 2)
    assert (generation.begun.answer.version, generation.begun.answer.versions) == (1, 1)
    await generation.ended()


async def test_an_edit_that_is_not_answered_stays(world: World) -> None:
    """It was acknowledged, so it is shown; the old branch is there to go back to."""
    answer = await world.say("Hi", ["Hello"])
    world.models.enqueue([UpstreamFailed("gone")])
    await (await world.edit(str(answer.parent), "Hey")).ended()
    assert world.said() == [("user", "Hey")]
    assert world.numbers() == [("Hey", 2, 2)]


async def test_a_message_of_an_earlier_branch_may_be_edited(world: World) -> None:
    one = await world.say("One", ["1"])
    two = await world.say("Two", ["2"])
    await world.again(one.id, ["Other"])
    await edit(world, str(two.parent), "Second")
    assert world.said() == [("user", "One"), ("done", "1"), ("user", "Second"), ("done", "Well.")]


# What is refused


async def test_an_answer_cannot_be_edited(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    before = world.found()
    with pytest.raises(Invalid):
        await world.edit(answer.id, "Hey")
    assert world.found() == before


async def test_a_system_message_cannot_be_edited(world: World) -> None:
    where = world.conversation.id
    _, note = await turns.append(world.engine, world.asker(), where, "system", "Be brief.")
    with pytest.raises(Invalid):
        await world.edit(note.id, "Be long.")


@pytest.mark.parametrize("text", ["", " \n", "x" * 1_000_001], ids=["empty", "blank", "too long"])
async def test_texts_that_cannot_be_messages_are_refused(world: World, text: str) -> None:
    answer = await world.say("Hi", ["Hello"])
    with pytest.raises(Invalid):
        await world.edit(str(answer.parent), text)


async def test_what_is_not_there_cannot_be_edited(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    question = str(answer.parent)
    with pytest.raises(NotFound):
        await world.edit("nonsense", "Hey")
    reading.hide(world.engine, "USER#0000000000000001", question)
    with pytest.raises(NotFound):
        await world.edit(question, "Hey")


async def test_a_message_of_another_conversation_is_not_there(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    world.elsewhere()
    await world.say("Elsewhere", ["Yes"])
    with pytest.raises(NotFound):
        await world.edit(str(answer.parent), "Hey")


async def test_nothing_is_edited_while_an_answer_is_made(world: World) -> None:
    first = await world.say("Hi", ["Hello"])
    running = world.abandon("Next", ["Go"])
    before = world.found()
    with pytest.raises(Conflict) as refused:
        await world.edit(str(first.parent), "Hey")
    assert refused.value.generation == running.id
    assert world.found() == before


async def test_an_edit_of_an_unknown_model_is_refused(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    asker, where = world.asker(), world.conversation.id
    with pytest.raises(Invalid):
        await turns.edit(
            world.engine, asker, where, str(answer.parent), "Hey", Options(model="nobody")
        )
    assert len(world.listing()) == 2

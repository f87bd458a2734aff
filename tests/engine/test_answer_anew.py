"""A message is answered anew: where it has an answer that is another version, else it is the
first.
"""

from reprise.chat.errors import UpstreamFailed
from reprise.engine import reading, turns
from reprise.engine.versions import select
from tests.engine.world import OWNER, World, stored


async def unanswered(world: World, text: str = "Hi") -> str:
    """The id of a message whose answer failed."""
    failed = await world.say(text, [UpstreamFailed("gone")])
    return str(failed.parent)


async def test_a_message_with_an_answer_gets_another_version(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    again = await world.again(str(answer.parent), ["Again"])
    assert again.parent == answer.parent
    assert world.numbers() == [("Hi", 1, 1), ("Again", 2, 2)]


async def test_an_earlier_message_with_an_answer_gets_another_version(world: World) -> None:
    one = await world.say("One", ["1"])
    await world.say("Two", ["2"])
    await world.again(str(one.parent), ["First"])
    assert world.numbers() == [("One", 1, 1), ("First", 2, 2)]


async def test_a_message_whose_answer_failed_gets_its_first(world: World) -> None:
    question = await unanswered(world)
    await world.again(question, ["Hello"])
    assert world.numbers() == [("Hi", 1, 1), ("Hello", 1, 1)]
    assert [message.text for message in world.models.requests[-1].messages] == ["Hi"]


async def test_a_message_whose_answer_was_deleted_gets_its_first(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    reading.hide(world.engine, OWNER, answer.id)
    await world.again(str(answer.parent), ["Again"])
    assert world.numbers() == [("Hi", 1, 1), ("Again", 1, 1)]


async def test_a_message_that_nobody_was_to_answer_gets_one(world: World) -> None:
    asker, where = world.asker(), world.conversation.id
    _, note = await turns.append(world.engine, asker, where, "user", "A note")
    await world.again(note.id, ["Noted"])
    assert world.numbers() == [("A note", 1, 1), ("Noted", 1, 1)]


async def test_a_first_answer_that_fails_leaves_the_message_as_it_was(world: World) -> None:
    question = await unanswered(world)
    world.models.enqueue([UpstreamFailed("gone")])
    await (await world.redo(question)).ended()
    assert world.head() == question
    await world.again(question, ["At last"])
    assert world.numbers() == [("Hi", 1, 1), ("At last", 1, 1)]


async def test_versions_are_numbered_whichever_way_they_were_asked_for(world: World) -> None:
    question = await unanswered(world)
    first = await world.again(question, ["1"])
    await world.again(question, ["2"])
    await world.again(first.id, ["3"])
    await world.again(question, ["4"])
    assert world.numbers()[-1] == ("4", 4, 4)


async def test_a_message_that_was_passed_over_gets_its_answer_and_nothing_is_lost(
    world: World,
) -> None:
    """The conversation went on without an answer to it; there is the way back to where it was."""
    question = await unanswered(world)
    for number in range(8):
        tip = await world.say(f"Next {number}", [f"{number}"])
    shown = world.said()

    first = await world.again(question, ["Late"])
    assert world.numbers() == [("Hi", 1, 1), ("Late", 1, 1)]
    await world.again(question, ["Later"])
    assert world.numbers() == [("Hi", 1, 1), ("Later", 2, 2)]

    earlier = next(m for m in world.found().messages.values() if m.text == "0")
    await select(world.engine, world.asker(), earlier.id)
    assert world.said() == shown
    assert world.head() == tip.id
    await select(world.engine, world.asker(), first.id)
    assert world.numbers() == [("Hi", 1, 1), ("Late", 1, 2)]


async def test_a_passed_over_message_whose_answer_fails_again_shows_what_was_shown(
    world: World,
) -> None:
    question = await unanswered(world)
    tip = await world.say("Next", ["Go on"])
    world.models.enqueue([UpstreamFailed("gone")])
    await stored(await world.redo(question))
    assert world.head() == tip.id
    assert [numbers for _, *numbers in world.numbers()] == [[1, 1]] * 3

"""What people think of answers, noted beside what they say."""

import pytest

from reprise.chat.errors import NotAnAnswer, NotFound, UpstreamFailed
from reprise.chat.messages import Feedback, Message
from reprise.engine import conversations, feedback, reading
from reprise.engine.where import Where
from reprise.store import keys
from reprise.store.table import query_all
from tests.engine.world import OWNER, World
from tests.faults import Fault, faults, meanwhile
from tests.models import Step

UNKNOWN = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
LONG = "x" * 300_000  # characters: its body lies in the bucket


def give(
    world: World, message_id: str, what: Feedback | None = "positive", where: Where | None = None
) -> Message:
    return feedback.give(world.engine, OWNER, where or world.conversation.id, message_id, what)


@pytest.mark.parametrize("script", [["Hello"], [LONG], ["Hel", UpstreamFailed("gone")]])
async def test_it_stays_with_the_answer_which_stays_as_it_is(
    world: World, script: list[Step]
) -> None:
    answer = await world.say("Hi", script)
    told = give(world, answer.id)
    assert (told.feedback, told.parts, told.state) == ("positive", answer.parts, answer.state)
    (_, listed) = world.listing()
    assert (listed.feedback, listed.updated) == ("positive", answer.updated)


async def test_it_can_be_changed_and_taken_back(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    for what in ("positive", "negative", "negative", None, None):
        assert give(world, answer.id, what).feedback == what
        assert world.listing()[-1].feedback == what


async def test_it_is_given_on_any_branch(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    again = await world.again(answer.id, ["Again"])
    assert give(world, answer.id).text == "Hello"
    assert world.stored(again.id).feedback is None


async def test_it_is_given_while_the_answer_is_made_and_stays(world: World) -> None:
    seen: list[Message] = []

    def meanwhile_given() -> None:
        seen.append(give(world, world.head() or ""))

    answer = await world.say("Hi", ["Hel", meanwhile_given, "lo"])
    assert [each.state for each in seen] == ["in-progress"]
    assert world.stored(answer.id).feedback == "positive"
    assert world.said()[-1] == ("done", "Hello")


async def test_a_users_message_is_no_answer(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    with pytest.raises(NotAnAnswer):
        give(world, str(answer.parent))


async def test_what_is_not_shown_is_not_found(world: World) -> None:
    failed = await world.say("Hi", [UpstreamFailed("gone")])
    answer = await world.say("Hi", ["Hello"])
    reading.hide(world.engine, OWNER, answer.id)
    for each in (failed, answer):
        with pytest.raises(NotFound, match="Message"):
            give(world, each.id)


@pytest.mark.parametrize("wrong", [UNKNOWN, "nonsense", ""])
async def test_what_is_not_there_is_not_found(world: World, wrong: str) -> None:
    answer = await world.say("Hi", ["Hello"])
    with pytest.raises(NotFound, match="Message"):
        give(world, wrong)
    with pytest.raises(NotFound, match="Conversation"):
        give(world, answer.id, where=wrong or "x")


async def test_an_answer_of_another_conversation_is_not_found(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    world.elsewhere()
    with pytest.raises(NotFound, match="Message"):
        give(world, answer.id)
    assert world.head() is None


async def test_anothers_answer_is_not_found(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    with pytest.raises(NotFound, match="Conversation"):
        feedback.give(
            world.engine, "USER#0000000000000002", world.conversation.id, answer.id, "positive"
        )
    assert world.stored(answer.id).feedback is None


async def test_an_answer_that_vanishes_meanwhile_is_not_written_again(world: World) -> None:
    answer = await world.say("Hi", ["Hello"])
    number = world.conversation.number

    def purged() -> None:
        conversations.delete(world.engine, OWNER, world.conversation.id)
        for item in query_all(keys.conversation(OWNER, number)):
            item.delete()

    with faults(Fault("UpdateItem", meanwhile(purged))) as struck, pytest.raises(NotFound):
        give(world, answer.id)
    assert struck
    assert world.found().messages == {}

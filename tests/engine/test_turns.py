"""What a turn stores, and what the model gets to read."""

import asyncio
from dataclasses import replace

import pytest

from reprise.chat.errors import Conflict, Invalid, NotFound, UpstreamFailed
from reprise.chat.events import Begun, Ended, Produced
from reprise.chat.messages import Said, Text, ToolCall
from reprise.engine import conversations, reading, turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.llm.protocol import Finished
from tests.engine.world import OWNER, World


async def test_events_come_as_the_model_makes_them_between_begun_and_ended(world: World) -> None:
    world.models.enqueue(["Hel", "lo"])
    generation = await world.begin("Hi")
    events = [event async for event in generation.events()]
    assert [type(event) for event in events] == [Begun, Produced, Produced, Ended]
    assert [e.part for e in events if isinstance(e, Produced)] == [Text("Hel"), Text("lo")]
    assert [e.n for e in events if isinstance(e, Produced)] == [1, 2]


async def test_the_user_message_is_stored_before_the_model_is_asked(world: World) -> None:
    seen: list[list[tuple[str, str]]] = []
    world.models.enqueue([lambda: seen.append(world.said()), "Hello"])
    await world.say("Hi")
    assert seen == [[("user", "Hi"), ("in-progress", "")]]


async def test_the_answer_is_stored_when_the_last_event_comes(world: World) -> None:
    answer = await world.say("Hi", ["Hel", "lo"])
    assert world.said() == [("user", "Hi"), ("done", "Hello")]
    assert world.listing()[-1] == answer
    assert answer.usage is not None
    assert answer.finish_reason == "stop"


async def test_the_model_reads_the_branch_oldest_first(world: World) -> None:
    await world.say("One", ["1"])
    await world.say("Two", ["2"])
    await world.say("Three", ["3"])
    assert [(m.role, m.text) for m in world.models.requests[-1].messages] == [
        ("user", "One"),
        ("assistant", "1"),
        ("user", "Two"),
        ("assistant", "2"),
        ("user", "Three"),
    ]


async def test_the_model_reads_no_hidden_messages(world: World) -> None:
    first = await world.say("One", ["1"])
    reading.hide(world.engine, OWNER, first.id)
    await world.say("Two")
    assert [m.text for m in world.models.requests[-1].messages] == ["One", "Two"]


async def test_a_long_branch_is_read_as_far_as_the_window_reaches(world: World) -> None:
    for number in range(30):
        await world.say(f"Question {number}", [f"{number} " + "x" * 4000])
    asked = world.models.requests[-1].messages
    assert asked[-1].text == "Question 29"
    assert 8 <= len(asked) < 59
    assert [m.id for m in asked] == [m.id for m in world.listing()][-1 - len(asked) : -1]


async def test_a_new_conversation_begins_with_its_first_message(world: World) -> None:
    world.models.enqueue(["Hello"])
    generation = await turns.start(
        world.engine, world.asker(), [Said("user", "What is\n this?")], Options(), Draft()
    )
    answer = await generation.ended()
    conversation, newest_first = reading.branch(
        world.engine, OWNER, generation.begun.conversation.id
    )
    assert conversation.title == "What is this?"
    assert [m.text for m in newest_first] == ["Hello", "What is\n this?"]
    assert answer is not None


async def test_tool_calls_are_kept_in_the_order_they_came(world: World) -> None:
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    answer = await world.say("Time?", ["Let ", "me see.", call, Finished("tool-calls")])
    assert answer.parts == (Text("Let me see."), call)
    assert world.listing()[-1].parts == answer.parts
    assert answer.finish_reason == "tool-calls"


async def test_a_message_that_nobody_shall_answer_becomes_the_head(world: World) -> None:
    await world.say("Hi", ["Hello"])
    _, message = await turns.append(
        world.engine, world.asker(), world.conversation.id, "system", "Be brief."
    )
    assert world.head() == message.id
    await world.say("Now", ["Yes"])
    assert [m.role for m in world.models.requests[-1].messages] == [
        "user",
        "assistant",
        "system",
        "user",
    ]


async def test_of_two_senders_at_once_one_is_answered_and_one_refused(world: World) -> None:
    for _ in range(20):
        both_tried = asyncio.Event()
        world.models.enqueue([both_tried.wait, "Hello"])
        begun = await asyncio.gather(world.begin("A"), world.begin("B"), return_exceptions=True)
        won = [each for each in begun if not isinstance(each, BaseException)]
        lost = [each for each in begun if isinstance(each, BaseException)]
        assert len(won) == len(lost) == 1
        assert isinstance(lost[0], Conflict)
        assert lost[0].generation == won[0].id
        both_tried.set()
        await won[0].ended()
    said = world.said()
    assert len(said) == 40
    assert [text for _, text in said[1::2]] == ["Hello"] * 20


async def test_many_senders_at_once_lose_nothing(world: World) -> None:
    """Each sender tries until it gets through; every acknowledged message is in the listing,
    once.
    """

    async def send(text: str) -> str:
        while True:
            try:
                generation = await world.begin(text)
            except Conflict:
                await asyncio.sleep(0.005)
                continue
            await generation.ended()
            assert generation.begun.user is not None
            return generation.begun.user.id

    ids = await asyncio.gather(*(send(f"message {n}") for n in range(12)))
    assert sorted(m.id for m in world.listing() if m.role == "user") == sorted(ids)


async def test_nothing_is_written_for_a_conversation_that_is_not_there(world: World) -> None:
    conversations.delete(world.engine, OWNER, world.conversation.id)
    with pytest.raises(NotFound):
        await world.begin("Hi")
    assert world.models.requests == []


async def test_another_owners_conversation_is_not_found(world: World) -> None:
    stranger = replace(world.asker(), owner="USER#0000000000000002")
    with pytest.raises(NotFound):
        await turns.send(world.engine, stranger, world.conversation.id, "Hi", Options())


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1_000_001], ids=["empty", "blank", "too long"])
async def test_texts_that_cannot_be_messages_are_refused(world: World, text: str) -> None:
    with pytest.raises(Invalid):
        await world.begin(text)
    assert world.head() is None


async def test_an_unknown_model_is_refused_before_anything_is_written(world: World) -> None:
    with pytest.raises(Invalid):
        await turns.send(
            world.engine, world.asker(), world.conversation.id, "Hi", Options("nobody")
        )
    assert world.head() is None


async def test_a_failed_model_leaves_the_head_on_the_user_message(world: World) -> None:
    world.models.enqueue([UpstreamFailed("gone")])
    generation = await world.begin("Hi")
    answer = await generation.ended()
    assert answer is not None
    assert answer.state == "error"
    assert world.said() == [("user", "Hi")]
    assert world.head() == generation.begun.user.id  # type: ignore[union-attr]
    assert answer.id in world.found().messages, "the empty placeholder is kept"


async def test_after_a_failed_answer_the_conversation_goes_on(world: World) -> None:
    await world.say("One", [UpstreamFailed("gone")])
    await world.say("Two", ["Hello"])
    assert world.said() == [("user", "One"), ("user", "Two"), ("done", "Hello")]


async def test_a_model_that_breaks_off_leaves_its_partial_text(world: World) -> None:
    answer = await world.say("Hi", ["Hel", "lo", UpstreamFailed("cut")])
    assert (answer.state, answer.finish_reason, answer.text) == ("error", "error", "Hello")
    assert world.said() == [("user", "Hi"), ("error", "Hello")]


async def test_a_provider_that_ends_without_a_finish_is_a_failure(world: World) -> None:
    world.models.enqueue(["Hello"], finish=False)
    answer = await world.say("Hi")
    assert (answer.state, answer.text) == ("error", "Hello")


async def test_a_defect_of_a_provider_still_ends_the_turn(world: World) -> None:
    answer = await world.say("Hi", ["Hel", ZeroDivisionError("a defect")])
    assert (answer.state, answer.text) == ("error", "Hel")

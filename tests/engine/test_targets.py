"""What each rule makes of its target: the message to answer, and an answer that there is."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reprise.chat.errors import Conflict, Invalid, NotFound, NothingToRedo, UpstreamFailed
from reprise.chat.messages import Message, Text
from reprise.engine import reading, turns
from reprise.engine.admit import admit
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.targets import Rule, drop, keep, last, version_of
from tests.engine.world import OWNER, World, stored
from tests.models import Step

UNKNOWN = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
RULES: list[Callable[[str], Rule]] = [version_of, keep, drop, last]
FAILS: list[Step] = [UpstreamFailed("gone")]


async def resolved(world: World, rule: Rule) -> tuple[str | None, str | None]:
    """The ids that a rule finds in the conversation as it is."""
    parent, sibling = await rule(await admit(world.engine, OWNER, world.conversation.id))
    return parent.id if parent else None, sibling


async def two_turns(world: World) -> list[str]:
    """Ids of "One", "1", "Two", "2"."""
    await world.say("One", ["1"])
    await world.say("Two", ["2"])
    return [message.id for message in world.listing()]


async def greeted(world: World, answer: list[Step]) -> Message:
    """What the agent says first, in a conversation of its own."""
    world.models.enqueue(answer)
    run = await turns.start(world.engine, world.asker(), [], Options(), Draft())
    world.conversation = run.begun.conversation
    return await stored(run)


async def redo(world: World, rule: Rule, answer: list[Step]) -> Message:
    world.models.enqueue(answer)
    where, options = world.conversation.id, Options()
    return await stored(await turns.redo(world.engine, world.asker(), where, rule, options))


async def append(world: World, role: str, text: str) -> str:
    asker, where = world.asker(), world.conversation.id
    _, message = await turns.append(world.engine, asker, where, role, text)  # type: ignore[arg-type]
    return message.id


def hide(world: World, *ids: str) -> None:
    for each in ids:
        reading.hide(world.engine, OWNER, each)


@pytest.mark.parametrize("rule", RULES)
async def test_what_is_not_there_is_not_found(world: World, rule: Callable[[str], Rule]) -> None:
    elsewhere = await world.say("One", ["1"])
    world.elsewhere()
    await world.say("Two", ["2"])
    for target in (UNKNOWN, "nonsense", "", elsewhere.id):
        with pytest.raises(NotFound) as caught:
            await resolved(world, rule(target))
        assert caught.value.what == "Message"


@pytest.mark.parametrize("rule", RULES)
async def test_what_is_hidden_is_not_found(world: World, rule: Callable[[str], Rule]) -> None:
    *_, answer = await two_turns(world)
    hide(world, answer)
    with pytest.raises(NotFound):
        await resolved(world, rule(answer))


@pytest.mark.parametrize("rule", RULES)
async def test_while_something_runs_nothing_is_redone(
    world: World, rule: Callable[[str], Rule]
) -> None:
    one, *_ = await two_turns(world)
    running = world.abandon("Three", ["3"])
    with pytest.raises(Conflict) as caught:
        await redo(world, rule(one), ["never"])
    assert caught.value.generation == running.id


class TestVersionOf:
    async def test_an_answer_becomes_one_more_version(self, world: World) -> None:
        one, first, two, second = await two_turns(world)
        assert await resolved(world, version_of(first)) == (one, first)
        assert await resolved(world, version_of(second)) == (two, second)

    async def test_so_it_does_on_a_branch_that_is_not_shown(self, world: World) -> None:
        one, first, *_ = await two_turns(world)
        again = await world.again(first, ["Again"])
        assert await resolved(world, version_of(first)) == (one, first)
        assert await resolved(world, version_of(again.id)) == (one, again.id)

    async def test_another_message_gets_one_more_answer(self, world: World) -> None:
        one, first, *_ = await two_turns(world)
        note = await append(world, "system", "Be brief.")
        assert await resolved(world, version_of(one)) == (one, first)
        assert await resolved(world, version_of(note)) == (note, None)

    async def test_what_the_agent_said_first_is_said_anew(self, world: World) -> None:
        greeting = await greeted(world, ["Welcome"])
        assert await resolved(world, version_of(greeting.id)) == (None, greeting.id)
        again = await redo(world, version_of(greeting.id), ["Hello there"])
        assert again.parent is None
        assert world.numbers() == [("Hello there", 2, 2)]

    async def test_what_a_client_put_first_as_an_answer_is_not(self, world: World) -> None:
        greeting = await append(world, "assistant", "Welcome")
        with pytest.raises(Invalid):
            await resolved(world, version_of(greeting))

    async def test_what_an_answer_was_to_that_failed_empty_gets_another(self, world: World) -> None:
        failed = await world.say("One", FAILS)
        assert await resolved(world, version_of(failed.id)) == (failed.parent, None)
        first = await redo(world, version_of(failed.id), ["1"])
        assert await resolved(world, version_of(failed.id)) == (failed.parent, first.id)
        await redo(world, version_of(failed.id), ["One more"])
        assert world.numbers() == [("One", 1, 1), ("One more", 2, 2)]

    async def test_where_the_agent_had_begun_it_is_not_found(self, world: World) -> None:
        failed = await greeted(world, FAILS)
        with pytest.raises(NotFound):
            await resolved(world, version_of(failed.id))


class TestKeep:
    async def test_what_comes_after_is_done_again(self, world: World) -> None:
        one, first, two, second = await two_turns(world)
        assert await resolved(world, keep(one)) == (one, first)
        assert await resolved(world, keep(first)) == (first, None)
        assert await resolved(world, keep(two)) == (two, second)

    async def test_it_stays_and_so_does_all_that_was_there(self, world: World) -> None:
        one, first, _, second = await two_turns(world)
        again = await redo(world, keep(one), ["Again"])
        assert again.parent == one
        assert world.numbers() == [("One", 1, 1), ("Again", 2, 2)]
        assert {first, second} <= world.found().messages.keys()

    async def test_behind_an_answer_another_is_begun(self, world: World) -> None:
        _, first, *_ = await two_turns(world)
        again = await redo(world, keep(first), ["More"])
        assert again.parent == first
        assert world.said() == [("user", "One"), ("done", "1"), ("done", "More")]
        assert [m.text for m in world.models.requests[-1].messages] == ["One", "1"]

    @pytest.mark.parametrize("head", ["answer", "question"])
    async def test_behind_the_last_there_is_nothing(self, world: World, head: str) -> None:
        answer = await world.say("One", ["1"] if head == "answer" else FAILS)
        tip = answer.id if head == "answer" else str(answer.parent)
        assert world.head() == tip
        with pytest.raises(NothingToRedo) as caught:
            await resolved(world, keep(tip))
        assert caught.value.why == "last"

    async def test_nor_where_all_after_it_is_hidden(self, world: World) -> None:
        _, first, *rest = await two_turns(world)
        hide(world, *rest)
        with pytest.raises(NothingToRedo) as caught:
            await resolved(world, keep(first))
        assert caught.value.why == "last"

    async def test_a_hidden_answer_is_no_version(self, world: World) -> None:
        one, first, *_ = await two_turns(world)
        hide(world, first)
        assert await resolved(world, keep(one)) == (one, None)

    async def test_what_another_role_says_after_it_is_no_answer(self, world: World) -> None:
        _, _, _, second = await two_turns(world)
        await append(world, "system", "Be brief.")
        assert await resolved(world, keep(second)) == (second, None)

    async def test_where_nobody_said_anything_there_is_nothing(self, world: World) -> None:
        with pytest.raises(NothingToRedo) as caught:
            await resolved(world, keep(UNKNOWN))
        assert caught.value.why == "empty"

    async def test_what_is_not_on_the_shown_branch_is_not_found(self, world: World) -> None:
        _, first, two, second = await two_turns(world)
        again = await world.again(first, ["Again"])
        for target in (first, two, second):
            with pytest.raises(NotFound):
                await resolved(world, keep(target))
        await world.say("Three", ["3"])
        assert await resolved(world, keep(again.id)) == (again.id, None)

    async def test_behind_what_the_agent_said_first(self, world: World) -> None:
        greeting = await greeted(world, ["Welcome"])
        with pytest.raises(NothingToRedo):
            await resolved(world, keep(greeting.id))
        await world.say("One", ["1"])
        assert await resolved(world, keep(greeting.id)) == (greeting.id, None)

    async def test_far_back(self, world: World) -> None:
        one, first, *_ = await two_turns(world)
        for number in range(20):
            await world.say(f"Next {number}", [f"{number}"])
        assert await resolved(world, keep(one)) == (one, first)


class TestDrop:
    async def test_the_users_message_before_it_is_answered_again(self, world: World) -> None:
        one, first, two, second = await two_turns(world)
        assert await resolved(world, drop(second)) == (two, second)
        assert await resolved(world, drop(two)) == (one, first)
        assert await resolved(world, drop(first)) == (one, first)

    async def test_it_goes_with_all_after_it_and_nothing_is_lost(self, world: World) -> None:
        _, first, two, second = await two_turns(world)
        await redo(world, drop(two), ["Again"])
        assert world.numbers() == [("One", 1, 1), ("Again", 2, 2)]
        assert {first, two, second} <= world.found().messages.keys()

    async def test_before_the_first_there_is_none(self, world: World) -> None:
        one, *_ = await two_turns(world)
        with pytest.raises(NothingToRedo) as caught:
            await resolved(world, drop(one))
        assert caught.value.why == "no question"

    async def test_nor_before_what_the_agent_said_first(self, world: World) -> None:
        greeting = await greeted(world, ["Welcome"])
        answer = await world.say("One", ["1"])
        for target in (greeting.id, str(answer.parent)):
            with pytest.raises(NothingToRedo) as caught:
                await resolved(world, drop(target))
            assert caught.value.why == "no question"
        assert await resolved(world, drop(answer.id)) == (answer.parent, answer.id)

    async def test_a_hidden_question_is_passed_over(self, world: World) -> None:
        one, first, two, second = await two_turns(world)
        hide(world, two)
        assert await resolved(world, drop(second)) == (one, first)
        hide(world, one)
        with pytest.raises(NothingToRedo):
            await resolved(world, drop(second))

    async def test_other_roles_are_passed_over(self, world: World) -> None:
        one = str((await world.say("One", FAILS)).parent)
        await append(world, "system", "Be brief.")
        greeting = await append(world, "assistant", "Yes?")
        assert await resolved(world, drop(greeting)) == (one, None)

    async def test_a_question_that_was_passed_over_is_answered(self, world: World) -> None:
        one = str((await world.say("One", FAILS)).parent)
        two = str((await world.say("Two", ["2"])).parent)
        assert await resolved(world, drop(two)) == (one, None)

    async def test_what_is_not_on_the_shown_branch_is_not_found(self, world: World) -> None:
        _, first, two, second = await two_turns(world)
        await world.again(first, ["Again"])
        for target in (first, two, second):
            with pytest.raises(NotFound):
                await resolved(world, drop(target))

    async def test_what_failed_empty_is_answered_again_by_its_id(self, world: World) -> None:
        failed = await world.say("One", FAILS)
        assert await resolved(world, drop(failed.id)) == (failed.parent, None)
        first = await redo(world, drop(failed.id), ["1"])
        assert world.numbers() == [("One", 1, 1), ("1", 1, 1)]
        assert await resolved(world, drop(failed.id)) == (failed.parent, first.id)

    async def test_so_it_is_where_the_conversation_went_on(self, world: World) -> None:
        failed = await world.say("One", FAILS)
        await world.say("Two", ["2"])
        assert await resolved(world, drop(failed.id)) == (failed.parent, None)

    async def test_so_it_is_where_it_was_a_version(self, world: World) -> None:
        first = await world.say("One", ["1"])
        failed = await redo(world, drop(first.id), FAILS)
        assert world.head() == first.id
        assert await resolved(world, drop(failed.id)) == (first.parent, first.id)

    async def test_but_not_where_its_question_is_not_shown(self, world: World) -> None:
        first = await world.say("One", ["1"])
        failed = await world.say("Two", FAILS)
        await world.again(first.id, ["Again"])
        with pytest.raises(NotFound):
            await resolved(world, drop(failed.id))

    async def test_nor_where_it_was_to_no_question(self, world: World) -> None:
        failed = await greeted(world, FAILS)
        with pytest.raises(NotFound):
            await resolved(world, drop(failed.id))
        _, first, *_ = await two_turns(world)
        failed = await redo(world, keep(first), FAILS)
        with pytest.raises(NotFound):
            await resolved(world, drop(failed.id))


class TestLast:
    async def test_the_last_answer_becomes_another_version(self, world: World) -> None:
        _, _, two, second = await two_turns(world)
        assert await resolved(world, last(second)) == (two, second)
        await redo(world, last(second), ["Again"])
        assert world.numbers()[2:] == [("Two", 1, 1), ("Again", 2, 2)]

    async def test_no_other_is(self, world: World) -> None:
        one, first, two, _ = await two_turns(world)
        for target in (one, first, two):
            with pytest.raises(Conflict) as caught:
                await resolved(world, last(target))
            assert caught.value.generation is None

    async def test_an_older_version_is_not(self, world: World) -> None:
        first = await world.say("One", ["1"])
        again = await world.again(first.id, ["Again"])
        with pytest.raises(Conflict):
            await resolved(world, last(first.id))
        assert await resolved(world, last(again.id)) == (first.parent, again.id)

    async def test_a_branch_that_is_not_shown_has_none(self, world: World) -> None:
        _, first, _, second = await two_turns(world)
        await world.again(first, ["Again"])
        with pytest.raises(Conflict):
            await resolved(world, last(second))

    async def test_what_is_hidden_behind_it_does_not_matter(self, world: World) -> None:
        one, first, *rest = await two_turns(world)
        hide(world, *rest)
        assert await resolved(world, last(first)) == (one, first)
        await redo(world, last(first), ["Again"])
        assert world.said() == [("user", "One"), ("done", "Again")]

    async def test_it_is_not_the_last_once_something_else_is_said(self, world: World) -> None:
        answer = await world.say("One", ["1"])
        await append(world, "system", "Be brief.")
        with pytest.raises(Conflict):
            await resolved(world, last(answer.id))

    async def test_nor_where_a_message_waits_for_its_answer(self, world: World) -> None:
        answer = await world.say("One", ["1"])
        await world.say("Two", FAILS)
        with pytest.raises(Conflict):
            await resolved(world, last(answer.id))

    async def test_what_the_agent_said_first_is_until_somebody_answers(self, world: World) -> None:
        greeting = await greeted(world, ["Welcome"])
        assert await resolved(world, last(greeting.id)) == (None, greeting.id)
        await redo(world, last(greeting.id), ["Hello there"])
        assert world.numbers() == [("Hello there", 2, 2)]
        await world.say("One", ["1"])
        with pytest.raises(Conflict):
            await resolved(world, last(greeting.id))

    async def test_what_failed_empty_is_in_its_place(self, world: World) -> None:
        failed = await world.say("One", FAILS)
        assert await resolved(world, last(failed.id)) == (failed.parent, None)
        first = await redo(world, last(failed.id), ["1"])
        assert await resolved(world, last(failed.id)) == (failed.parent, first.id)
        await world.say("Two", ["2"])
        with pytest.raises(Conflict):
            await resolved(world, last(failed.id))

    async def test_so_it_is_where_another_message_took_the_place(self, world: World) -> None:
        """Of the answer that failed; what is shown there is no answer."""
        failed = await world.say("One", FAILS)
        await append(world, "user", "Well?")
        with pytest.raises(Conflict):
            await resolved(world, last(failed.id))

    async def test_what_the_agent_could_not_say_first_is_tried_again(self, world: World) -> None:
        failed = await greeted(world, FAILS)
        assert world.said() == []
        assert await resolved(world, last(failed.id)) == (None, None)
        await redo(world, last(failed.id), ["Welcome"])
        assert world.numbers() == [("Welcome", 1, 1)]


async def test_a_redo_that_fails_empty_shows_what_was_shown(world: World) -> None:
    one, first, two, second = await two_turns(world)
    for rule in (version_of(first), keep(one), drop(two), last(second)):
        failed = await redo(world, rule, FAILS)
        assert (failed.state, failed.parts) == ("error", ())
        assert world.head() == second
        assert [text for _, text in world.said()] == ["One", "1", "Two", "2"]


async def test_a_redo_over_what_crashed_repairs_it_first(world: World) -> None:
    answer = world.abandon("One", ["Hel"])
    world.later(31)
    again = await redo(world, last(answer.id), ["Again"])
    assert world.stored(answer.id) == replace(
        world.stored(answer.id), state="error", parts=(Text("Hel"),)
    )
    assert again.parent == answer.parent
    assert world.numbers() == [("One", 1, 1), ("Again", 2, 2)]

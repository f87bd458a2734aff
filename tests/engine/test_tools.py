"""Tools that run within an answer, and results that clients bring for theirs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import Conflict, Invalid, NotFound, UpstreamFailed
from reprise.chat.events import Produced
from reprise.chat.messages import Message, Part, Text, ToolCall, ToolResult, Usage
from reprise.engine import reading, tools, turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.generation import CHUNK_TEXT, Generation
from reprise.engine.repair import estimate
from reprise.engine.stop import stop
from reprise.engine.targets import last
from reprise.engine.tools import MAX_ROUNDS, BuiltIn
from reprise.engine.turns import Run
from reprise.llm.protocol import Finished, Tool
from reprise.store import balances, generations
from reprise.store.balances import Allowance
from tests.engine.world import OWNER, World, events_of, stored, told, until, with_timing
from tests.faults import EVERY, Fault, faults, killed, meanwhile, throttled, writing
from tests.models import FAKE, USAGE, FakeModels, Step

LOOK = ToolCall("c1", "look", {"for": "sky"})
SEEN = ToolResult("c1", "look", {"seen": "sky"})
CALLS = Finished("tool-calls", Usage(100, 20))
CLOCK = ToolCall("c9", "clock", {})
ENDLESS = asyncio.Event  # nobody sets it

Script = Sequence[Step]


async def look(asked: Mapping[str, Any]) -> Any:
    await asyncio.sleep(0)
    return {"seen": asked["for"]}


def options(**built_in: BuiltIn) -> Options:
    """With a tool `look` that runs here, if it is not another one, and `clock`, the client's."""
    ours = built_in or {"look": look}
    offered = tuple(Tool(name, "", {"type": "object"}) for name in (*ours, "clock"))
    return Options(tools=offered, built_in=ours)


def enqueue(world: World, *rounds: Script) -> None:
    for each in rounds:
        world.models.enqueue(each)


async def begin(world: World, *rounds: Script, **built_in: BuiltIn) -> Generation:
    enqueue(world, *rounds)
    run = await turns.send(
        world.engine, world.asker(), world.conversation.id, "Hi", options(**built_in)
    )
    assert isinstance(run, Generation)
    return run


async def say(world: World, *rounds: Script, **built_in: BuiltIn) -> Message:
    return await stored(await begin(world, *rounds, **built_in))


def parts_told(world: World, request: int = -1) -> list[tuple[str, tuple[Part, ...]]]:
    return [(each.role, each.parts) for each in world.models.requests[request].messages]


# Within an answer


async def test_the_model_is_told_what_its_tool_gave_and_goes_on(world: World) -> None:
    answer = await say(world, ["Let me ", "see.", LOOK, CALLS], ["It is ", "blue."])
    assert answer.parts == (Text("Let me see."), LOOK, SEEN, Text("It is blue."))
    assert (answer.state, answer.finish_reason) == ("done", "stop")
    assert world.stored(answer.id).parts == answer.parts
    assert parts_told(world) == [
        ("user", (Text("Hi"),)),
        ("assistant", (Text("Let me see."), LOOK, SEEN)),
    ]


async def test_every_part_is_an_event_also_for_who_comes_later(world: World) -> None:
    run = await begin(world, ["See.", LOOK, CALLS], ["Blue."])
    events = await events_of(run)
    produced = [event for event in events if isinstance(event, Produced)]
    assert [event.part for event in produced] == [Text("See."), LOOK, SEEN, Text("Blue.")]
    assert [event.n for event in produced] == [1, 2, 3, 4]
    assert told(await events_of(await world.attach(run.id))) == told(events)


async def test_who_comes_amid_the_rounds_is_told_the_same(world: World) -> None:
    asked, known = asyncio.Event(), asyncio.Event()

    async def slow(_: Mapping[str, Any]) -> Any:
        asked.set()
        await known.wait()
        return "blue"

    run = await begin(world, ["See.", LOOK, CALLS], ["Blue."], look=slow)
    async with asyncio.timeout(60):
        await asked.wait()
    await until(lambda: len(generations.logged(run.id)) == 2)
    following = asyncio.create_task(events_of(await world.attach(run.id)))
    known.set()
    assert told(await following) == told(await events_of(run))


async def test_tools_are_offered_for_so_many_rounds(world: World) -> None:
    rounds: list[Script] = [
        [ToolCall(f"c{n}", "look", {"for": n}), CALLS] for n in range(MAX_ROUNDS)
    ]
    answer = await say(world, *rounds, ["Enough."])
    offered = [[tool.name for tool in request.tools] for request in world.models.requests]
    assert offered == [["look", "clock"]] * MAX_ROUNDS + [[]]
    assert sum(isinstance(part, ToolResult) for part in answer.parts) == MAX_ROUNDS == 8
    assert answer.parts[-1] == Text("Enough.")


async def test_a_model_that_never_stops_calling_is_stopped(world: World) -> None:
    world.models.otherwise = lambda: [LOOK, CALLS]
    answer = await say(world)
    assert len(world.models.requests) == MAX_ROUNDS + 1
    assert (answer.state, answer.finish_reason) == ("done", "stop")
    assert isinstance(answer.parts[-1], ToolResult)


async def test_several_calls_run_at_once_and_their_results_keep_the_order(world: World) -> None:
    """The first one waits for the second."""
    second = asyncio.Event()

    async def both(asked: Mapping[str, Any]) -> Any:
        if asked["for"] == "a":
            async with asyncio.timeout(60):
                await second.wait()
        second.set()
        return asked["for"]

    calls = [ToolCall("c1", "look", {"for": "a"}), ToolCall("c2", "look", {"for": "b"})]
    answer = await say(world, [*calls, CALLS], ["Done."], look=both)
    results = [ToolResult("c1", "look", "a"), ToolResult("c2", "look", "b")]
    assert answer.parts == (*calls, *results, Text("Done."))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Invalid("query", "must be a text"), "query: must be a text"),
        (ValueError("secret"), "The tool failed."),
        (KeyError("secret"), "The tool failed."),
    ],
)
async def test_what_a_tool_fails_with_is_told_and_the_answer_goes_on(
    world: World, error: Exception, said: str
) -> None:
    async def fails(_: Mapping[str, Any]) -> Any:
        raise error

    calls = [LOOK, ToolCall("c2", "fine", {"for": "x"})]
    answer = await say(world, [*calls, CALLS], ["Sorry."], look=fails, fine=look)
    failed = ToolResult("c1", "look", said, failed=True)
    fine = ToolResult("c2", "fine", {"seen": "x"})
    assert answer.parts == (*calls, failed, fine, Text("Sorry."))
    assert answer.state == "done"
    assert parts_told(world)[1] == ("assistant", (*calls, failed, fine))


async def test_what_went_wrong_is_not_logged_by_its_words(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: Mapping[str, Any]) -> Any:
        raise ValueError("secret")

    await say(world, [LOOK, CALLS], ["Sorry."], look=fails)
    assert "tool failed" in caplog.text
    assert "secret" not in caplog.text


async def test_a_clients_tool_ends_the_answer_and_ours_have_run(world: World) -> None:
    answer = await say(world, [LOOK, CLOCK, CALLS])
    assert answer.parts == (LOOK, CLOCK, SEEN)
    assert (answer.state, answer.finish_reason) == ("done", "tool-calls")
    assert len(world.models.requests) == 1


async def test_a_later_turn_reads_what_the_tools_gave(world: World) -> None:
    answer = await say(world, [LOOK, CALLS], ["Blue."])
    await world.say("And?", ["Yes."])
    assert parts_told(world)[1] == ("assistant", answer.parts)


async def test_a_redo_asks_its_tools_anew(world: World) -> None:
    first = await say(world, [LOOK, CALLS], ["Blue."])
    enqueue(world, [LOOK, CALLS], ["Grey."])
    run = await turns.redo(
        world.engine, world.asker(), world.conversation.id, last(first.id), options()
    )
    assert (await stored(run)).parts == (LOOK, SEEN, Text("Grey."))
    assert world.numbers()[-1] == ("Grey.", 2, 2)


# What it costs


async def test_the_usage_of_all_rounds_is_added_and_billed_once(aws: None) -> None:
    world = World(FakeModels(replace(FAKE, credits=10)), allowance=Allowance(1000, 1))
    dear = Finished("tool-calls", Usage(1_500, 400))
    answer = await say(world, [LOOK, dear], [LOOK, dear], ["Blue."])
    assert answer.usage == Usage(1_500, 400) + Usage(1_500, 400) + USAGE
    (entry,) = balances.entries(OWNER)
    assert (int(entry.credits), answer.cost) == (40, 40)  # of 3,810 tokens
    assert world.balance().credits == 960


async def test_a_round_that_does_not_tell_its_usage_is_estimated_alone(world: World) -> None:
    answer = await say(world, [LOOK, Finished("tool-calls")], ["Blue."])
    usage = answer.usage
    assert usage
    asked = world.models.requests[0].messages
    assert usage == USAGE + (estimate(asked, (LOOK,)) or USAGE)
    assert usage.estimated


async def test_an_answer_that_breaks_off_costs_the_rounds_before_too(world: World) -> None:
    answer = await say(world, [LOOK, CALLS], ["It is", UpstreamFailed("gone")])
    assert (answer.state, answer.parts) == ("error", (LOOK, SEEN, Text("It is")))
    asked = world.models.requests[1].messages
    assert answer.usage == Usage(100, 20) + (estimate(asked, (Text("It is"),)) or USAGE)


async def test_one_that_breaks_off_between_two_rounds_costs_the_first(world: World) -> None:
    answer = await say(world, [LOOK, CALLS], [UpstreamFailed("gone")])
    assert (answer.state, answer.parts) == ("error", (LOOK, SEEN))
    assert answer.usage == Usage(100, 20)


async def test_an_anonymous_sessions_tokens_are_those_of_all_rounds(world: World) -> None:
    counted: list[Usage] = []

    async def used(usage: Usage) -> None:
        counted.append(usage)

    enqueue(world, [LOOK, CALLS], ["Blue."])
    asker = replace(world.asker(), used=used)
    await stored(await turns.send(world.engine, asker, world.conversation.id, "Hi", options()))
    assert counted == [Usage(107, 23)]


# Cut off


async def test_a_stop_while_a_tool_runs_keeps_what_was_produced(world: World) -> None:
    asked = asyncio.Event()

    async def endless(_: Mapping[str, Any]) -> Any:
        asked.set()
        await ENDLESS().wait()

    run = await begin(world, ["See.", LOOK, CALLS], look=endless)
    async with asyncio.timeout(60):
        await asked.wait()
    await stop(world.process(), OWNER, world.conversation.id)
    answer = await stored(run)
    assert (answer.state, answer.finish_reason) == ("stopped", "stopped")
    assert answer.parts == (Text("See."), LOOK)
    assert answer.usage == Usage(100, 20)
    assert len(world.models.requests) == 1
    await world.say("And now?", ["Now this."])
    assert world.said()[1:] == [("stopped", "See."), ("user", "And now?"), ("done", "Now this.")]


async def test_a_stop_in_a_later_round_keeps_the_earlier_ones(world: World) -> None:
    said = asyncio.Event()
    run = await begin(world, [LOOK, CALLS], ["It is", said.set, ENDLESS().wait])
    async with asyncio.timeout(60):
        await said.wait()
    await stop(world.process(), OWNER, world.conversation.id)
    answer = await stored(run)
    assert (answer.state, answer.parts) == ("stopped", (LOOK, SEEN, Text("It is")))
    assert world.models.open == 0


async def test_the_deadline_ends_a_tool_too(world: World) -> None:
    world.models.enqueue(["See.", LOOK, CALLS])

    async def endless(_: Mapping[str, Any]) -> Any:
        await ENDLESS().wait()

    asker = world.asker(within=world.timing.margin + 0.05)
    where = world.conversation.id
    run = await turns.send(world.engine, asker, where, "Hi", options(look=endless))
    answer = await stored(run)
    assert (answer.state, answer.finish_reason) == ("stopped", "deadline")
    assert answer.parts == (Text("See."), LOOK)


@pytest.mark.parametrize("logged", [2, 3, 4])
async def test_a_crash_keeps_what_was_logged(world: World, logged: int) -> None:
    """Before the result, behind it, and in the next round; nobody can write any more then."""
    parts = (Text("See."), LOOK, SEEN, Text("It is"))[:logged]
    dead = Fault("TransactWriteItems", killed, EVERY)

    async def waits(asked: Mapping[str, Any]) -> Any:
        if logged == 2:
            await ENDLESS().wait()
        return await look(asked)

    rounds: list[Script] = [["See.", LOOK, CALLS]]
    if logged > 2:
        rounds.append(["It is", ENDLESS().wait] if logged == 4 else [ENDLESS().wait])
    run = await begin(world, *rounds, look=waits)
    await until(lambda: len(generations.logged(run.id)) == logged)
    with faults(dead):
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.02)
    world.later(31)
    assert world.listing()[-1].parts == parts
    await world.say("Next", ["Yes."])
    repaired = world.stored(run.id)
    assert (repaired.state, repaired.finish_reason, repaired.parts) == ("error", "error", parts)
    again = [e.part for e in await events_of(await world.attach(run.id)) if isinstance(e, Produced)]
    assert again == list(parts)


async def test_much_that_tools_give_at_once_is_logged_in_several_chunks(aws: None) -> None:
    """One would be larger than an item may be, and could never be written."""
    world = with_timing(chunk_every=60)  # it is logged at the end, in one go
    large = "☕" * (CHUNK_TEXT // 2)

    async def much(_: Mapping[str, Any]) -> Any:
        return large

    calls = [ToolCall(f"c{n}", "look", {}) for n in range(8)]
    run = await begin(world, [*calls, CALLS], ["Done."], look=much)
    events = await events_of(run)
    assert generations.logged(run.id) == [e for e in events if isinstance(e, Produced)]
    assert told(await events_of(await world.attach(run.id))) == told(events)


# What clients' tools give


async def called(world: World, *calls: ToolCall) -> Message:
    world.models.enqueue([*(calls or (CLOCK,)), Finished("tool-calls", USAGE)])
    return await stored(
        await turns.send(world.engine, world.asker(), world.conversation.id, "Hi", options())
    )


async def give(world: World, call_id: str = "c9", output: Any = "noon") -> Message:
    _, answer = await tools.give_result(world.engine, OWNER, world.conversation.id, call_id, output)
    return answer


async def test_a_result_is_stored_behind_its_call(world: World) -> None:
    answer = await called(world)
    told = await give(world)
    assert told.parts == (CLOCK, ToolResult("c9", "clock", "noon"))
    assert world.stored(answer.id).parts == told.parts
    assert world.head() == answer.id


async def test_the_same_may_come_again_and_changes_nothing(world: World) -> None:
    await called(world)
    first = await give(world)
    before = world.found()
    assert (await give(world)).parts == first.parts
    assert world.found() == before
    with pytest.raises(NotFound, match="Tool call"):
        await give(world, output="midnight")
    assert world.found() == before


@pytest.mark.parametrize("call_id", ["c8", "", "C9"])
async def test_an_unknown_call_is_not_found(world: World, call_id: str) -> None:
    await called(world)
    with pytest.raises(NotFound, match="Tool call"):
        await give(world, call_id)


async def test_where_nothing_was_called_there_is_none(world: World) -> None:
    with pytest.raises(NotFound, match="Tool call"):
        await give(world)
    await world.say("Hi", ["Hello"])
    with pytest.raises(NotFound, match="Tool call"):
        await give(world)
    await world.say("Hi", [UpstreamFailed("gone")])  # the head is a user's message
    with pytest.raises(NotFound, match="Tool call"):
        await give(world)


async def test_nor_where_the_conversation_has_gone_on(world: World) -> None:
    await called(world)
    await world.say("Never mind", ["All right"])
    with pytest.raises(NotFound, match="Tool call"):
        await give(world)


async def test_nor_in_anothers_conversation(world: World) -> None:
    await called(world)
    with pytest.raises(NotFound, match="Conversation"):
        await tools.give_result(
            world.engine, "USER#0000000000000002", world.conversation.id, "c9", "noon"
        )


async def test_while_an_answer_is_made_none_is_taken(world: World) -> None:
    await called(world)
    running = world.abandon("Hi")
    with pytest.raises(Conflict) as caught:
        await give(world)
    assert caught.value.generation == running.id


async def test_results_at_the_same_moment_are_both_kept(world: World) -> None:
    await called(world, CLOCK, replace(CLOCK, id="c10"))
    other = meanwhile(lambda: asyncio.run(give(world, "c10", "one")))
    with faults(Fault("UpdateItem", other)) as struck:
        await give(world)
    assert struck
    results = [part for part in world.listing()[-1].parts if isinstance(part, ToolResult)]
    assert {part.id: part.output for part in results} == {"c9": "noon", "c10": "one"}


async def test_so_are_as_many_as_there_are_calls(world: World) -> None:
    calls = [replace(CLOCK, id=f"x{n}") for n in range(12)]
    await called(world, CLOCK, *calls)
    others, busy = iter(calls), list[None]()

    def another() -> None:
        if not busy and (call := next(others, None)):
            busy.append(None)
            asyncio.run(give(world, call.id))
            busy.clear()

    with faults(Fault("UpdateItem", meanwhile(another), EVERY)):
        told = await give(world)

    given = [part.id for part in told.parts if isinstance(part, ToolResult)]
    assert given == [*(call.id for call in calls), "c9"]
    assert world.listing()[-1].parts == told.parts


# On behind the results


async def proceed(world: World, *script: Step, **asked: Any) -> Run:
    if script:
        world.models.enqueue(script)
    return await turns.proceed(world.engine, world.asker(**asked), world.conversation.id, options())


async def test_it_goes_on_behind_the_results(world: World) -> None:
    first = await called(world)
    await give(world)
    run = await proceed(world, "It is noon.")
    answer = await stored(run)
    assert (run.begun.user, answer.parent, answer.text) == (None, first.id, "It is noon.")
    assert parts_told(world)[-1] == ("assistant", (CLOCK, ToolResult("c9", "clock", "noon")))
    assert world.said() == [("user", "Hi"), ("done", ""), ("done", "It is noon.")]
    assert told(await events_of(await world.attach(run.id)))[0] == (
        world.conversation.id,
        None,
        run.id,
        False,
    )


async def test_it_may_call_again(world: World) -> None:
    await called(world)
    await give(world)
    await stored(await proceed(world, replace(CLOCK, id="c10"), Finished("tool-calls", USAGE)))
    await give(world, "c10", "one")
    await stored(await proceed(world, "One by now."))
    assert world.said()[1:] == [("done", ""), ("done", ""), ("done", "One by now.")]


async def test_it_waits_for_all_results(world: World) -> None:
    await called(world, CLOCK, replace(CLOCK, id="c10"))
    for given in ("c9", "c10"):
        with pytest.raises(Invalid, match="a tool call has no result yet") as caught:
            await proceed(world)
        assert caught.value.field == "message"
        await give(world, given)
    world.models.enqueue(["Done."])
    await stored(await proceed(world))


@pytest.mark.parametrize("before", ["nothing", "an answer", "a question", "the same"])
async def test_where_no_tool_was_called_there_is_nothing_to_go_on_from(
    world: World, before: str
) -> None:
    match before:
        case "an answer":
            await world.say("Hi", ["Hello"])
        case "a question":
            await world.say("Hi", [UpstreamFailed("gone")])
        case "the same":
            await called(world)
            await give(world)
            await stored(await proceed(world, "Done."))
    found = world.found()
    with pytest.raises(Invalid) as caught:
        await proceed(world, "never")
    assert (caught.value.field, caught.value.problem) == ("message", "Required")
    assert world.found() == found


async def test_what_fails_can_be_tried_again(world: World) -> None:
    first = await called(world)
    await give(world)
    failed = await stored(await proceed(world, UpstreamFailed("gone")))
    assert failed.state == "error"
    assert world.head() == first.id
    await stored(await proceed(world, "Noon."))
    assert world.numbers()[-1] == ("Noon.", 1, 1)


async def test_the_same_request_goes_on_once(world: World) -> None:
    await called(world)
    await give(world)
    first = await stored(await proceed(world, "Noon.", key="k"))
    again = await stored(await proceed(world, "never", key="k"))
    assert again == first


async def test_it_goes_on_where_the_agent_spoke_first(world: World) -> None:
    world.models.enqueue([CLOCK, Finished("tool-calls", USAGE)])
    run = await turns.start(world.engine, world.asker(), [], options(), Draft())
    world.conversation = run.begun.conversation
    await stored(run)
    await give(world)
    await stored(await proceed(world, "Good afternoon."))
    assert [role for role, _ in world.said()] == ["done", "done"]
    assert reading.question_of(world.conversation, world.listing()[-1]) is None


async def test_large_results_lie_in_the_bucket_and_are_read(world: World) -> None:
    await called(world)
    await give(world, output="x" * 300_000)
    await stored(await proceed(world, "Long."))
    assert parts_told(world)[-1][1][1] == ToolResult("c9", "clock", "x" * 300_000)


async def test_a_log_that_cannot_be_written_loses_no_result(world: World) -> None:
    slow = partial(asyncio.sleep, 0.05)
    with faults(Fault("PutItem", throttled, EVERY, writing("CHUNK#"))) as struck:
        answer = await say(world, ["See.", LOOK, slow, CALLS], [slow, "Blue."])
    assert struck
    assert answer.parts == (Text("See."), LOOK, SEEN, Text("Blue."))
    assert world.stored(answer.id).parts == answer.parts

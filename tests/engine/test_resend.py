"""Histories that clients send along: what is there is known again, what is not is added."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reprise.chat.errors import Conflict, Invalid, NoCredits, NotFound
from reprise.chat.messages import Message, Said
from reprise.engine import conversations, turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.resend import paths_of, resend
from reprise.llm.catalogue import Model
from reprise.store import conversations as store
from reprise.store import keys, messages
from reprise.store.balances import Allowance
from tests.capacity import measured
from tests.engine.world import OWNER, Run, World, stored, with_timing
from tests.faults import EVERY, Fault, Killed, faults, from_there, killed, killed_after, meanwhile
from tests.models import FAKE, FakeModels
from tests.store.scribe import Scribe, put_all

OTHER = Model("other", "vendor/other", "demo", 16_000, 1)
LONG = 1000  # messages


@pytest.fixture
def world(aws: None) -> World:
    return World(FakeModels(FAKE, OTHER))


def taking_turns(*texts: str) -> list[Said]:
    return [Said("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]


async def asked(world: World, *texts: str, model: str | None = None, **more: Any) -> Run:
    """A history in which user and assistant take turns, resent to the world's conversation."""
    return await resent(world, taking_turns(*texts), model=model, **more)


async def resent(world: World, said: Sequence[Said], model: str | None = None, **more: Any) -> Run:
    where = world.conversation.number
    return await resend(world.engine, world.asker(**more), where, said, Options(model))


async def told(world: World, *texts: str, answer: str = "An answer.", **more: Any) -> Message:
    """The same to the end of the answer."""
    world.models.enqueue([answer])
    return await stored(await asked(world, *texts, **more))


def texts(world: World) -> list[str]:
    return [message.text for message in world.listing()]


def count(world: World) -> int:
    """All messages that are stored of the conversation, shown or not."""
    return len(world.found().messages)


# --- Matching -------------------------------------------------------------------------------------


async def test_the_first_history_is_all_new(world: World) -> None:
    await told(world, "One", "Two", "Three", answer="Four")

    assert texts(world) == ["One", "Two", "Three", "Four"]
    assert [message.depth for message in world.listing()] == [0, 1, 2, 3]


async def test_the_shown_branch_is_appended_to(world: World) -> None:
    await told(world, "One", answer="Two")

    await told(world, "One", "Two", "Three", answer="Four")

    assert texts(world) == ["One", "Two", "Three", "Four"]
    assert count(world) == 4
    assert all(message.versions == 1 for message in world.listing())


async def test_white_space_makes_no_difference_and_what_is_stored_is_read(world: World) -> None:
    await told(world, "One and\n a half", answer="Two\n\nand more")

    await told(world, "Oneandahalf", "Two and more", "Three", answer="Four")

    assert texts(world) == ["One and\n a half", "Two\n\nand more", "Three", "Four"]
    read = [message.text for message in world.models.requests[-1].messages]
    assert read == ["One and\n a half", "Two\n\nand more", "Three"]


@pytest.mark.parametrize("sent", ["", " \n"])
async def test_an_answer_may_be_empty(world: World, sent: str) -> None:
    """As of a model that only calls tools. The client has nothing else to send back."""
    await told(world, "One", answer="")

    await told(world, "One", sent, "Three", answer="Four")

    assert texts(world) == ["One", "", "Three", "Four"]
    assert count(world) == 4


async def test_one_that_is_not_there_is_stored_as_such(world: World) -> None:
    await told(world, "One", " ", "Three", answer="Four")

    assert texts(world) == ["One", "", "Three", "Four"]
    assert world.listing()[1].parts == ()  # of which providers are told nothing
    await told(world, "One", "", "Three", "Four", "Five", answer="Six")
    assert count(world) == 6


async def test_roles_make_a_difference(world: World) -> None:
    await told(world, "One", answer="Two")

    await stored(
        await resent(world, [Said("system", "One"), Said("assistant", "Two"), Said("user", "3")])
    )

    assert [(m.role, m.text) for m in world.listing()] == [
        ("system", "One"),
        ("assistant", "Two"),
        ("user", "3"),
        ("assistant", "An answer."),
    ]


@pytest.mark.parametrize(
    ("history", "known"),
    [
        (("Else", "Two", "Three"), 0),
        (("One", "Else", "Three"), 1),
        (("One", "Two", "Else"), 2),
        (("One", "Two", "Else", "Four", "Five"), 2),
        (("One", "Two", "Three", "Else", "Five"), 3),
        (("Else",), 0),
    ],
)
async def test_another_history_branches_off_where_it_differs(
    world: World, history: tuple[str, ...], known: int
) -> None:
    await told(world, "One", answer="Two")
    await told(world, "One", "Two", "Three", answer="Four")
    before = world.listing()

    await told(world, *history, answer="New")

    after = world.listing()
    assert texts(world) == [*history, "New"]
    assert [m.id for m in after[:known]] == [m.id for m in before[:known]]
    assert (after[known].version, after[known].versions) == (2, 2)
    assert {m.id for m in before} <= world.found().messages.keys()
    assert count(world) == 4 + len(history) - known + 1


async def test_what_a_branch_left_can_be_shown_again(world: World) -> None:
    from reprise.engine.versions import select

    first = await told(world, "One", answer="Two")
    await told(world, "One", "Two", "Three", answer="Four")
    await told(world, "Else", answer="New")

    await select(world.engine, world.asker(), first.id)

    assert texts(world) == ["One", "Two", "Three", "Four"]


async def test_a_history_that_was_cut_short_goes_on_from_there(world: World) -> None:
    """The client dropped the last turn and asks something else."""
    await told(world, "One", answer="Two")
    await told(world, "One", "Two", "Three", answer="Four")

    await told(world, "One", "Two", "Else", answer="New")

    assert texts(world) == ["One", "Two", "Else", "New"]


@pytest.mark.parametrize("history", [("One",), ("One", "Two", "Three")])
async def test_a_question_that_is_there_is_answered_once_more(
    world: World, history: tuple[str, ...]
) -> None:
    await told(world, "One", answer="Two")
    await told(world, "One", "Two", "Three", answer="Four")

    again = await told(world, *history, answer="New")

    assert texts(world) == [*history, "New"]
    assert count(world) == 5
    assert again.begun == "redo"
    shown = world.listing()[-1]
    assert (shown.version, shown.versions) == (2, 2)


async def test_a_question_whose_answer_failed_is_not_stored_twice(world: World) -> None:
    world.models.enqueue([RuntimeError()])
    await stored(await asked(world, "One"))

    await told(world, "One", answer="Two")

    assert texts(world) == ["One", "Two"]


async def test_a_failed_repetition_gives_the_branch_back(world: World) -> None:
    await told(world, "One", answer="Two")
    await told(world, "One", "Two", "Three", answer="Four")

    world.models.enqueue([RuntimeError()])
    await stored(await asked(world, "One"))

    assert texts(world) == ["One", "Two", "Three", "Four"]


async def test_another_branch_is_not_looked_into(world: World) -> None:
    """What was once shown and sent again is stored again: only the shown branch is known."""
    await told(world, "One", answer="Two")
    await told(world, "Else", answer="New")

    await told(world, "One", "Two", "Three", answer="Four")

    assert texts(world) == ["One", "Two", "Three", "Four"]
    assert count(world) == 8


async def test_paths_are_those_that_messages_have(world: World) -> None:
    await told(world, "One", "Two", "Three", answer="Four")

    sent = taking_turns("One", "Two", "Three", "Four")
    assert paths_of(sent) == [message.path for message in world.listing()]


# --- What it refuses ------------------------------------------------------------------------------


async def test_an_unknown_conversation_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await resend(world.engine, world.asker(), 1, taking_turns("One"), Options())


@pytest.mark.parametrize("history", [("",), (" \n",), ("One", "Two", " "), ("x" * 1_000_001,)])
async def test_what_nobody_can_have_said_is_refused(world: World, history: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        await asked(world, *history)

    assert count(world) == 0


async def test_while_an_answer_is_made_nothing_is_stored(world: World) -> None:
    await told(world, "One", answer="Two")
    world.abandon("Meanwhile")
    before = count(world)

    with pytest.raises(Conflict):
        await asked(world, "Else", "More", "Three")

    assert count(world) == before


async def test_a_turn_that_is_refused_takes_back_what_came_before_it(world: World) -> None:
    world.allowance = Allowance(concurrent=10, credits=0)

    with pytest.raises(NoCredits):
        await asked(world, "One", "Two", "Three")

    assert count(world) == 0


# --- Models ---------------------------------------------------------------------------------------


async def test_the_request_names_the_model_until_the_conversation_is_switched(
    world: World,
) -> None:
    first = await told(world, "One", model="other")
    assert first.model == "other"

    conversations.switch(world.engine, OWNER, world.conversation.number, "alias-of-fake")

    for history in (("One",), ("One", "An answer.", "Two")):
        answer = await told(world, *history, model="other")
        assert answer.model == "alias-of-fake"
        assert world.models.requests[-1].model == FAKE.id


async def test_a_conversation_has_the_model_of_its_first_answer(world: World) -> None:
    assert meta(world).model is None

    await told(world, "One", model="other")
    await told(world, "One", "An answer.", "Two", model="fake")

    assert (meta(world).model, meta(world).switched) == ("other", False)


def meta(world: World) -> Any:
    conversation = world.found().conversation
    assert conversation
    return conversation


# --- Costs ----------------------------------------------------------------------------------------


def stored_before(world: World, length: int, text: str | None = None) -> list[Said]:
    """A conversation of so many messages, which are there."""
    scribe = Scribe(now_ms=int((world.now() - 3600) * 1000))
    made = scribe.conversation(owner=OWNER)
    branch = scribe.branch(made, length, text)
    made = replace(made, head=branch[-1].id, version=length)
    assert store.create(made)
    put_all(made, branch)
    world.conversation = made
    return [Said(message.role, message.text) for message in branch]


@pytest.fixture
def still(aws: None) -> World:
    """One that makes no calls by the clock."""
    return with_timing(chunk_every=60)


async def test_a_thousand_messages_cost_what_the_last_of_them_does(still: World) -> None:
    world = still
    said = stored_before(world, LONG)

    with measured() as whole:
        await stored(await resent(world, [*said, Said("user", "And?")]))
    with measured() as last:
        await stored(await world.send("And again?"))

    assert sorted(whole.operations) == sorted(last.operations)
    assert whole.operations[0] == "Query"
    assert whole.read_units <= last.read_units
    assert whole.write_units <= last.write_units
    written = {charge.what for charge in whole.charges if charge.write_units}
    shown = world.listing()
    assert {key for key in written if key.startswith("M#")} == {
        keys.message(message.id) for message in shown[LONG : LONG + 2]
    }


async def test_of_a_thousand_messages_two_reads_bring_what_is_needed(still: World) -> None:
    """One finds where the history ends, the other what the model's window holds."""
    world = still
    said = stored_before(world, LONG, "x" * 400)

    with measured(units=False) as cost:
        await stored(await resent(world, [*said, Said("user", "And?")]))

    assert cost.operations.count("Query") == 2
    assert len(world.models.requests[0].messages) > 100


# --- Crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [killed, killed_after])
@pytest.mark.parametrize("operation", ["BatchWriteItem", "TransactWriteItems"])
async def test_a_crash_before_the_begin_leaves_nothing_to_be_seen(
    world: World, kind: Any, operation: str
) -> None:
    await told(world, "One", answer="Two")

    with faults(from_there(Fault(operation, kind), killed)), pytest.raises(Killed):
        await asked(world, "Else", "More", "Three")

    if (operation, kind) != ("TransactWriteItems", killed_after):
        assert texts(world) == ["One", "Two"]
        await told(world, "One", "Two", "Three", answer="Four")
        assert texts(world) == ["One", "Two", "Three", "Four"]
    else:
        assert texts(world)[:3] == ["Else", "More", "Three"]


@pytest.mark.parametrize("kind", [killed, killed_after])
async def test_a_crash_before_a_conversation_begins_leaves_none(world: World, kind: Any) -> None:
    with faults(from_there(Fault("BatchWriteItem", kind), killed)), pytest.raises(Killed):
        await turns.start(
            world.engine, world.asker(), taking_turns("A", "B", "C"), Options(), Draft("Lost")
        )

    listed, total = store.page(OWNER, 0, 10)
    assert [each.title for each in listed] == ["A conversation"]
    assert total == 1


async def test_who_is_overtaken_looks_again(world: World) -> None:
    """Another turn ended between the reading and the begin."""
    await told(world, "One", answer="Two")
    fault = Fault("TransactWriteItems", meanwhile(lambda: rename_head(world)))

    with faults(fault) as struck:
        await told(world, "One", "Two", "Three", answer="Four")

    assert struck
    assert texts(world) == ["One", "Two", "Three", "Four"]


def rename_head(world: World) -> None:
    """Move the conversation's version, as another turn would."""
    from reprise.store.items import ConversationItem

    item = ConversationItem(keys.conversation(OWNER, world.conversation.number), keys.META)
    item.update([ConversationItem.version.add(1)])


async def test_what_an_overtaken_turn_stored_is_taken_back(world: World) -> None:
    fault = Fault("TransactWriteItems", meanwhile(lambda: rename_head(world)), on=EVERY)

    with faults(fault), pytest.raises(Conflict):
        await asked(world, "One", "Two", "Three")

    assert messages.latest(OWNER, world.conversation.number).messages == {}

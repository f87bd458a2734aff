"""A branch page by page: each of its messages once, whatever happens between two pages."""

import base64
import json

import pytest

from reprise.chat.errors import Invalid, NotFound, UpstreamFailed
from reprise.engine import conversations, reading, turns
from reprise.engine.pages import Page, page
from reprise.engine.where import Where
from tests.capacity import measured
from tests.engine.world import OWNER, World

STRANGER = "USER#0000000000000002"


def get(
    world: World,
    limit: int = 2,
    cursor: str | None = None,
    partitions: tuple[str, ...] = (OWNER,),
    where: Where | None = None,
) -> Page:
    return page(world.engine, partitions, where or world.conversation.id, limit, cursor)


def texts(found: Page) -> list[str]:
    return [message.text for message in found.messages]


def all_pages(world: World, limit: int) -> list[list[str]]:
    """The newest page first."""
    found = get(world, limit)
    pages = [texts(found)]
    while found.cursor:
        found = get(world, limit, found.cursor)
        pages.append(texts(found))
    return pages


async def talk(world: World, *questions: str) -> None:
    for each in questions:
        await world.say(each, [each.lower()])


async def test_pages_go_back_from_the_newest_each_oldest_first(world: World) -> None:
    await talk(world, "A", "B", "C")
    assert all_pages(world, 2) == [["C", "c"], ["B", "b"], ["A", "a"]]
    assert all_pages(world, 4) == [["B", "b", "C", "c"], ["A", "a"]]
    assert all_pages(world, 6) == [["A", "a", "B", "b", "C", "c"]]
    assert all_pages(world, 1) == [["c"], ["C"], ["b"], ["B"], ["a"], ["A"]]


async def test_an_empty_conversation_has_one_empty_page(world: World) -> None:
    found = get(world)
    assert (list(found.messages), found.cursor, found.total) == ([], None, 0)
    assert found.conversation == world.conversation


async def test_every_page_tells_the_length_of_the_branch(world: World) -> None:
    await talk(world, "A", "B")
    first = get(world, 3)
    assert first.total == 4
    assert get(world, 3, first.cursor).total == 4


async def test_what_is_not_shown_takes_no_place(world: World) -> None:
    await talk(world, "A", "B")
    await world.say("C", [UpstreamFailed("gone")])
    where = world.conversation.id
    await turns.append(world.engine, world.asker(), where, "system", "Be brief.")
    hidden = next(message for message in world.listing() if message.text == "b")
    reading.hide(world.engine, OWNER, hidden.id)
    await talk(world, "D")
    assert all_pages(world, 2) == [["D", "d"], ["B", "C"], ["A", "a"]]


async def test_a_cursor_stays_good_while_the_branch_goes_on(world: World) -> None:
    await talk(world, "A", "B", "C")
    first = get(world)
    await talk(world, "D", "E")
    assert texts(get(world, 2, first.cursor)) == ["B", "b"]


async def test_a_cursor_stays_good_where_another_branch_is_shown(world: World) -> None:
    """What is shown now goes on from the depth that was reached."""
    await talk(world, "A", "B", "C", "D")
    first = get(world)
    answer = next(message for message in world.listing() if message.text == "a")
    await world.again(answer.id, ["another a"])
    await talk(world, "X", "Y", "Z")
    assert texts(get(world, 2, first.cursor)) == ["Y", "y"]
    assert all_pages(world, 4) == [["Y", "y", "Z", "z"], ["A", "another a", "X", "x"]]


async def test_a_cursor_behind_a_shorter_branch_gives_what_there_is(world: World) -> None:
    await talk(world, "A", "B", "C")
    first = get(world)
    answer = next(message for message in world.listing() if message.text == "a")
    await world.again(answer.id, ["another a"])
    assert texts(get(world, 2, first.cursor)) == ["A", "another a"]


async def test_a_page_costs_the_same_wherever_it_lies(world: World) -> None:
    await talk(world, *(f"Q{number}" for number in range(30)))
    found, costs = get(world), []
    while found.cursor:
        with measured() as cost:
            found = get(world, 2, found.cursor)
        costs.append(len(cost.operations))
    assert len(set(costs[1:-1])) == 1
    assert max(costs) <= 3


async def test_an_answer_that_crashed_is_shown_as_it_will_be_repaired(world: World) -> None:
    world.abandon("A", ["Hel"])
    assert [message.state for message in get(world).messages] == ["done", "in-progress"]
    world.later(31)
    assert [(m.state, m.text) for m in get(world).messages] == [("done", "A"), ("error", "Hel")]


async def test_of_several_partitions_the_first_that_has_it_counts(world: World) -> None:
    await talk(world, "A")
    assert texts(get(world, partitions=(STRANGER, OWNER))) == ["A", "a"]
    with pytest.raises(NotFound):
        get(world, partitions=(STRANGER,))
    with pytest.raises(NotFound):
        get(world, partitions=())


@pytest.mark.parametrize("where", ["nonsense", "0a9b0a5b-abd4-8815-be96-fdacae4412ce", 5])
async def test_what_is_not_there_has_no_pages(world: World, where: Where) -> None:
    with pytest.raises(NotFound):
        get(world, where=where)


async def test_a_deleted_conversation_has_none(world: World) -> None:
    await talk(world, "A")
    conversations.delete(world.engine, OWNER, world.conversation.id)
    with pytest.raises(NotFound):
        get(world)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "☕", "=", encoded(5), encoded([]), encoded(["x", 1]), encoded([1, 1]), "[" * 5_000],
)
async def test_what_is_no_cursor_is_refused(world: World, cursor: str) -> None:
    await talk(world, "A")
    with pytest.raises(Invalid) as caught:
        get(world, 2, cursor)
    assert caught.value.field == "cursor"


async def test_so_is_a_cursor_of_another_conversation(world: World) -> None:
    await talk(world, "A", "B")
    theirs = get(world).cursor
    world.elsewhere()
    await talk(world, "A", "B")
    with pytest.raises(Invalid):
        get(world, 2, theirs)


@pytest.mark.parametrize("depth", [1.5, "1", None])
async def test_so_is_one_without_a_depth(world: World, depth: object) -> None:
    await talk(world, "A", "B")
    with pytest.raises(Invalid):
        get(world, 2, encoded([world.head(), depth]))

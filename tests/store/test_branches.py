"""A branch is the path from its tip to the root, newest first, and little else is read for it."""

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprise.chat.messages import ROLES, Conversation, Message
from reprise.store import conversations, generations, keys, messages
from reprise.store.generations import Turn
from reprise.store.messages import FIRST_PAGE, Found
from tests.faults import EVERY, Fault, answering, faults
from tests.store.scribe import EXPIRES, OTHER, OWNER, Scribe, found, put_all, versions


@dataclass
class Reading:
    """What a branch was read with: the items that each Query went over."""

    pages: list[list[str]] = field(default_factory=list)

    def note(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.pages.append([item["sk"]["S"] for item in answer["Items"]])
        return answer

    @property
    def items(self) -> list[str]:
        return [sort for page in self.pages for sort in page]


def branch(
    conversation: Conversation, tip: str | None, latest: Found, page: int | None = None
) -> tuple[list[str], Reading]:
    """Ids of the branch and how it was read."""
    reading = Reading()
    with faults(Fault("Query", answering(reading.note), on=EVERY)):
        path = messages.branch(conversation.owner, conversation.number, tip, latest, page)
        ids = [message.id for message in path]
    return ids, reading


def ids_of(oldest_first: list[Message]) -> list[str]:
    return [message.id for message in oldest_first][::-1]


# Trees


@dataclass
class Tree:
    """A conversation that grows anywhere, in the table and in a model of it."""

    scribe: Scribe
    conversation: Conversation
    nodes: list[Message] = field(default_factory=list)

    def path(self, tip: Message | None) -> list[str]:
        by_id = {node.id: node for node in self.nodes}
        ids = []
        while tip is not None:
            ids.append(tip.id)
            tip = by_id[tip.parent] if tip.parent else None
        return ids

    def grow(self, parent: Message | None, *, answered: bool) -> None:
        """A user message under `parent`, as a send does at the head and an edit elsewhere."""
        turn = self.scribe.send(self.conversation, parent)
        if not answered:
            turn = replace(turn, messages=turn.messages[:1])
        self._begin(replace(turn, sibling=self._sibling(parent)))

    def redo(self, answer: Message) -> None:
        parent = next(node for node in self.nodes if node.id == answer.parent)
        self._begin(self.scribe.redo(self.conversation, answer, parent))

    def _sibling(self, parent: Message | None) -> str | None:
        above = parent.id if parent else None
        users = (node for node in self.nodes if node.role == "user")
        return next((node.id for node in users if node.parent == above), None)

    def _begin(self, turn: Turn) -> None:
        self.conversation = generations.begin(turn, EXPIRES)
        self.nodes += turn.messages
        if turn.answer:
            generations.end(self.conversation, self.scribe.finished(turn.answer, "Hello"))


@st.composite
def growths(draw: st.DrawFn) -> list[tuple[str, int]]:
    """How a tree grows: what happens, and at which of its nodes (modulo their number)."""
    kinds = st.sampled_from(["send", "say", "edit", "redo"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 100)), min_size=1, max_size=9))


def grown(scribe: Scribe, growth: list[tuple[str, int]]) -> Tree:
    tree = Tree(scribe, scribe.stored())
    for kind, at in growth:
        answers = [node for node in tree.nodes if node.role == "assistant"]
        head = next((node for node in tree.nodes if node.id == tree.conversation.head), None)
        if kind == "redo" and answers:
            tree.redo(answers[at % len(answers)])
        elif kind == "edit" and tree.nodes:
            tree.grow([None, *tree.nodes][at % (len(tree.nodes) + 1)], answered=True)
        else:
            tree.grow(head, answered=kind != "say")
    return tree


@settings(settings.get_profile("store"))
@given(growth=growths(), limit=st.integers(3, 12), page=st.none() | st.integers(1, 5))
def test_a_branch_is_the_path_from_its_tip_to_the_root(
    scribe: Scribe, growth: list[tuple[str, int]], limit: int, page: int | None
) -> None:
    tree = grown(scribe, growth)
    latest = found(tree.conversation, limit)

    for tip in tree.nodes:
        ids, reading = branch(tree.conversation, tip.id, latest, page)

        assert ids == tree.path(tip)
        assert page is None or all(len(read) <= page for read in reading.pages)


@settings(settings.get_profile("store"))
@given(growth=growths(), limit=st.integers(3, 12))
def test_no_more_is_read_than_the_path_still_has(
    scribe: Scribe, growth: list[tuple[str, int]], limit: int
) -> None:
    tree = grown(scribe, growth)
    latest = found(tree.conversation, limit)
    head = next(node for node in tree.nodes if node.id == tree.conversation.head)

    ids, reading = branch(tree.conversation, head.id, latest)

    assert ids == tree.path(head)
    for page in reading.pages:
        first = page[0].removeprefix(keys.FIRST_MESSAGE)
        assert first in ids, "a Query begins at a message of the path"
        assert len(page) <= len(ids) - ids.index(first)


@settings(settings.get_profile("store"))
@given(growth=growths())
def test_the_depth_of_a_message_is_the_length_of_the_path_to_it(
    scribe: Scribe, growth: list[tuple[str, int]]
) -> None:
    tree = grown(scribe, growth)

    stored = found(tree.conversation, 100).messages

    assert {m.id: m.depth for m in stored.values()} == {
        node.id: len(tree.path(node)) - 1 for node in tree.nodes
    }


@settings(settings.get_profile("store"))
@given(growth=growths())
def test_siblings_are_noted_in_their_order_wherever_there_are_two(
    scribe: Scribe, growth: list[tuple[str, int]]
) -> None:
    tree = grown(scribe, growth)

    for parent in [None, *(node.id for node in tree.nodes)]:
        children = [node for node in tree.nodes if node.parent == parent]
        for role in ROLES:
            siblings = [child.id for child in children if child.role == role]
            noted = versions(tree.conversation, parent, role)
            assert (noted and noted[0]) == (siblings if len(siblings) > 1 else None)


# What is read


def test_a_branch_that_came_with_the_latest_messages_is_not_read_again(scribe: Scribe) -> None:
    conversation, path = scribe.filled(20)
    latest = found(conversation)

    ids, reading = branch(conversation, conversation.head, latest)

    assert ids == ids_of(path)
    assert reading.pages == []


@pytest.mark.parametrize("length", [24, 60, 300])
def test_the_rest_of_a_long_branch_is_read_in_one_query(scribe: Scribe, length: int) -> None:
    conversation, path = scribe.filled(length)
    latest = found(conversation)

    ids, reading = branch(conversation, conversation.head, latest)

    assert ids == ids_of(path)
    assert [len(page) for page in reading.pages] == [length - (FIRST_PAGE - 1)]


def test_a_branch_of_more_than_one_query_can_hold_is_read_to_its_end(scribe: Scribe) -> None:
    """A Query brings at most 1 MB."""
    conversation = scribe.conversation()
    path = scribe.branch(conversation, 60)
    conversation = replace(conversation, head=path[-1].id)
    conversations.create(conversation)
    put_all(conversation, [scribe.finished(message, "x" * 50_000) for message in path])

    ids, reading = branch(conversation, conversation.head, found(conversation))

    assert ids == ids_of(path)
    assert 1 < len(reading.pages) < 5


def test_a_branch_is_read_as_far_as_somebody_looks(scribe: Scribe) -> None:
    conversation, path = scribe.filled(200)
    latest, reading = found(conversation), Reading()
    newest_first = messages.branch(OWNER, conversation.number, conversation.head, latest, page=10)

    with faults(Fault("Query", answering(reading.note), on=EVERY)):
        seen = [message.id for message in islice(newest_first, FIRST_PAGE - 1)]
        before = len(reading.pages)
        seen += [message.id for message in islice(newest_first, 10)]

    assert seen == ids_of(path)[: FIRST_PAGE - 1 + 10]
    assert (before, len(reading.pages)) == (0, 1)
    assert len(reading.items) == 10


def test_the_last_page_is_no_longer_than_the_path(scribe: Scribe) -> None:
    conversation, path = scribe.filled(40)

    ids, reading = branch(conversation, conversation.head, found(conversation), page=10)

    assert ids == ids_of(path)
    assert [len(page) for page in reading.pages] == [10, 7]


def with_versions(
    scribe: Scribe, before: int, count: int, after: int
) -> tuple[Conversation, list[Message], list[Message], list[Message]]:
    """A branch whose last answer has so many versions and goes on under the last of them: the
    messages before them, the versions, the messages after them.
    """
    conversation = scribe.conversation()
    trunk = scribe.branch(conversation, before)
    made = [
        scribe.message(conversation, trunk[-1], str(number), role="assistant")
        for number in range(count)
    ]
    rest: list[Message] = []
    for number in range(after):
        rest.append(scribe.message(conversation, (rest or made)[-1], str(number)))
    conversation = replace(conversation, head=(rest or made)[-1].id)
    conversations.create(conversation)
    put_all(conversation, [*trunk, *made, *rest])
    return conversation, trunk, made, rest


def test_superseded_versions_are_jumped_over(scribe: Scribe) -> None:
    conversation, trunk, made, _ = with_versions(scribe, before=5, count=100, after=0)

    ids, reading = branch(conversation, conversation.head, found(conversation))

    assert ids == ids_of([*trunk, made[-1]])
    assert reading.pages == [[keys.message(message_id) for message_id in ids_of(trunk)]]


def test_a_page_of_superseded_versions_at_most_is_read_where_they_lie_amid_a_branch(
    scribe: Scribe,
) -> None:
    conversation, trunk, made, rest = with_versions(scribe, before=5, count=100, after=30)

    ids, reading = branch(conversation, conversation.head, found(conversation))

    assert ids == ids_of([*trunk, made[-1], *rest])
    assert len(reading.pages) == 2
    assert len(reading.items) <= len(ids)


def test_an_old_version_is_read_without_the_newer_ones(scribe: Scribe) -> None:
    conversation, trunk, made, _ = with_versions(scribe, before=5, count=100, after=0)

    ids, reading = branch(conversation, made[0].id, found(conversation))

    assert ids == ids_of([*trunk, made[0]])
    assert len(reading.items) == len(ids)


def test_branches_are_consistent_reads(scribe: Scribe) -> None:
    conversation, _ = scribe.filled(30)
    latest = found(conversation)

    with faults(Fault("Query", lambda call: call.proceed(), on=EVERY)) as queries:
        list(messages.branch(OWNER, conversation.number, conversation.head, latest))

    assert [query.request["ConsistentRead"] for query in queries] == [True]


# What is not there


def test_a_conversation_without_messages_has_an_empty_branch(scribe: Scribe) -> None:
    conversation = scribe.stored()

    ids, reading = branch(conversation, None, found(conversation))

    assert (ids, reading.pages) == ([], [])


def test_a_branch_ends_where_a_purge_has_been(scribe: Scribe) -> None:
    conversation, path = scribe.filled(60)
    latest = found(conversation)
    conversations.delete(conversation)
    conversations.purge(keys.conversation(OWNER, conversation.number), path[30].created)

    ids, _ = branch(conversation, conversation.head, latest)

    assert ids == ids_of(path)[:30]


def test_a_tip_that_is_not_there_has_an_empty_branch(scribe: Scribe) -> None:
    conversation, _ = scribe.filled(3)
    never = scribe.mint.message_id(conversation.number)

    ids, _ = branch(conversation, never, found(conversation))

    assert ids == []


def test_anothers_branch_is_empty(scribe: Scribe) -> None:
    conversation, path = scribe.filled(3)

    ids = list(messages.branch(OTHER, conversation.number, path[-1].id, Found()))

    assert ids == []


def test_large_bodies_are_not_fetched_for_a_branch(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored(), text="x" * 300_000)
    latest = found(conversation)

    with faults(Fault("GetObject", lambda call: call.proceed(), on=EVERY)) as fetched:
        path = list(messages.branch(OWNER, conversation.number, answer.id, latest))

    assert fetched == []
    assert [len(message.text) for message in path] == [500, 500]

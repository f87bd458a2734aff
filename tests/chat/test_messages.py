"""Messages as values: the hash of a branch, the joining of texts, what is shown."""

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reprise.chat.messages import (
    ROLES,
    Lease,
    Message,
    Part,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    join_text,
    path_hash,
)
from tests.chat.strategies import parts, texts

WHITE_SPACE = " \t\r\n\x0b\x0c\x85\xa0\u2003\u2028\u3000"
roles: st.SearchStrategy[Any] = st.sampled_from(ROLES)
hashes = st.just(b"") | st.binary(min_size=16, max_size=16)
CALL = ToolCall("call-1", "search", {"query": "tides"})
RESULT = ToolResult("call-1", "search", ["high", "low"])


def message(**changes: Any) -> Message:
    defaults: dict[str, Any] = {
        "id": "m",
        "role": "assistant",
        "parts": (Text("Hello"),),
        "parent": None,
        "depth": 0,
        "path": b"",
        "state": "done",
        "created": 1,
        "updated": 1,
    }
    return Message(**(defaults | changes))


# path_hash


@pytest.mark.parametrize("text", ["a b", "ä b"], ids=["ascii", "not ascii"])
def test_every_white_space_is_left_out(text: str) -> None:
    bare = path_hash(b"", "user", text.replace(" ", ""))

    for space in filter(str.isspace, map(chr, range(0x10000))):
        assert path_hash(b"", "user", text.replace(" ", space)) == bare


@given(hashes, roles, texts, st.data())
def test_white_space_makes_no_other_path(
    parent: bytes, role: Any, text: str, data: st.DataObject
) -> None:
    padding = st.text(WHITE_SPACE, max_size=2)
    padded = "".join(data.draw(padding) + character for character in text) + data.draw(padding)

    assert path_hash(parent, role, padded) == path_hash(parent, role, text)


@given(hashes, roles, texts, texts)
def test_any_other_text_makes_another_path(parent: bytes, role: Any, one: str, two: str) -> None:
    assume("".join(one.split()) != "".join(two.split()))

    assert path_hash(parent, role, one) != path_hash(parent, role, two)


@pytest.mark.parametrize(
    ("one", "two"), [("a", "A"), ("é", "e\u0301"), ("a\u200b", "a"), ("", ".")]
)
def test_case_accents_and_invisible_characters_count(one: str, two: str) -> None:
    assert path_hash(b"", "user", one) != path_hash(b"", "user", two)


@given(texts)
def test_the_role_is_part_of_the_path(text: str) -> None:
    assert len({path_hash(b"", role, text) for role in ("system", "user", "assistant")}) == 3


@given(hashes, hashes, texts)
def test_the_whole_branch_is_part_of_the_path(one: bytes, two: bytes, text: str) -> None:
    assume(one != two)

    assert path_hash(one, "user", text) != path_hash(two, "user", text)


def test_where_one_message_ends_and_the_next_begins_is_part_of_the_path() -> None:
    def branch(*contents: str) -> bytes:
        path = b""
        for text in contents:
            path = path_hash(path, "user", text)
        return path

    assert branch("ab", "c") != branch("a", "bc") != branch("abc")


@given(hashes, roles, texts)
def test_a_path_takes_16_bytes(parent: bytes, role: Any, text: str) -> None:
    assert len(path_hash(parent, role, text)) == 16


# join_text


def test_adjacent_texts_become_one() -> None:
    assert join_text([Text("Hel"), Text("lo"), Text("!")]) == (Text("Hello!"),)


def test_texts_are_not_joined_over_a_tool_call() -> None:
    given_parts: list[Part] = [
        Text("One "),
        Text("moment"),
        CALL,
        RESULT,
        Text("It"),
        Text(" is low."),
    ]

    joined = join_text(given_parts)

    assert joined == (Text("One moment"), CALL, RESULT, Text("It is low."))


def test_empty_texts_are_dropped() -> None:
    assert join_text([Text(""), CALL, Text(""), Text("")]) == (CALL,)
    assert join_text([]) == ()


@given(st.lists(parts))
def test_joining_loses_no_text_and_no_other_part(some: list[Part]) -> None:
    joined = join_text(some)

    assert message(parts=joined).text == message(parts=tuple(some)).text
    others = [part for part in some if not isinstance(part, Text)]
    assert [part for part in joined if not isinstance(part, Text)] == others


@given(st.lists(parts))
def test_what_is_joined_has_no_empty_and_no_adjacent_texts(some: list[Part]) -> None:
    joined = join_text(some)

    assert Text("") not in joined
    assert not any(isinstance(a, Text) and isinstance(b, Text) for a, b in pairwise(joined))
    assert join_text(joined) == joined


# Message


def test_the_text_of_a_message_is_that_of_its_text_parts() -> None:
    assert message(parts=(Text("One moment"), CALL, RESULT, Text(": low."))).text == (
        "One moment: low."
    )


@pytest.mark.parametrize("state", ["in-progress", "done", "stopped", "error"])
def test_a_message_that_says_something_is_shown_in_every_state(state: str) -> None:
    assert message(state=state).shown
    assert message(state=state, parts=(CALL,)).shown


@pytest.mark.parametrize(
    ("state", "shown"),
    [("in-progress", True), ("done", True), ("stopped", False), ("error", False)],
)
def test_an_empty_answer_is_shown_unless_it_failed(state: str, shown: bool) -> None:
    assert message(state=state, parts=()).shown == shown


@pytest.mark.parametrize(
    ("state", "content"),
    list(product(["in-progress", "done", "stopped", "error"], [(), (Text("Hello"),)])),
)
def test_a_hidden_message_is_not_shown(state: str, content: tuple[Part, ...]) -> None:
    assert not message(state=state, parts=content, hidden=True).shown


def test_usage_adds_up() -> None:
    assert Usage(input=7, output=3).total == 10


def test_a_lease_lives_until_its_very_expiry() -> None:
    lease = Lease("generation", expires=100.0)

    assert [lease.live(now) for now in (99.9, 100.0, 100.1)] == [True, False, False]


def test_leases_of_one_generation_are_equal_however_often_renewed() -> None:
    assert Lease("generation", expires=1) == Lease("generation", expires=2)
    assert Lease("generation", expires=1) != Lease("another", expires=1)

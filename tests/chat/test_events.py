"""Events and parts come out of their stored form exactly as they went in."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reprise.chat.events import (
    Produced,
    decode_part,
    dump_parts,
    encode_part,
    load_parts,
    pack,
    unpack,
)
from reprise.chat.messages import Part, Text, ToolCall, ToolResult
from tests.chat.strategies import milliseconds, parts, produced, texts

CALL = ToolCall("call-1", "search", {"query": "tides", "limit": 3})
RESULT = ToolResult("call-1", "search", {"pages": [1, 2.5, None, True]}, failed=True)
FAMILY = "👨‍👩‍👧"  # five code points, eight UTF-16 units, eighteen bytes


# Chunks


@given(produced())
@example([Produced(1, 5, Text(""))])
@example([Produced(7, 5, Text("")), Produced(8, 4, Text("")), Produced(9, 5, CALL)])
@example([Produced(n, 5, Text(c)) for n, c in enumerate(FAMILY, 1)])
def test_the_very_events_come_out_of_a_chunk(events: list[Produced]) -> None:
    assert list(unpack(pack(events))) == events


@given(st.lists(st.tuples(milliseconds, texts.map(Text)), min_size=1), st.integers(1, 1000))
def test_texts_come_back_unmerged_with_their_ordinals_and_times(
    made: list[tuple[int, Text]], first: int
) -> None:
    events = [Produced(first + i, at, text) for i, (at, text) in enumerate(made)]

    back = list(unpack(pack(events)))

    assert [(e.n, e.at, e.part) for e in back] == [(e.n, e.at, e.part) for e in events]


@given(produced())
def test_a_chunk_is_text_that_utf_8_can_carry(events: list[Produced]) -> None:
    chunk = pack(events)

    assert list(unpack(chunk.encode().decode())) == events


def test_cut_anywhere_the_chunks_together_are_the_same_events() -> None:
    events = [Produced(n, 1000 + n * n, Text(str(n))) for n in range(1, 6)]
    events += [Produced(6, 1050, CALL), Produced(7, 1060, RESULT), Produced(8, 1070, Text(FAMILY))]

    for cut in range(1, len(events)):
        chunks = [pack(events[:cut]), pack(events[cut:])]
        assert [event for chunk in chunks for event in unpack(chunk)] == events


def test_adjacent_texts_are_stored_as_one() -> None:
    chunk = pack([Produced(4, 1000, Text("Hel")), Produced(5, 1020, Text("lo"))])

    assert json.loads(chunk) == [4, 1000, ["t", "Hello", [3, 0, 2, 20]]]


def test_a_chunk_of_single_tokens_costs_few_bytes_for_each() -> None:
    events = [Produced(n, 1_750_000_000_000 + 20 * n, Text(" word")) for n in range(1, 101)]

    assert len(pack(events)) / len(events) < 11  # five of them are the word


# Parts


@given(parts)
def test_a_part_comes_back_from_its_stored_form(part: Part) -> None:
    assert decode_part(json.loads(json.dumps(encode_part(part)))) == part


@given(st.lists(parts))
def test_parts_come_back_from_their_stored_form(some: list[Part]) -> None:
    assert load_parts(dump_parts(some)) == tuple(some)


def test_unicode_is_stored_as_it_is() -> None:
    assert dump_parts([Text("Größe 👍")]) == '[["t","Größe 👍"]]'


@pytest.mark.parametrize(
    "data",
    [[], ["t"], ["t", 1], ["t", "a", "b"], ["c", "id", "name", "input"], ["r", "id"], ["x", "a"]],
)
def test_what_was_never_stored_is_not_a_part(data: list[object]) -> None:
    with pytest.raises(ValueError, match="not a stored part"):
        decode_part(data)

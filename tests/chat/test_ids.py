"""Ids are addresses: what goes in comes out again, order is kept, and nothing malformed gets in."""

import re
import uuid
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reprise.chat.ids import (
    EPOCH_MS,
    NUMBER_BITS,
    Mint,
    conversation_of,
    hashed_number,
    made_at,
    milliseconds_of,
    number_of,
    parse_number,
)
from tests.chat.strategies import milliseconds, numbers, texts

SAFE_IN_JSON = 1 << 53  # what JavaScript keeps exact: Number.MAX_SAFE_INTEGER + 1
A_NUMBER = 1234567890123456
AN_ID = "2462ad3c-5e9c-8002-a1b2-c3d4e5f60718"
MALFORMED = [
    "",
    "1",
    "None",
    AN_ID.upper(),
    AN_ID.replace("-", ""),
    "{" + AN_ID + "}",
    "urn:uuid:" + AN_ID,
    AN_ID + "\n",
    " " + AN_ID,
    AN_ID + "0",
    AN_ID[:-1],
    AN_ID.replace("-8002-", "-4002-"),  # version 4
    AN_ID.replace("-8002-", "-7002-"),
    AN_ID.replace("-a1b2-", "-c1b2-"),  # another variant
    AN_ID.replace("-a1b2-", "-01b2-"),
    AN_ID.replace("2", "g"),
    AN_ID.replace("2", "٢"),  # a digit, though not of ASCII
    AN_ID.replace("2", "２"),
    AN_ID.replace("-", "–"),
    AN_ID.replace("-", "_"),
    AN_ID + "\x00",
    "\ud800" * 36,
]


def mint(ms: int = EPOCH_MS, bits: int = 0) -> Mint:
    """With a clock that stands still, and no more randomness than `bits`."""
    return Mint(lambda: ms, lambda count: bits & ((1 << count) - 1))


def test_the_example_of_an_id_is_one() -> None:
    assert number_of(AN_ID) is not None


@given(numbers, st.integers(0))
def test_a_text_id_begins_with_its_number(number: int, bits: int) -> None:
    text_id = mint(bits=bits).text_id(number)

    assert number_of(text_id) == number


@given(numbers, milliseconds, st.integers(0))
def test_a_message_id_names_its_conversation_and_its_millisecond(
    conversation: int, ms: int, bits: int
) -> None:
    message_id = mint(ms, bits).message_id(conversation)

    assert (conversation_of(message_id), milliseconds_of(message_id)) == (conversation, ms)


@given(numbers, milliseconds, st.integers(0))
def test_every_id_is_a_uuid_of_version_8(number: int, ms: int, bits: int) -> None:
    made = mint(ms, bits)

    for text in (made.text_id(number), made.message_id(number)):
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (8, uuid.RFC_4122, text)


@given(numbers, st.integers(0), st.integers(0))
def test_text_ids_of_one_number_differ_in_what_is_random(number: int, one: int, two: int) -> None:
    assume(one % (1 << 69) != two % (1 << 69))

    assert mint(bits=one).text_id(number) != mint(bits=two).text_id(number)


addresses = st.tuples(milliseconds, numbers, st.integers(0, (1 << 28) - 1))


@given(addresses, addresses)
def test_text_order_of_message_ids_is_order_of_time(
    one: tuple[int, int, int], two: tuple[int, int, int]
) -> None:
    first, second = (mint(ms, bits).message_id(number) for ms, number, bits in (one, two))

    assert (first < second) == (one < two)
    assert (first == second) == (one == two)


@given(numbers, st.lists(st.tuples(milliseconds, st.integers(0)), min_size=2, max_size=10))
@example(1, [(EPOCH_MS + 5, 9), (EPOCH_MS + 5, 0)])  # the clock stands
@example(1, [(EPOCH_MS + 5, 9), (EPOCH_MS + 1, 0)])  # the clock goes backwards
def test_a_message_id_is_greater_than_its_parents_whatever_the_clock_says(
    conversation: int, ticks: list[tuple[int, int]]
) -> None:
    ids: list[str] = []

    for ms, bits in ticks:
        after = ids[-1] if ids else None
        assume(after is None or milliseconds_of(after) < EPOCH_MS + (1 << 41) - 1)
        ids.append(mint(ms, bits).message_id(conversation, after))

    assert all(parent < child for parent, child in pairwise(ids))
    assert {conversation_of(message_id) for message_id in ids} == {conversation}


def test_a_clock_that_is_ahead_of_the_parent_is_believed() -> None:
    parent = mint(EPOCH_MS + 1).message_id(1)

    child = mint(EPOCH_MS + 1000).message_id(1, after=parent)

    assert milliseconds_of(child) == EPOCH_MS + 1000


@given(milliseconds, st.integers(0))
def test_a_number_is_safe_in_json(ms: int, bits: int) -> None:
    number = mint(ms, bits).number()

    assert 0 <= number < SAFE_IN_JSON
    assert int(float(number)) == number


@given(milliseconds, st.integers(0))
def test_a_number_tells_when_it_was_made(ms: int, bits: int) -> None:
    assert made_at(mint(ms, bits).number()) == ms


@given(milliseconds, milliseconds, st.integers(0), st.integers(0))
def test_numbers_sort_by_the_time_of_their_making(
    earlier: int, later: int, one: int, two: int
) -> None:
    assume(earlier < later)

    assert mint(earlier, one).number() < mint(later, two).number()


def test_ids_made_in_the_same_millisecond_differ() -> None:
    made = Mint(lambda: EPOCH_MS + 1)

    ids = {made.message_id(A_NUMBER) for _ in range(100)}

    assert len(ids) == 100


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_nearly_an_id_is_none(text: str) -> None:
    assert number_of(text) is None
    assert conversation_of(text) is None


@given(st.text() | st.text(alphabet="0123456789abcdefABCDEF-٣８g", min_size=30, max_size=40))
def test_any_other_text_is_none(text: str) -> None:
    assume(not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab].{3}-.{12}", text))

    assert number_of(text) is None
    assert conversation_of(text) is None


@given(st.uuids().filter(lambda drawn: drawn.version != 8))
def test_a_uuid_of_another_version_is_none(other: uuid.UUID) -> None:
    assert number_of(str(other)) is None


@given(numbers, milliseconds, st.integers(0), st.integers(0, 35), st.characters())
def test_an_id_with_a_character_changed_is_another_or_none(
    conversation: int, ms: int, bits: int, at: int, character: str
) -> None:
    message_id = mint(ms, bits).message_id(conversation)
    assume(message_id[at] != character)
    changed = message_id[:at] + character + message_id[at + 1 :]

    read = conversation_of(changed)

    assert read is None or changed == str(uuid.UUID(changed))


def test_the_milliseconds_of_what_is_no_message_id_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="not a message id"):
        milliseconds_of("nonsense")


@given(numbers)
def test_a_number_is_read_back_from_its_text(number: int) -> None:
    assert parse_number(str(number)) == number


NO_NUMBERS = ["", "0", "-1", "+1", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "1_000", "٣", "８", "²"]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "\ud800"])
def test_a_text_that_is_no_number_is_none(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize("text", [str(1 << 53), "1" * 17, "9" * 5000])
def test_a_number_of_more_than_53_bits_is_none(text: str) -> None:
    assert parse_number(text) is None


@given(st.text())
def test_any_text_is_a_number_of_53_bits_or_none(text: str) -> None:
    number = parse_number(text)

    assert number is None or (0 < number < SAFE_IN_JSON and int(text) == number)


@given(texts, texts)
def test_a_name_of_a_clients_own_is_always_the_same_number(owner: str, name: str) -> None:
    number = hashed_number(owner, name)

    assert 0 <= number < 1 << NUMBER_BITS
    assert hashed_number(owner, name) == number


@given(texts, texts, texts, texts)
def test_a_name_of_a_clients_own_is_a_number_per_owner(
    owner: str, name: str, other_owner: str, other_name: str
) -> None:
    assume("\0" not in owner + other_owner)  # which no partition key holds
    assume((owner, name) != (other_owner, other_name))

    assert hashed_number(owner, name) != hashed_number(other_owner, other_name)


def test_a_name_of_a_clients_own_keeps_its_number_over_releases() -> None:
    assert hashed_number("USER#0000000000000007", "thread-1") == 665_362_265_203_209

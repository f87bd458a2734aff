"""What a generation produced is logged in chunks and read back as it was."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import PutError

from reprise.chat.events import Produced
from reprise.chat.messages import Text
from reprise.store import generations, keys
from reprise.store.items import ChunkItem
from reprise.store.table import get
from tests.capacity import measured
from tests.chat.strategies import produced
from tests.faults import EVERY, Fault, faults, repeated, throttled
from tests.store.scribe import START, Scribe

NOW = START / 1000


def events(first: int, last: int, text: str = "word ") -> list[Produced]:
    return [Produced(n, START + 20 * n, Text(text)) for n in range(first, last + 1)]


@settings(settings.get_profile("store"))
@given(made=produced(), cuts=st.lists(st.integers(1, 7), max_size=3))
def test_the_events_of_all_chunks_are_read_back_in_order(
    scribe: Scribe, made: list[Produced], cuts: list[int]
) -> None:
    generation = scribe.mint.message_id(1)
    bounds = sorted({0, *(cut for cut in cuts if cut < len(made)), len(made)})

    for number, (start, stop) in enumerate(pairwise(bounds), 1):
        generations.log(generation, number, made[start:stop], NOW)

    assert generations.logged(generation) == made


def test_chunks_are_read_in_the_order_of_their_numbers(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)
    for number in (10, 2, 1, 100, 9):
        generations.log(generation, number, events(number, number), NOW)

    assert [event.n for event in generations.logged(generation)] == [1, 2, 9, 10, 100]


def test_a_log_of_more_than_one_query_can_hold_is_read_to_its_end(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)
    for number in range(1, 9):
        generations.log(generation, number, events(number, number, "x" * 200_000), NOW)

    assert len(generations.logged(generation)) == 8


def test_what_came_since_is_read_with_the_number_of_the_last_chunk(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)
    for number in (1, 2, 3):
        generations.log(generation, number, events(2 * number - 1, 2 * number), NOW)

    assert generations.logged_since(generation, 0) == (events(1, 6), 3)
    assert generations.logged_since(generation, 2) == (events(5, 6), 3)


def test_where_nothing_came_since_the_number_stays(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)
    assert generations.logged_since(generation, 0) == ([], 0)
    generations.log(generation, 1, events(1, 2), NOW)

    assert generations.logged_since(generation, 1) == ([], 1)


def test_what_came_since_is_read_to_its_end_however_much_it_is(scribe: Scribe) -> None:
    """A Query brings at most 1 MB."""
    generation = scribe.mint.message_id(1)
    for number in range(1, 10):
        generations.log(generation, number, events(number, number, "x" * 200_000), NOW)

    came, last = generations.logged_since(generation, 1)

    assert [event.n for event in came] == list(range(2, 10))
    assert last == 9


@pytest.mark.parametrize("consistent", [True, False])
def test_a_reader_says_how_sure_it_wants_to_be(scribe: Scribe, consistent: bool) -> None:
    generation = scribe.mint.message_id(1)

    with faults(Fault("Query", lambda call: call.proceed(), on=EVERY)) as reads:
        generations.logged_since(generation, 0, consistent=consistent)

    assert [read.request.get("ConsistentRead", False) for read in reads] == [consistent]


def test_a_look_for_news_of_which_there_are_none_is_a_read_unit(scribe: Scribe) -> None:
    """Twice a second, by every reader of every answer."""
    conversation, answer = scribe.begun(scribe.stored())
    generations.log(answer.id, 1, events(1, 100), NOW)

    with measured() as cost:
        generations.logged_since(answer.id, 1, consistent=False)
        lease = generations.lease_of(conversation)

    assert lease
    assert lease.generation == answer.id
    assert cost.operations == ["Query", "GetItem"]
    assert cost.read_units <= 1


def test_a_generation_that_produced_nothing_has_an_empty_log(scribe: Scribe) -> None:
    assert generations.logged(scribe.mint.message_id(1)) == []


def test_each_generation_has_a_log_of_its_own(scribe: Scribe) -> None:
    one, two = scribe.mint.message_id(1), scribe.mint.message_id(1)
    generations.log(one, 1, events(1, 1, "one"), NOW)
    generations.log(two, 1, events(1, 1, "two"), NOW)

    assert [event.part for event in generations.logged(one)] == [Text("one")]


def test_a_chunk_that_is_written_again_is_there_once(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)
    generations.log(generation, 1, events(1, 2), NOW)

    generations.log(generation, 1, events(1, 3), NOW)

    assert generations.logged(generation) == events(1, 3)


def test_a_chunk_whose_answer_was_lost_is_there_once(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)

    with faults(Fault("PutItem", repeated)) as struck:
        generations.log(generation, 1, events(1, 3), NOW)

    assert struck
    assert generations.logged(generation) == events(1, 3)


def test_a_chunk_that_cannot_be_written_is_an_error(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)

    with faults(Fault("PutItem", throttled, on=EVERY)), pytest.raises(PutError):
        generations.log(generation, 1, events(1, 3), NOW)

    assert generations.logged(generation) == []


def test_the_table_drops_a_chunk_after_14_days(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)

    generations.log(generation, 1, events(1, 1), NOW)

    item = get(ChunkItem, keys.generation(generation), keys.chunk(1))
    assert item
    assert item.ttl == int(NOW) + 14 * 24 * 3600


def test_a_second_of_a_fast_model_costs_two_units(scribe: Scribe) -> None:
    generation = scribe.mint.message_id(1)

    with measured() as cost:
        generations.log(generation, 1, events(1, 100), NOW)

    assert cost.operations == ["PutItem"]
    assert cost.write_units <= 2

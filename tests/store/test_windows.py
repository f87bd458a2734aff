"""Requests are counted exactly, however many come at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reprise.store import keys, windows
from reprise.store.table import get
from reprise.store.windows import WindowItem
from tests.capacity import measured
from tests.store.scribe import OTHER, OWNER

pytestmark = pytest.mark.usefixtures("aws")

START, END = 1_750_000_000, 1_750_003_600


def add(subject: str = OWNER, start: int = START) -> int:
    return windows.add("conversations", subject, start, start + END - START)


def test_each_request_is_told_how_many_there_are() -> None:
    assert [add() for _ in range(3)] == [1, 2, 3]


def test_looking_counts_nothing() -> None:
    assert windows.count("conversations", OWNER, START) == 0
    add()
    assert windows.count("conversations", OWNER, START) == 1
    assert windows.count("conversations", OWNER, START) == 1


def test_of_many_at_once_each_has_a_number_of_its_own() -> None:
    with ThreadPoolExecutor(8) as threads:
        counted = list(threads.map(lambda _: add(), range(80)))

    assert sorted(counted) == list(range(1, 81))
    assert windows.count("conversations", OWNER, START) == 80


def test_each_window_begins_at_nothing() -> None:
    add()

    assert add(start=END) == 1
    assert add() == 2


def test_each_caller_and_each_scope_has_windows_of_its_own() -> None:
    add()

    assert add(OTHER) == 1
    assert windows.add("others", OWNER, START, END) == 1


def test_the_table_drops_a_window_when_it_is_over() -> None:
    add()

    item = get(WindowItem, keys.window("conversations", OWNER, START), keys.WINDOW)
    assert item
    assert item.ttl == END


def test_counting_is_one_small_write() -> None:
    with measured() as cost:
        add()

    assert (cost.operations, cost.write_units) == (["UpdateItem"], 1)

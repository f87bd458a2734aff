"""Fixed windows, counted in the table."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reprise.accounts import plans
from reprise.accounts.rates import Rate, Window
from reprise.chat.errors import RateLimited
from reprise.store import keys
from reprise.store.table import get
from reprise.store.windows import WindowItem
from tests.capacity import measured

SCOPE, SUBJECT = "conversations", keys.account(1)
HOUR = 3600
START = 500_000 * HOUR  # seconds, when a window begins

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def rate() -> Rate:
    return Rate(plans.find("standard"), SCOPE, SUBJECT)


def test_requests_are_counted_from_one(rate: Rate) -> None:
    windows = [rate.add(START + 0.5) for _ in range(3)]

    assert [window.count for window in windows] == [1, 2, 3]
    assert [window.remaining for window in windows] == [29, 28, 27]


def test_as_many_as_allowed_pass_and_no_more(rate: Rate) -> None:
    for _ in range(30):
        rate.add(START).check(START)

    with pytest.raises(RateLimited) as refused:
        rate.add(START).check(START)

    assert refused.value.limit == 30


def test_who_is_above_the_limit_has_nothing_left(rate: Rate) -> None:
    assert Window(limit=30, count=33, reset=HOUR).remaining == 0


@pytest.mark.parametrize(
    ("now", "wait"), [(START, 3600), (START + 0.25, 3600), (START + 3599.5, 1), (START + 3600, 1)]
)
def test_who_waits_as_long_as_told_is_in_the_next_window(now: float, wait: int) -> None:
    window = Window(limit=1, count=2, reset=START + HOUR)

    with pytest.raises(RateLimited) as refused:
        window.check(now)

    assert refused.value.retry_after == wait
    assert now + wait >= window.reset


def test_the_next_window_begins_anew(rate: Rate) -> None:
    last, first = rate.add(START + HOUR - 0.001), rate.add(START + HOUR)

    assert (last.count, last.reset) == (1, START + HOUR)
    assert (first.count, first.reset) == (1, START + 2 * HOUR)


def test_every_subject_and_scope_has_its_own(rate: Rate) -> None:
    plan = replace(rate.plan, requests={SCOPE: 30, "other": 1}, windows={SCOPE: HOUR, "other": 60})
    rates = [
        rate,
        Rate(plan, SCOPE, keys.account(2)),
        Rate(plan, "other", SUBJECT),
    ]

    assert [each.add(START).count for each in rates] == [1, 1, 1]


def test_looking_counts_nothing(rate: Rate) -> None:
    assert rate.look(START).count == 0

    rate.add(START)

    assert [rate.look(START).count for _ in range(3)] == [1, 1, 1]


def test_none_is_lost_and_none_counted_twice_however_many_come_at_once(rate: Rate) -> None:
    with ThreadPoolExecutor(8) as pool:
        windows = list(pool.map(lambda _: rate.add(START), range(40)))

    assert sorted(window.count for window in windows) == list(range(1, 41))


def test_counting_is_one_write_of_one_unit(rate: Rate) -> None:
    with measured() as cost:
        rate.add(START)

    assert cost.operations == ["UpdateItem"]
    assert cost.write_units == 1


def test_the_table_drops_a_window_that_is_over(rate: Rate) -> None:
    window = rate.add(START + 10)

    item = get(WindowItem, keys.window(SCOPE, SUBJECT, START), keys.WINDOW)

    assert item
    assert item.ttl == window.reset

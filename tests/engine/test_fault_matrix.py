"""Nothing lost, nothing twice: a generation struck at each of its calls, in every way."""

import os
from collections.abc import Iterator

import pytest

from tests.engine.matrix import PLAIN, STORIES, Strike, choose
from tests.engine.plays import Play, Store, record, stage
from tests.engine.verdicts import judge

pytestmark = pytest.mark.filterwarnings(  # of processes that died
    "ignore:coroutine .* was never awaited:RuntimeWarning"
)
LEAST = 300


def _cases() -> list[Strike]:
    with stage() as store:
        cases = [case for scenario in PLAIN + STORIES for case in record(scenario, store)]
    return cases if os.environ.get("REPRISE_FAULTS") == "all" else choose(cases)


CASES = _cases()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with stage() as store:
        yield store


@pytest.mark.parametrize("strike", CASES, ids=str)
def test_nothing_is_lost_and_nothing_twice(strike: Strike, store: Store) -> None:
    judge(Play(strike.scenario, store), strike)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= LEAST

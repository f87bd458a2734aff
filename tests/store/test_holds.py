"""What an answer may cost is held when it begins, by as many as the plan allows and no more."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reprise.chat.errors import NoCredits, TooManyRunning
from reprise.chat.messages import Hold
from reprise.store import balances, generations
from reprise.store.balances import Allowance, Balance
from reprise.store.generations import Turn
from tests.faults import Fault, Kind, faults, lost_answer, repeated, timeout
from tests.store.payer import BOTH, CREDITS, PAYER, RUNNING, Payer
from tests.store.scribe import EXPIRES, OWNER, Scribe, everything, message


def test_before_anything_is_held_there_is_no_balance(scribe: Scribe) -> None:
    assert Payer(scribe, BOTH).balance() == Balance(None, frozenset())


def test_the_first_hold_of_a_month_makes_its_balance(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)

    _, answer = payer.begun()

    assert payer.balance() == Balance(95, frozenset({payer.mark(answer)}))


def test_each_hold_takes_from_what_is_left(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)

    answers = [payer.begun()[1] for _ in range(3)]

    assert payer.balance() == Balance(85, frozenset(map(payer.mark, answers)))


def test_where_credits_are_not_limited_only_the_running_are_noted(scribe: Scribe) -> None:
    payer = Payer(scribe, RUNNING)

    _, answer = payer.begun()

    assert payer.balance() == Balance(None, frozenset({payer.mark(answer)}))


def test_what_is_held_lies_on_the_answer(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)

    conversation, answer = payer.begun()

    stored = message(conversation, answer.id)
    assert stored
    assert stored.hold == Hold(PAYER, 5)


@pytest.mark.parametrize("hold", [Hold(PAYER, 5), Hold(PAYER, None)])
def test_a_mark_says_whose_answer_it_is(scribe: Scribe, hold: Hold) -> None:
    payer = Payer(scribe, CREDITS if hold.unit else RUNNING)
    _, answer = payer.begun()

    (mark,) = payer.balance().holds

    assert balances.split_hold(PAYER, mark) == (OWNER, answer.id, hold)


# What is refused


def test_one_more_than_may_run_is_refused_and_stores_nothing(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    for _ in range(3):
        payer.begun()
    conversation, balance = scribe.stored(), payer.balance()
    before = everything(conversation)

    with pytest.raises(TooManyRunning) as refused:
        payer.begun(conversation)

    assert refused.value.limit == 3
    assert everything(conversation) == before
    assert payer.balance() == balance


def test_when_one_has_ended_another_may_begin(scribe: Scribe) -> None:
    payer = Payer(scribe, RUNNING)
    conversation, answer = payer.begun()
    payer.begun()
    payer.begun()
    generations.end(conversation, scribe.finished(answer, "Hello"), bill=payer.bill(answer))

    payer.begun()

    with pytest.raises(TooManyRunning):
        payer.begun()


def test_of_many_that_begin_at_once_as_many_do_as_may_run(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    turns = [scribe.send(scribe.stored(), hold=payer.hold) for _ in range(10)]

    def begin(turn: Turn) -> bool:
        try:
            generations.begin(turn, EXPIRES, payer.terms)
        except TooManyRunning:
            return False
        return True

    with ThreadPoolExecutor(10) as threads:
        begun = list(threads.map(begin, turns))

    assert begun.count(True) == 3
    balance = payer.balance()
    assert (balance.credits, len(balance.holds)) == (85, 3)


def test_what_is_left_does_not_pay_for_it(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS, unit=40)
    payer.begun()
    payer.begun()
    conversation, balance = scribe.stored(), payer.balance()
    before = everything(conversation)
    assert balance.credits == 20

    with pytest.raises(NoCredits):
        payer.begun(conversation)

    assert everything(conversation) == before
    assert payer.balance() == balance


def test_the_last_credit_may_be_held(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS, unit=100)

    payer.begun()

    assert payer.balance().credits == 0


def test_an_answer_that_costs_more_than_a_month_has_makes_no_balance(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS, unit=101)

    with pytest.raises(NoCredits):
        payer.begun()

    assert payer.balance() == Balance(None, frozenset())


@pytest.mark.parametrize("unit", [0, 1])
def test_below_zero_nothing_begins_until_something_is_granted(scribe: Scribe, unit: int) -> None:
    Payer(scribe, CREDITS).finish(cost=130)
    payer = Payer(scribe, CREDITS, unit)
    assert payer.balance().credits == -30
    with pytest.raises(NoCredits):
        payer.begun()

    balances.grant(PAYER, balances.period(scribe.now_ms), 31, 100, "grant-1", scribe.now_ms)

    payer.begun()


def test_where_both_refuse_the_running_are_named_for_they_end_by_themselves(
    scribe: Scribe,
) -> None:
    payer = Payer(scribe, Allowance(100, 2), unit=50)
    payer.begun()
    payer.begun()

    with pytest.raises(TooManyRunning):
        payer.begun()


def test_another_month_begins_with_the_plans_credits(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS, unit=100)
    payer.begun()
    scribe.now_ms += 31 * 24 * 3600 * 1000

    payer.begun()

    assert payer.balance().credits == 0


@pytest.mark.parametrize(
    ("time", "month"),
    [(1_764_547_199_999, "2025-11"), (1_764_547_200_000, "2025-12")],
)
def test_months_are_utcs(time: int, month: str) -> None:
    assert balances.period(time) == month


# Ambiguous outcomes


@pytest.mark.parametrize("fault", [repeated, lost_answer, timeout], ids=lambda kind: kind.__name__)
def test_a_turn_of_which_nothing_was_heard_holds_once(scribe: Scribe, fault: Kind) -> None:
    payer = Payer(scribe, BOTH)

    with faults(Fault("TransactWriteItems", fault)) as struck:
        _, answer = payer.begun()

    assert struck
    assert payer.balance() == Balance(95, frozenset({payer.mark(answer)}))


def test_a_turn_that_was_stored_already_is_begun_though_nothing_is_left(scribe: Scribe) -> None:
    payer = Payer(scribe, Allowance(100, 1), unit=100)
    turn = scribe.send(scribe.stored(), hold=payer.hold)
    first = generations.begin(turn, EXPIRES, payer.terms)

    assert generations.begin(turn, EXPIRES, payer.terms) == first

    assert payer.balance().credits == 0

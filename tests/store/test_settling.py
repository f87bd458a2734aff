"""What was held is settled once: with the answer, or by itself where the answer cannot be
stored.
"""

import pytest

from reprise.chat.messages import Usage
from reprise.store import balances, conversations, generations, keys
from reprise.store.balances import Balance
from reprise.store.generations import Lost
from tests.capacity import measured
from tests.faults import Fault, Kind, faults, lost_answer, repeated, timeout
from tests.store.payer import BOTH, CREDITS, MODEL, PAYER, RUNNING, Payer
from tests.store.scribe import Scribe, message, read

UNCLEAR = [repeated, lost_answer, timeout]
NOTHING_HELD: frozenset[str] = frozenset()


def test_an_answer_is_settled_in_the_write_that_ends_it(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    answer = scribe.finished(placeholder, "Hello")

    with measured(units=False) as cost:
        generations.end(conversation, answer, bill=payer.bill(placeholder, 7))

    assert cost.operations == ["TransactWriteItems"]
    assert payer.balance() == Balance(93, NOTHING_HELD)
    stored = message(conversation, answer.id)
    assert stored
    assert (stored.state, stored.hold) == ("done", None)


@pytest.mark.parametrize(("cost", "left"), [(0, 100), (3, 97), (5, 95), (500, -400)])
def test_an_answer_costs_what_it_cost_whatever_was_held(
    scribe: Scribe, cost: int, left: int
) -> None:
    payer = Payer(scribe, BOTH)

    payer.finish(cost)

    assert payer.balance() == Balance(left, NOTHING_HELD)


def test_only_its_own_hold_is_settled(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    _, running = payer.begun()

    payer.finish(7)

    assert payer.balance() == Balance(88, frozenset({payer.mark(running)}))


def test_the_ledger_says_what_for(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)

    answer = payer.finish(7, usage=Usage(1000, 200, estimated=True))

    (entry,) = payer.ledger()
    assert entry.sk == keys.ledger(answer)
    assert (entry.credits, entry.at, entry.model) == (7, 1234, MODEL)
    assert (entry.input_tokens, entry.output_tokens, entry.estimated) == (1000, 200, True)


def test_what_was_reported_is_not_marked_as_estimated(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)

    payer.finish(7)

    assert payer.ledger()[0].estimated is None


def test_what_came_to_nothing_is_in_the_ledger_too(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)

    payer.finish(0, usage=None, model=None)

    (entry,) = payer.ledger()
    assert (entry.credits, entry.input_tokens, entry.output_tokens) == (0, None, None)


def test_each_answer_has_an_entry_and_together_they_are_what_is_spent(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)

    answers = [payer.finish(cost) for cost in (1, 2, 3)]

    assert [entry.sk for entry in payer.ledger()] == [keys.ledger(each) for each in answers]
    left = payer.balance().credits
    assert left == 100 - sum(entry.credits for entry in payer.ledger())


def test_where_credits_are_not_limited_there_is_no_ledger(scribe: Scribe) -> None:
    payer = Payer(scribe, RUNNING)

    payer.finish()

    assert payer.ledger() == []
    assert payer.balance() == Balance(None, NOTHING_HELD)


def test_an_answer_is_settled_in_the_month_that_it_began_in(scribe: Scribe) -> None:
    scribe.now_ms = 1_764_547_200_000 - 10_000  # ten seconds before December
    payer = Payer(scribe, CREDITS)
    conversation, placeholder = payer.begun()
    scribe.now_ms += 20_000

    generations.end(
        conversation, scribe.finished(placeholder, "Hello"), bill=payer.bill(placeholder, 7)
    )

    assert payer.balance("2025-11") == Balance(93, NOTHING_HELD)
    assert payer.balance("2025-12") == Balance(None, NOTHING_HELD)


# Once


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda kind: kind.__name__)
def test_an_ending_of_which_nothing_was_heard_settles_once(scribe: Scribe, fault: Kind) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    answer = scribe.finished(placeholder, "Hello")

    with faults(Fault("TransactWriteItems", fault)) as struck:
        generations.end(conversation, answer, bill=payer.bill(placeholder, 7))

    assert struck
    assert payer.balance() == Balance(93, NOTHING_HELD)
    assert len(payer.ledger()) == 1


def test_an_ending_that_was_stored_already_settles_nothing(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    answer, bill = scribe.finished(placeholder, "Hello"), payer.bill(placeholder, 7)
    generations.end(conversation, answer, bill=bill)

    generations.end(conversation, answer, bill=bill)

    assert payer.balance() == Balance(93, NOTHING_HELD)


def test_who_lost_the_answer_to_a_repair_settles_nothing(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    repaired = scribe.finished(placeholder, "Hel", state="error")
    generations.end(conversation, repaired, bill=payer.bill(placeholder, 2), repair=True)
    late = payer.bill(placeholder, 7)

    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"), bill=late)
    assert not late.settle()

    assert payer.balance() == Balance(98, NOTHING_HELD)
    assert [entry.credits for entry in payer.ledger()] == [2]


def test_an_answer_that_cannot_be_stored_is_settled_by_itself(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    conversations.delete(conversation)
    bill = payer.bill(placeholder, 7)
    with pytest.raises(Lost):
        generations.end(conversation, scribe.finished(placeholder, "Hello"), bill=bill)
    assert payer.balance().holds

    assert bill.settle()

    assert payer.balance() == Balance(93, NOTHING_HELD)
    assert not bill.settle(), "once"
    assert payer.balance() == Balance(93, NOTHING_HELD)


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda kind: kind.__name__)
def test_a_settlement_of_which_nothing_was_heard_happens_once(scribe: Scribe, fault: Kind) -> None:
    payer = Payer(scribe, CREDITS)
    _, placeholder = payer.begun()

    with faults(Fault("TransactWriteItems", fault)) as struck:
        payer.bill(placeholder, 7).settle()

    assert struck
    assert payer.balance() == Balance(93, NOTHING_HELD)
    assert len(payer.ledger()) == 1


def test_what_is_not_held_is_not_settled(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)
    payer.finish(7)
    stranger = scribe.placeholder(scribe.conversation(), scribe.message(scribe.conversation()))

    assert not payer.bill(stranger, 50).settle()

    assert payer.balance() == Balance(93, NOTHING_HELD)
    assert len(payer.ledger()) == 1


def test_where_credits_are_not_limited_a_hold_is_taken_away_once(scribe: Scribe) -> None:
    payer = Payer(scribe, RUNNING)
    _, placeholder = payer.begun()

    assert payer.bill(placeholder).settle()
    assert not payer.bill(placeholder).settle()

    assert payer.balance() == Balance(None, NOTHING_HELD)


def test_an_answer_is_stored_though_it_was_settled_before(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    payer.bill(placeholder, 2).settle()
    answer = scribe.finished(placeholder, "Hello")

    generations.end(conversation, answer, bill=payer.bill(placeholder, 7))

    assert message(conversation, answer.id) == answer
    assert payer.balance() == Balance(98, NOTHING_HELD)
    assert len(payer.ledger()) == 1


def test_an_answer_is_stored_though_it_was_settled_and_the_head_moved_too(scribe: Scribe) -> None:
    payer = Payer(scribe, BOTH)
    conversation, placeholder = payer.begun()
    payer.bill(placeholder, 0).settle()
    moved = read(conversation)
    assert moved
    item = conversations.to_item(moved)
    item.head = str(placeholder.parent)
    item.save()
    failed = scribe.finished(placeholder, state="error")

    generations.end(conversation, failed, placeholder.parent, payer.bill(placeholder, 0))

    assert message(conversation, failed.id) == failed


# Grants


def grant(scribe: Scribe, amount: int, entry: str = "grant-1") -> int:
    month = balances.period(scribe.now_ms)
    return balances.grant(PAYER, month, amount, 100, entry, scribe.now_ms)


def test_a_grant_before_anything_was_spent_comes_on_top_of_the_plans(scribe: Scribe) -> None:
    assert grant(scribe, 50) == 150
    payer = Payer(scribe, CREDITS)

    payer.begun()

    assert payer.balance().credits == 145


def test_a_grant_adds_to_what_is_left_and_leaves_the_holds_alone(scribe: Scribe) -> None:
    payer = Payer(scribe, CREDITS)
    _, running = payer.begun()

    assert grant(scribe, 50) == 145

    assert payer.balance().holds == {payer.mark(running)}


def test_a_grant_may_take_away(scribe: Scribe) -> None:
    assert grant(scribe, -130) == -30


def test_a_grant_is_in_the_ledger(scribe: Scribe) -> None:
    grant(scribe, 50)

    (entry,) = Payer(scribe, CREDITS).ledger()
    assert (entry.sk, entry.credits, entry.at) == ("LEDGER#grant-1", 50, scribe.now_ms)


def test_each_grant_counts_once(scribe: Scribe) -> None:
    grant(scribe, 50)
    grant(scribe, 50)
    assert grant(scribe, 50, "grant-2") == 200


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda kind: kind.__name__)
def test_a_grant_of_which_nothing_was_heard_counts_once(scribe: Scribe, fault: Kind) -> None:
    with faults(Fault("TransactWriteItems", fault)) as struck:
        left = grant(scribe, 50)

    assert struck
    assert left == 150


def test_a_grant_is_for_its_month_only(scribe: Scribe) -> None:
    grant(scribe, 50)

    assert Payer(scribe, CREDITS).balance("2030-01") == Balance(None, NOTHING_HELD)

"""Credits as their account and its operator see them: what is left this month, and grants."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from reprise.accounts import plans
from reprise.chat.errors import Invalid
from reprise.store import balances, keys
from reprise.store.accounts import Account
from reprise.store.balances import Entry

MOST = 1_000_000_000


@dataclass(frozen=True)
class Statement:
    """How an account stands in a `month`: what is `left` (None where the plan does not limit it) of
    the plan's `allowance` and what was granted, what is held for the answers that are being made,
    by their ids, and the latest `entries` of the ledger, the last first, of whatever month.
    """

    month: str
    allowance: int | None
    left: int | None
    holds: Mapping[str, int]
    entries: tuple[Entry, ...]


def statement(account: Account, now_ms: int, entries: int) -> Statement:
    """With so many entries at most. Raises Invalid."""
    owner, month = keys.account(account.number), balances.period(now_ms)
    holds = (balances.split_hold(owner, mark) for mark in balances.find(owner, month).holds)
    return Statement(
        month,
        _allowance(account),
        left(account, now_ms),
        dict(sorted((generation, hold.unit or 0) for _, generation, hold in holds)),
        tuple(balances.last_entries(owner, entries)),
    )


def left(account: Account, now_ms: int) -> int | None:
    """Credits of this month that are neither spent nor held; None where the plan does not limit
    them. Raises Invalid.
    """
    allowance = _allowance(account)
    if allowance is None:
        return None
    found = balances.find(keys.account(account.number), balances.period(now_ms))
    return allowance if found.credits is None else found.credits


def grant(account: Account, amount: int, now_ms: int) -> int:
    """Add credits to this month's, or take some away. Returns what is left. Raises Invalid."""
    allowance = _allowance(account)
    if allowance is None:
        raise Invalid("plan", f"{account.plan} does not limit credits")
    if not 0 < abs(amount) <= MOST:
        raise Invalid("credits", f"must be a whole number other than 0, at most {MOST:,}")
    month = balances.period(now_ms)
    entry = f"{balances.GRANT}{now_ms:013}-{uuid.uuid4()}"  # they sort by time
    return balances.grant(keys.account(account.number), month, amount, allowance, entry, now_ms)


def _allowance(account: Account) -> int | None:
    """Credits of a month; None where they are not limited. Raises Invalid."""
    plan = plans.load().get(account.plan)
    if plan is None:
        raise Invalid("plan", f"there is no {account.plan} any more")
    return plan.allowance.credits

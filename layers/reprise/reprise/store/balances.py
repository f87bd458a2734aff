"""What an account has left in a month, what is held for its running answers, and what was paid.

A month's balance comes into being with the first hold or grant in it, with the plan's credits; so
nothing has to run when a month begins. The holds of an account are a set within its balance: one
write adds a hold and compares, one takes it away and settles.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from reprise.chat.errors import NoCredits, TooManyRunning
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import Hold, Message, Usage
from reprise.store import keys
from reprise.store.table import Item, Refusal, Refused, Transaction, get, query, query_all

GRANT = "grant-"  # begins the ids of grants in the ledger: behind all generations


class BalanceItem(Item, discriminator="B"):
    """`credits` are what is left after all holds; absent where the plan does not limit them."""

    credits = NumberAttribute(null=True)
    holds = UnicodeSetAttribute(null=True)


class LedgerItem(Item, discriminator="LE"):
    """What one generation was settled for, or a grant (then `credits` is what was added)."""

    credits = NumberAttribute()
    at = NumberAttribute()
    model = UnicodeAttribute(null=True)
    input_tokens = NumberAttribute(null=True)
    output_tokens = NumberAttribute(null=True)
    estimated = BooleanAttribute(null=True)


@dataclass(frozen=True)
class Allowance:
    """What a plan limits: `credits` of a month, and how many answers run at once; None: not."""

    credits: int | None
    concurrent: int | None

    @property
    def limited(self) -> bool:
        return self.credits is not None or self.concurrent is not None


UNLIMITED = Allowance(None, None)


@dataclass(frozen=True)
class Balance:
    """`credits` is None where nothing was held, granted or settled yet."""

    credits: int | None
    holds: frozenset[str]


@dataclass(frozen=True)
class Entry:
    """One of the ledger: `id` is a generation's, and `credits` what was paid for it; or it is a
    grant's. `at` is in milliseconds since the Unix epoch.
    """

    id: str
    credits: int
    at: int
    model: str | None = None
    usage: Usage | None = None

    @property
    def granted(self) -> bool:
        return self.id.startswith(GRANT)


def period(milliseconds: int) -> str:
    """The month that a time lies in, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m")


def before(month: str) -> str:
    """The month before a month."""
    year, number = map(int, month.split("-"))
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}"


def add_hold(
    transaction: Transaction, owner: str, answer: Message, hold: Hold, allowance: Allowance
) -> None:
    """Hold for an answer in the transaction that begins it, as its write `balance`; `owner` is its
    conversation's.
    """
    item = _balance_of(answer.id, hold)
    actions: list[Action] = [
        BalanceItem.kind.set(BalanceItem),
        BalanceItem.holds.add({_mark(owner, answer.id, hold)}),
    ]
    free = None
    if allowance.credits is not None and hold.unit is not None:
        left = BalanceItem.credits | allowance.credits
        actions.append(BalanceItem.credits.set(left - hold.unit))
        free = BalanceItem.credits >= hold.unit
        if allowance.credits >= hold.unit:
            free = BalanceItem.credits.does_not_exist() | free
    if allowance.concurrent is not None:
        few = BalanceItem.holds.does_not_exist() | _fewer(allowance.concurrent)
        free = few if free is None else free & few
    transaction.update("balance", item, actions, free)


def refused(refusal: Refusal, hold: Hold, allowance: Allowance) -> NoCredits | TooManyRunning:
    """What it means that `add_hold` was refused."""
    item = refusal.item
    running = len(item.holds or ()) if isinstance(item, BalanceItem) else 0
    if allowance.concurrent is not None and running >= allowance.concurrent:
        return TooManyRunning(allowance.concurrent)
    return NoCredits()


@dataclass(frozen=True)
class Bill:
    """What an ended answer is settled for: `cost` in credits. `at` is in milliseconds."""

    owner: str
    generation: str
    hold: Hold
    cost: int
    usage: Usage | None
    model: str | None
    at: int

    def add_to(self, transaction: Transaction) -> None:
        """Settle in a transaction, as its writes `balance` and `ledger`: refused where it was done
        before.
        """
        hold, usage = self.hold, self.usage
        mark = _mark(self.owner, self.generation, hold)
        actions: list[Action] = [BalanceItem.holds.delete({mark})]
        if hold.unit is not None:
            back = hold.unit - self.cost
            actions.append(BalanceItem.credits.set(BalanceItem.credits + back))
            entry = LedgerItem(
                hold.payer,
                keys.ledger(self.generation),
                credits=self.cost,
                at=self.at,
                model=self.model,
                input_tokens=usage.input if usage else None,
                output_tokens=usage.output if usage else None,
                estimated=(usage and usage.estimated) or None,
            )
            transaction.put("ledger", entry, LedgerItem.pk.does_not_exist())
        balance = _balance_of(self.generation, hold)
        transaction.update("balance", balance, actions, BalanceItem.holds.contains(mark))

    def settle(self) -> bool:
        """Settle by itself, where the answer cannot be stored: its conversation was deleted. False
        where it was done before.
        """
        transaction = Transaction()
        self.add_to(transaction)
        try:
            transaction.commit()
        except Refused:
            return False
        return True


def find(payer: str, month: str) -> Balance:
    item = get(BalanceItem, payer, keys.balance(month))
    if item is None:
        return Balance(None, frozenset())
    left = None if item.credits is None else int(item.credits)
    return Balance(left, frozenset(item.holds or ()))


def split_hold(payer: str, mark: str) -> tuple[str, str, Hold]:
    """Owner, generation and hold of one of a balance's marks."""
    generation, unit, owner = mark.split(" ", 2)
    return owner, generation, Hold(payer, int(unit) if unit else None)


def grant(payer: str, month: str, amount: int, allowance: int, entry: str, now_ms: int) -> int:
    """Add credits to a month's balance, once per `entry` in the ledger. Returns what is left."""
    transaction = Transaction()
    left = BalanceItem.credits | allowance
    transaction.update(
        "balance",
        BalanceItem(payer, keys.balance(month)),
        [BalanceItem.kind.set(BalanceItem), BalanceItem.credits.set(left + amount)],
    )
    granted = LedgerItem(payer, keys.ledger(entry), credits=amount, at=now_ms)
    transaction.put("ledger", granted, LedgerItem.pk.does_not_exist())
    with suppress(Refused):  # an earlier attempt did it
        transaction.commit()
    balance = find(payer, month)
    return balance.credits or 0


def entries(payer: str) -> list[LedgerItem]:
    """All ledger entries of an account, in the order of their keys."""
    items = query_all(payer, Item.sk.startswith(keys.ledger("")))
    return [item for item in items if isinstance(item, LedgerItem)]


def last_entries(payer: str, limit: int) -> list[Entry]:
    """So many of an account's ledger entries at most, the last first, in two reads."""
    found: list[Entry] = []
    for condition in (
        Item.sk.between(keys.ledger(""), keys.ledger(GRANT)),
        Item.sk.startswith(keys.ledger(GRANT)),
    ):
        items, _ = query(payer, condition, limit=limit, reverse=True)
        found += [_entry(item) for item in items if isinstance(item, LedgerItem)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]


def _entry(item: LedgerItem) -> Entry:
    usage = None
    if item.input_tokens is not None and item.output_tokens is not None:
        usage = Usage(int(item.input_tokens), int(item.output_tokens), bool(item.estimated))
    entry = item.sk.removeprefix(keys.ledger(""))
    return Entry(entry, int(item.credits), int(item.at), item.model, usage)


def _balance_of(generation: str, hold: Hold) -> BalanceItem:
    """The balance that a generation is held in and settled from: its own month's, even if it ends
    in the next.
    """
    return BalanceItem(hold.payer, keys.balance(period(milliseconds_of(generation))))


def _mark(owner: str, generation: str, hold: Hold) -> str:
    return f"{generation} {'' if hold.unit is None else hold.unit} {owner}"


def _fewer(limit: int) -> Condition:
    fewer: Condition = size(BalanceItem.holds) < limit  # type: ignore[no-untyped-call]
    return fewer

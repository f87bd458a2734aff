"""An account that pays for answers, and what its balance says."""

from dataclasses import dataclass
from typing import Any

from reprise.chat.messages import Conversation, Hold, Message, Usage
from reprise.store import balances, generations, keys
from reprise.store.balances import Allowance, Balance, Bill, LedgerItem
from reprise.store.generations import Terms
from tests.store.scribe import EXPIRES, OWNER, Scribe

PAYER = keys.account(9)
CREDITS = Allowance(100, None)
RUNNING = Allowance(None, 3)
BOTH = Allowance(100, 3)
MODEL = "vendor/model"


@dataclass
class Payer:
    """Pays for what a scribe begins, `unit` credits for a thousand tokens each."""

    scribe: Scribe
    allowance: Allowance
    unit: int = 5

    @property
    def terms(self) -> Terms:
        return Terms(allowance=self.allowance)

    @property
    def hold(self) -> Hold:
        return Hold(PAYER, None if self.allowance.credits is None else self.unit)

    def begun(self, conversation: Conversation | None = None) -> tuple[Conversation, Message]:
        """A turn that is under way, by default in a conversation of its own."""
        there = conversation or self.scribe.stored()
        turn = self.scribe.send(there, hold=self.hold)
        return generations.begin(turn, EXPIRES, self.terms), turn.messages[-1]

    def bill(self, placeholder: Message, cost: int = 7, **changes: Any) -> Bill:
        what: dict[str, Any] = {"usage": Usage(1000, 200), "model": MODEL, "at": 1234}
        return Bill(OWNER, placeholder.id, self.hold, cost, **what | changes)

    def finish(self, cost: int = 7, **changes: Any) -> str:
        """A whole turn that is settled for so much; returns the answer's id."""
        conversation, placeholder = self.begun()
        bill = self.bill(placeholder, cost, **changes)
        generations.end(conversation, self.scribe.finished(placeholder, "Hello"), bill=bill)
        return placeholder.id

    def mark(self, placeholder: Message) -> str:
        """How a hold lies in the balance."""
        unit = "" if self.hold.unit is None else self.hold.unit
        return f"{placeholder.id} {unit} {OWNER}"

    def balance(self, month: str | None = None) -> Balance:
        """By default of the month that the scribe's clock is in."""
        return balances.find(PAYER, month or balances.period(self.scribe.now_ms))

    def ledger(self) -> list[LedgerItem]:
        return balances.entries(PAYER)

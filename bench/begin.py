"""What it costs to begin an answer with everything there is: a request that is counted and bears an
`Idempotency-Key`, and a hold beside as many others as the plan allows. Part of `bench.capacity`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.depth import before, slow
from bench.progress import Progress
from bench.shapes import straight, text
from bench.table import Table, Target
from reprise.accounts import accounts, keys, plans
from reprise.accounts.plans import Plan
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Hold, Message
from reprise.store import generations, messages
from reprise.store.generations import Terms
from reprise.store.keys import account as partition_of
from tests.api import Api
from tests.capacity import Cost, measured
from tests.models import FakeModels
from tests.store.scribe import Scribe

PLAN = "standard"
MOST_UNITS, MOST_DEPTH = 20, 3
MESSAGES = 20
_PAST = 300  # seconds ago that everything was said: in this month, and not in the future

Ask = Callable[[str, str, str], tuple[str, str]]  # of a conversation, a question and its answer
WAYS: dict[str, Ask] = {
    "start": lambda *_: ("POST", "/v1/chat/conversations/stream"),
    "send": lambda home, *_: ("POST", f"/v1/chat/conversations/{home}/messages/stream"),
    "regenerate": lambda _, __, answer: ("POST", f"/v1/chat/messages/{answer}/regenerate"),
    "edit": lambda _, question, __: ("PATCH", f"/v1/chat/messages/{question}"),
}


@dataclass
class _Begin:
    """One request: what it cost, and of that what was spent when its model was asked."""

    name: str
    cost: Cost = field(default_factory=Cost)
    asked: list[float] = field(default_factory=list)
    spent: Cost = field(default_factory=Cost)

    def note(self) -> None:
        self.spent.charges += self.cost.charges
        self.asked.append(time.perf_counter())

    @property
    def calls(self) -> Cost:
        return before(self.cost, self.asked[0])

    @property
    def writes(self) -> int:
        return self.calls.operations.count("TransactWriteItems")

    def units(self, operation: str) -> float:
        return sum(each.write_units for each in self.spent.charges if each.operation == operation)


def run(say: Progress, models: FakeModels) -> tuple[Table, tuple[Target, ...]]:
    """Begin in every way, through the functions' own apps, with the table and an engine of `models`
    at hand.
    """
    plan = plans.find(PLAN)
    account = accounts.create(Mint(), "bench-begin", PLAN)
    _, secret = keys.create(Mint(), account)
    api, owner = Api(secret), partition_of(account.number)
    api.get("/v1/chat/conversations")  # its key is noted as used, once a day
    scribe = Scribe(now_ms=int((time.time() - _PAST) * 1000))
    held = _hold(scribe, owner, plan, models.find(None).credits)
    begun = []
    for name, ask in WAYS.items():
        say(f"{name}, with everything")
        conversation, question, answer = _conversation(scribe, owner)
        begin = _Begin(name)
        models.enqueue([begin.note, text(800)])
        method, path = ask(conversation.id, question.id, answer.id)
        with slow(begin.asked), measured() as begin.cost:
            _request(api, method, path, name)
        begun.append(begin)
    return _table(begun, held), _targets(begun)


def _hold(scribe: Scribe, owner: str, plan: Plan, unit: int) -> int:
    """Have as many answers generated as the plan allows, but one. Returns how many."""
    others = (plan.allowance.concurrent or 1) - 1
    for _ in range(others):
        conversation = scribe.stored(owner=owner)
        turn = scribe.send(conversation, hold=Hold(owner, unit))
        generations.begin(turn, time.time() + 600, Terms(allowance=plan.allowance))
    return others


def _conversation(scribe: Scribe, owner: str) -> tuple[Conversation, Message, Message]:
    """A conversation, with its last question and answer."""
    conversation, _ = straight(MESSAGES).make(scribe, owner)
    answer, question, *_ = messages.latest(owner, conversation.number).messages.values()
    return conversation, question, answer


def _request(api: Api, method: str, path: str, name: str) -> None:
    sent = None if name == "regenerate" else {"content": text(800)}
    headers = {"Idempotency-Key": f"bench-{name}"}
    answer = api.stream(path, method=method, json=sent, headers=headers)
    if '"ai_complete"' not in answer.text:
        raise RuntimeError(f"{name} failed: {answer.status} {answer.text[-500:]}")


def _table(begun: Sequence[_Begin], held: int) -> Table:
    return Table(
        "Capacity: to begin an answer with everything, by the way of asking",
        (
            *("asked by", "write units of begin", "+ request count", "in writes"),
            *("calls before the model", "one after another"),
        ),
        tuple(
            (
                each.name,
                each.units("TransactWriteItems"),
                each.units("UpdateItem"),
                each.writes,
                len(each.calls.calls),
                each.calls.round_trips,
            )
            for each in begun
        ),
        (
            f"plan {PLAN}: requests counted, credits held beside {held} other answers' that run; "
            "an Idempotency-Key",
            f"messages are 800 bytes, in conversations of {MESSAGES}; the key's read is included",
        ),
    )


def _targets(begun: Sequence[_Begin]) -> tuple[Target, ...]:
    units = max(each.units("TransactWriteItems") for each in begun)
    return (
        Target("write units of a begin with everything", units, MOST_UNITS, False),
        Target("writes that it takes", max(each.writes for each in begun), 1, False),
        Target(
            "DynamoDB calls one after another before the model's, with everything",
            max(each.calls.round_trips for each in begun),
            MOST_DEPTH,
            False,
        ),
    )

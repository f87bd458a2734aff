"""How many turns a second one account with credits carries, until the transactions at its balance
refuse one another.

No local DynamoDB has conflicts between transactions, so here is a model of them: a transaction has
its items for as long as its call takes, and what else would write one of them meanwhile is refused
at once, as DynamoDB does it. The rest is the engine with its own retries, over moto. All of it,
retries included, is slower than it would be, so that what moto takes does not count.
"""

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest import mock

from bench import in_process
from bench.progress import Progress
from bench.statistic import percentile
from bench.table import Result, Table, Target
from reprise.engine import conversations, turns
from reprise.engine.asker import Asker
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.engine import Engine, Timing
from reprise.store import balances, keys, table
from reprise.store.balances import Allowance
from tests.calls import Call, intercept
from tests.faults import conflict
from tests.models import FAKE, FakeModels

SLOW = 2  # times as slow as it would be
ANSWER_SECONDS = 0.5, 1.5  # from, to: by chance, so that conversations keep no step
REFUSAL_SECONDS = 0.005  # of a call that meets a transaction
ENOUGH = 0.1  # of all turns refused: no further step
ALLOWANCE = Allowance(1_000_000_000, 10_000)
SINGLE = {"PutItem", "UpdateItem", "DeleteItem"}
THREADS = 256

Key = tuple[str, str]


@dataclass(frozen=True)
class Plan:
    """Conversations that go on at once, step by step, for so many `seconds` each; `holding` are the
    seconds that a transaction takes.
    """

    steps: tuple[int, ...] = (4, 8, 12, 16, 24, 32, 48)
    seconds: float = 5.0
    holding: tuple[float, ...] = (0.015, 0.03)


FULL, SMALLEST = Plan(), Plan(steps=(1, 6), seconds=1.0, holding=(0.03,))


class Conflicts:
    """Transactions that go on, and what meets them. `met` counts the refusals of each transaction,
    by its token.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds * SLOW
        self._held: set[Key] = set()
        self._lock = threading.Lock()
        self.met: Counter[str] = Counter()

    @property
    def given_up(self) -> int:
        """Transactions that met others until their retries were used up."""
        return sum(count > table.CONFLICT_RETRIES for count in self.met.values())

    def answer(self, call: Call) -> Any:
        if call.operation != "TransactWriteItems":
            if call.operation in SINGLE and not self._held.isdisjoint(_written(call)):
                conflict(call)
            return call.proceed()
        wanted = _written(call)
        with self._lock:
            free = self._held.isdisjoint(wanted)
            if free:
                self._held |= wanted
            else:
                self.met[call.request["ClientRequestToken"]] += 1
        if not free:
            time.sleep(REFUSAL_SECONDS * SLOW)
            conflict(call)
        until = time.monotonic() + self._seconds
        try:
            return call.proceed()
        finally:
            time.sleep(max(0.0, until - time.monotonic()))
            with self._lock:
                self._held -= wanted


def _written(call: Call) -> set[Key]:
    """The keys of what a call writes."""
    if call.operation == "TransactWriteItems":
        writes = [each for item in call.request["TransactItems"] for each in item.values()]
    else:
        writes = [call.request]
    found = [each.get("Key") or each["Item"] for each in writes]
    return {(key["pk"]["S"], key["sk"]["S"]) for key in found}


@dataclass
class _Step:
    """`begins` are the seconds that each begin took, `refused` begins that DynamoDB refused, and
    `lost` answers that could not be stored.
    """

    holding: float
    conversations: int
    begins: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0
    seconds: float = 0
    conflicts: int = 0
    given_up: int = 0

    @property
    def carried(self) -> bool:
        return self.refused == self.lost == 0

    @property
    def rate(self) -> float:
        return len(self.begins) / self.seconds


@dataclass
class _Account:
    """One account, its conversations and what it was settled for."""

    engine: Engine
    owner: str

    def asker(self) -> Asker:
        return Asker(self.owner, self.owner, ALLOWANCE, self.engine.now() + 3600)

    @property
    def holds(self) -> int:
        return len(self._balance().holds)

    @property
    def unaccounted(self) -> int:
        """Credits that are neither left nor settled."""
        settled = sum(int(entry.credits) for entry in balances.entries(self.owner))
        return (ALLOWANCE.credits or 0) - settled - (self._balance().credits or 0)

    def _balance(self) -> balances.Balance:
        return balances.find(self.owner, balances.period(self.engine.now_ms()))


def run(say: Progress, plan: Plan = FULL) -> Result:
    steps: list[_Step] = []
    accounts: list[_Account] = []
    models = FakeModels(replace(FAKE, credits=10))
    chance = random.Random(1)
    models.otherwise = lambda: (
        partial(asyncio.sleep, SLOW * chance.uniform(*ANSWER_SECONDS)),
        "Hello",
    )
    timing = Timing(chunk_every=Timing.chunk_every * SLOW, retry_wait=Timing.retry_wait * SLOW)
    with in_process.table(), _slow_retries():
        for number, holding in enumerate(plan.holding):
            account = _Account(Engine(models, timing=timing), keys.account(1 + number))
            accounts.append(account)
            for count in plan.steps:
                say(f"{count} conversations, transactions of {1000 * holding:g} ms")
                step = asyncio.run(_step(account, _Step(holding, count), plan.seconds))
                steps.append(step)
                if step.refused > ENOUGH * len(step.begins):
                    break
        return Result(
            (_table(steps),),
            (
                Target("answers lost in conflicts", sum(each.lost for each in steps), 0, False),
                Target("holds left", sum(each.holds for each in accounts), 0, False),
                Target(
                    "credits not accounted for",
                    sum(abs(each.unaccounted) for each in accounts),
                    0,
                    False,
                ),
            ),
        )


@contextmanager
def _slow_retries() -> Iterator[None]:
    """And nothing logged of them: they are what is counted."""
    jitter, disabled = table._jitter, logging.root.manager.disable
    logging.disable()
    try:
        with mock.patch.object(table, "_jitter", lambda attempt: SLOW * jitter(attempt)):
            yield
    finally:
        logging.disable(disabled)


async def _step(account: _Account, step: _Step, seconds: float) -> _Step:
    """So many conversations in which one turn follows the other, for so long."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    homes = [
        await asyncio.to_thread(conversations.create, account.engine, account.owner, Draft("bench"))
        for _ in range(step.conversations)
    ]
    conflicts = Conflicts(step.holding)
    with intercept(conflicts.answer):
        began = time.monotonic()
        await asyncio.gather(
            *(
                _converse(account, step, home.id, number / len(homes), began + SLOW * seconds)
                for number, home in enumerate(homes)
            )
        )
        step.seconds = (time.monotonic() - began) / SLOW
    step.conflicts, step.given_up = conflicts.met.total(), conflicts.given_up
    return step


async def _converse(
    account: _Account, step: _Step, conversation: str, offset: float, until: float
) -> None:
    await asyncio.sleep(offset * SLOW)
    while time.monotonic() < until:
        asked = time.monotonic()
        try:
            generation = await turns.send(
                account.engine, account.asker(), conversation, "Hello", Options()
            )
        except table.STORE_ERRORS:
            step.refused += 1
            continue
        step.begins.append((time.monotonic() - asked) / SLOW)
        step.lost += await generation.ended() is None


def _table(steps: list[_Step]) -> Table:
    shortest, longest = ANSWER_SECONDS
    carried = {
        holding: max(
            (each.rate for each in steps if each.carried and each.holding == holding), default=0.0
        )
        for holding in dict.fromkeys(each.holding for each in steps)
    }
    return Table(
        "Limits: turns a second of one account with credits",
        (
            *("transactions of", "conversations", "turns a second", "conflicts a turn"),
            *("begin p50, ms", "p99", "begins refused", "ends put off", "lost"),
        ),
        tuple(
            (
                f"{1000 * each.holding:g} ms",
                each.conversations,
                each.rate,
                each.conflicts / len(each.begins),
                *(1000 * percentile(each.begins, percent) for percent in (50, 99)),
                each.refused,
                each.given_up - each.refused,
                each.lost,
            )
            for each in steps
        ),
        (
            "conflicts are a model's, since no local DynamoDB has them: while a transaction goes "
            "on, others at its items are refused",
            f"answers take {shortest:g} to {longest:g} s and the next turn follows at once; over "
            f"moto, {SLOW} times as slow as it would be",
            f"refused: in conflict {table.CONFLICT_RETRIES + 1} times; put off: an answer's end "
            "that was, and was stored by a later try",
            "carried without a refusal: "
            + ", ".join(f"{rate:.1f} a second ({1000 * h:g} ms)" for h, rate in carried.items()),
        ),
    )

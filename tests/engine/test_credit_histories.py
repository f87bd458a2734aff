"""Credits, whatever happens in whatever order: random histories of one limited account.

Answers are begun, redone, begun again under the same key, stopped, deleted and repaired; their
processes die and the table fails between any two of their calls; models fail before and after the
first token, or do not say what they used; the month ends on the way. After every step the books
balance, and when all is over, all that was held is settled, once.

CI takes some ten thousand steps, the same each time. For more, and others:

    REPRISE_HISTORY_STEPS=1000000 .venv/bin/pytest tests/engine/test_credit_histories.py
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count, repeat
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import RepriseError, UpstreamFailed
from reprise.chat.ids import Mint, milliseconds_of
from reprise.chat.messages import Conversation, Said, Usage
from reprise.engine import conversations, turns
from reprise.engine.asker import Asker
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.engine.repair import release_expired, repair_expired
from reprise.engine.stop import stop
from reprise.engine.targets import version_of
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished
from reprise.store import balances, generations, keys, table
from reprise.store.balances import Allowance, period
from reprise.store.claims import KEPT, Claim
from reprise.store.items import LeaseItem
from tests.calls import Call
from tests.engine.stage import Process, Stage
from tests.faults import Kind, conflict, lost_answer, throttled, timeout
from tests.models import FakeModels, Step
from tests.small_table import Item

ASKED_FOR = os.environ.get("REPRISE_HISTORY_STEPS")
STEPS = int(ASKED_FOR or "10000")
MOST, USUAL = 50, 40  # steps of a history

START = datetime(2026, 11, 30, 23, 58, tzinfo=UTC).timestamp()
ALLOWANCE = Allowance(credits=40, concurrent=2)
CHEAP = Model("cheap", "vendor/cheap", "demo", 16_000, 1)
DEAR = Model("dear", "vendor/dear", "demo", 16_000, 5, fallbacks=("cheap",))
UNIT = {model.name: model.credits for model in (CHEAP, DEAR)}
WITHIN = 60  # seconds until Lambda ends a function

SCRIPTS: dict[str, tuple[Step, ...]] = {
    "answers": ("One", " two."),
    "takes its time": ("One", partial(asyncio.sleep, 12), " two", partial(asyncio.sleep, 12), "."),
    "stalls": ("One", partial(asyncio.sleep, 3600)),
    "costs much": ("One", Finished("length", Usage(3_500, 1_001))),
    "costs more than there is": ("One", Finished("stop", Usage(49_000, 1_000))),
    "does not say what it used": ("One " * 2000, Finished("stop")),
    "says nothing": (Finished("stop", Usage(5, 0)),),
    "fails at once": (UpstreamFailed("no"),),
    "leaves it to a fallback": (UpstreamFailed("no", refused=True),),
    "is asked again": (UpstreamFailed("busy", retryable=True),),
    "breaks off": ("One", UpstreamFailed("gone")),
}
FAULTS = {"timeout": timeout, "lost answer": lost_answer, "conflict": conflict}
READS = ("GetItem", "BatchGetItem", "Query")

# What must have been seen in ten thousand steps, or they would not have been worth it.
HAPPENED = {
    "begun",
    "attached",
    "crashed",
    "NoCredits",
    "Conflict",
    "done",
    "stopped",
    "error",
    "deleted",
    "settled",
    "settled for nothing",
    "settled by an estimate",
    "settled in the next month",
}
FORESEEN = RepriseError, PynamoDBException, BotoCoreError, ClientError

Ask = Callable[[Asker], Coroutine[Any, Any, turns.Run]]
which = st.integers(0, 9)
calls = st.integers(0, 6)  # that a process makes before somebody else has their turn
asked = {
    "model": st.sampled_from(sorted(UNIT)),
    "script": st.sampled_from(sorted(SCRIPTS)),
    "keyed": st.booleans(),
    "calls": calls,
}
seen: Counter[str] = Counter()


@dataclass(frozen=True)
class Request:
    """What a client asks for; under a `key` it may ask again."""

    ask: Ask
    key: str | None


def without_repetition(random: Random) -> Callable[[int], int]:
    """Random bits, the same ones never twice: the clock stands still, so another conversation could
    get the number of one that was deleted.
    """
    drawn: set[int] = set()

    def draw(bits: int) -> int:
        while (value := random.getrandbits(bits)) in drawn:
            pass
        drawn.add(value)
        return value

    return draw


class Histories(RuleBasedStateMachine):
    """Every one in a table of its own, so that the same steps make the same ids."""

    numbers: Iterator[int] = repeat(1)  # of their accounts

    def __init__(self) -> None:
        super().__init__()
        number = next(self.numbers)
        self.owner = keys.account(number)
        self.closing = ExitStack()
        self.stage = self.closing.enter_context(Stage(START))
        self.models = FakeModels(CHEAP, DEAR)
        mint = Mint(lambda: int(self.stage.now * 1000), without_repetition(Random(number)))
        self.engine = Engine(self.models, mint, lambda: self.stage.now)
        self.requests: list[Request] = []
        self.made: dict[str, tuple[str, float]] = {}  # the generation of a key, and when
        self.generations: list[tuple[Conversation, str]] = []
        self.grants = 0
        self.ends: dict[Process, float] = {}
        self.writers: dict[Process, str] = {}
        self.troubled: set[Process] = set()
        self.judged: set[int] = set()
        self.conversations: list[Conversation] = []

    @initialize()
    def begin(self) -> None:
        for title in ("One", "Two", "Three"):
            self.conversations.append(conversations.create(self.engine, self.owner, Draft(title)))

    # What clients do

    @rule(which=which, **asked)
    def send(self, which: int, model: str, script: str, keyed: bool, calls: int) -> None:
        conversation = self.one_of(self.existing(), which)

        async def ask(asker: Asker) -> turns.Run:
            return await turns.send(self.engine, asker, conversation.id, "Hi", Options(model))

        self.request(ask, script, keyed, calls)

    @rule(**asked)
    @precondition(lambda self: len(self.existing()) < 4)
    def start(self, model: str, script: str, keyed: bool, calls: int) -> None:
        async def ask(asker: Asker) -> turns.Run:
            return await turns.start(
                self.engine, asker, [Said("user", "Hi")], Options(model), Draft()
            )

        self.request(ask, script, keyed, calls)

    @rule(which=which, **asked)
    @precondition(lambda self: any(self.answered()))
    def redo(self, which: int, model: str, script: str, keyed: bool, calls: int) -> None:
        conversation, answer = self.one_of(list(self.answered()), -which)

        async def ask(asker: Asker) -> turns.Run:
            return await turns.redo(
                self.engine, asker, conversation.id, version_of(answer), Options(model)
            )

        self.request(ask, script, keyed, calls)

    @rule(which=which, calls=calls)
    @precondition(lambda self: any(request.key for request in self.requests))
    def retry(self, which: int, calls: int) -> None:
        self.send_off(self.one_of([each for each in self.requests if each.key], -which), calls)

    @rule(which=which, calls=calls)
    def stop(self, which: int, calls: int) -> None:
        conversation = self.one_of(self.existing(), which)
        self.run(calls, lambda: stop(self.engine, self.owner, conversation.id))

    @rule(which=which, calls=calls)
    @precondition(lambda self: len(self.existing()) > 1)
    def delete(self, which: int, calls: int) -> None:
        conversation = self.one_of(self.existing(), which)
        self.call(calls, conversations.delete, self.engine, self.owner, conversation.id)

    # What the operator, the table and others of the account do

    @rule(amount=st.sampled_from([-5, 10, 100]), calls=calls)
    def grant(self, amount: int, calls: int) -> None:
        self.grants += 1
        now_ms, entry = self.engine.now_ms(), f"grant-{self.grants}"
        month = period(now_ms)
        free = ALLOWANCE.credits
        self.call(calls, balances.grant, self.owner, month, amount, free, entry, now_ms)

    @rule(calls=calls)
    @precondition(lambda self: any(self.leases_to_drop()))
    def drop_a_lease(self, calls: int) -> None:
        """As the table does by itself an hour after its expiry, which wakes a worker."""
        lease = next(self.leases_to_drop())
        LeaseItem(lease["pk"]["S"], keys.LEASE).delete()
        self.call(calls, repair_expired, lease["pk"]["S"], lease["g"]["S"], self.stage.now)

    @rule(calls=calls)
    def release(self, calls: int) -> None:
        """As whoever is refused does."""
        self.call(calls, release_expired, self.owner, self.stage.now)

    # How they get on

    @rule(which=which, calls=st.integers(1, 8))
    @precondition(lambda self: self.waiting())
    def go_on(self, which: int, calls: int) -> None:
        self.let(self.one_of(self.waiting(), which), calls)

    @rule(which=which, fault=st.sampled_from(sorted(FAULTS)))
    @precondition(lambda self: self.waiting())
    def meet_a_fault(self, which: int, fault: str) -> None:
        process = self.one_of(self.waiting(), which)
        kind: Kind = FAULTS[fault]
        if kind is conflict and process.waiting[0].operation in READS:
            kind = throttled
        self.troubled.add(process)
        self.stage.step(process, kind)

    @rule(which=which)
    @precondition(lambda self: self.live())
    def finish(self, which: int) -> None:
        self.stage.finish(self.one_of(self.live(), which))
        self.wait(0)

    @rule(which=which, after=st.booleans())
    @precondition(lambda self: self.waiting())
    def crash(self, which: int, after: bool) -> None:
        """Before a call, or after it and before its answer."""
        process = self.one_of(self.waiting(), which)
        if after:
            self.stage.step(process, lost_answer)
        self.stage.kill(process)
        seen["crashed"] += 1

    @rule(seconds=st.sampled_from([0.3, 0.8, 5, 11, 31, 3700]))
    def wait(self, seconds: float) -> None:
        self.stage.later(seconds)
        for process, end in self.ends.items():
            if end <= self.stage.now and not process.over:
                self.stage.kill(process)  # as Lambda does

    # What must be so at any time

    @invariant()
    def nothing_fails_in_a_way_that_nobody_foresaw(self) -> None:
        for process in self.stage.processes:
            for task in process.tasks:
                if task.done() and id(task) not in self.judged:
                    self.judged.add(id(task))
                    error = None if task.cancelled() or process.dead else task.exception()
                    if error and not isinstance(error, FORESEEN):
                        raise error
                    seen[type(error).__name__] += 1

    @invariant()
    def the_books_balance(self) -> None:
        seen["steps"] += 1
        spent: Counter[str] = Counter()
        for entry, item in self.ledger():
            granted = entry.startswith("grant")
            at = number(item, "at") if granted else milliseconds_of(entry)
            spent[period(at)] += number(item, "credits") * (-1 if granted else 1)
        for month, item in self.balances():
            held = marks(item)
            left = number(item, "credits") + sum(int(mark.split(" ")[1]) for mark in held)
            assert left == ALLOWANCE.credits - spent.pop(month, 0)
            assert len(held) <= ALLOWANCE.concurrent
        assert not spent

    @invariant()
    def an_answer_is_held_for_while_it_is_made(self) -> None:
        held = {mark.split(" ")[0] for mark in self.held()}
        made = {answer for answer, item in self.answers() if item["s"]["S"] == "in-progress"}
        assert held <= made
        for answer in made - held:
            assert not self.is_there(answer), "what is settled by itself was deleted"

    @invariant()
    def who_comes_to_an_end_has_settled(self) -> None:
        held = {mark.split(" ")[0] for mark in self.held()}
        for process, answer in self.writers.items():
            if process.over and not process.dead and process not in self.troubled:
                assert answer not in held

    def teardown(self) -> None:
        """Everybody comes to an end or dies, leases run out, and what is still held is released."""
        with self.closing:
            for number, process in enumerate(self.live()):
                end = self.stage.kill if number % 2 else self.stage.finish
                end(process)
            self.nothing_fails_in_a_way_that_nobody_foresaw()
            self.wait(3700)
            for lease in list(self.leases_to_drop()):
                LeaseItem(lease["pk"]["S"], keys.LEASE).delete()
                repair_expired(lease["pk"]["S"], lease["g"]["S"], self.stage.now)
            release_expired(self.owner, self.stage.now)
            self.the_books_balance()
            self.everything_is_settled_once()

    def everything_is_settled_once(self) -> None:
        assert not list(self.held())
        settled = {entry: item for entry, item in self.ledger() if not entry.startswith("grant")}
        answers = dict(self.answers())
        assert settled.keys() == answers.keys()
        for answer, item in settled.items():
            cost, tokens = number(item, "credits"), tokens_of(item)
            if "model" in item:  # not where the answer was deleted and its process is gone
                assert cost == -(-tokens // 1000) * UNIT[item["model"]["S"]]
            seen["settled" if cost else "settled for nothing"] += 1
            seen["settled by an estimate"] += "estimated" in item
            seen["settled in the next month"] += period(milliseconds_of(answer)) != period(
                number(item, "at")
            )
            state = answers[answer]["s"]["S"]
            if self.is_there(answer):
                assert state in ("done", "stopped", "error")
                assert cost or "t" not in answers[answer], "what was said is paid for"
                assert tokens_of(answers[answer], "ti", "to") == tokens
            seen[state if self.is_there(answer) else "deleted"] += 1

    # In other words

    def request(self, ask: Ask, script: str, keyed: bool, calls: int) -> None:
        self.models.enqueue(SCRIPTS[script])
        self.requests.append(Request(ask, str(len(self.requests)) if keyed else None))
        self.send_off(self.requests[-1], calls)

    def send_off(self, request: Request, calls: int) -> None:
        now, key = self.stage.now, request.key
        claim = Claim(self.owner, key, "the same body", now) if key else None
        asker = Asker(self.owner, self.owner, ALLOWANCE, now + WITHIN, claim)

        async def main() -> None:
            run = await request.ask(asker)
            conversation = run.begun.conversation
            if isinstance(run, Generation):
                self.generations.append((conversation, run.id))
                self.writers[self.stage.process] = run.id
            if conversation.id not in [each.id for each in self.conversations]:
                self.conversations.append(conversation)
            if key:
                first, at = self.made.setdefault(key, (run.id, now))
                assert run.id == first or now >= at + KEPT - 1, "the same request, done twice"
            seen["begun" if isinstance(run, Generation) else "attached"] += 1

        self.run(calls, main)

    def call(self, calls: int, function: Callable[..., object], *arguments: object) -> None:
        self.run(calls, partial(asyncio.to_thread, function, *arguments))

    def run(self, calls: int, main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        process = self.stage.run(main)
        self.ends[process] = self.stage.now + WITHIN
        self.let(process, calls)

    def let(self, process: Process, calls: int) -> None:
        for _ in range(calls):
            if process.waiting:
                self.stage.step(process)

    def live(self) -> list[Process]:
        return [process for process in self.stage.processes if not process.over]

    def waiting(self) -> list[Process]:
        return [process for process in self.stage.processes if process.waiting]

    def existing(self) -> list[Conversation]:
        """All where there is none, to be asked for in vain."""
        there = [
            each
            for each in self.conversations
            if self.stage.table.get(keys.conversation(self.owner, each.number), keys.META)
        ]
        return there or self.conversations

    def answered(self) -> Iterator[tuple[Conversation, str]]:
        return (each for each in self.generations if self.is_there(each[1]))

    def one_of(self, some: list[Any], which: int) -> Any:
        return some[which % len(some)]

    # What lies in the table

    def account(self, prefix: str) -> Iterator[tuple[str, Item]]:
        for sort, item in self.stage.table.items.get(self.owner, {}).items():
            if sort.startswith(prefix):
                yield sort.removeprefix(prefix), item

    def ledger(self) -> Iterator[tuple[str, Item]]:
        return self.account(keys.ledger(""))

    def balances(self) -> Iterator[tuple[str, Item]]:
        return self.account(keys.balance(""))

    def held(self) -> Iterator[str]:
        for _, balance in self.balances():
            yield from marks(balance)

    def answers(self) -> Iterator[tuple[str, Item]]:
        for items in self.stage.table.items.values():
            for sort, item in items.items():
                if sort.startswith(keys.FIRST_MESSAGE) and item["r"]["S"] == "assistant":
                    yield sort.removeprefix(keys.FIRST_MESSAGE), item

    def is_there(self, answer: str) -> bool:
        """Whether its conversation is."""
        partitions = self.stage.table.items.values()
        return any(keys.META in each for each in partitions if keys.message(answer) in each)

    def leases_to_drop(self) -> Iterator[Item]:
        for items in self.stage.table.items.values():
            lease = items.get(keys.LEASE)
            if lease and number(lease, "ttl") <= self.stage.now:
                yield lease


def number(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0


def tokens_of(item: Item, *names: str) -> int:
    return sum(number(item, name) for name in names or ("input_tokens", "output_tokens"))


def marks(balance: Item) -> list[str]:
    found: list[str] = balance["holds"]["SS"] if "holds" in balance else []
    return found


@pytest.fixture(autouse=True)
def on_the_stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing waits for real, and what is expected to fail is not logged."""

    end = generations.end

    def end_and_settle(*arguments: Any, **options: Any) -> bool:
        settled = end(*arguments, **options)
        assert settled, "what an answer costs was settled before it"
        return settled

    monkeypatch.setattr(table, "_jitter", lambda attempt: 0)
    monkeypatch.setattr(generations, "end", end_and_settle)
    seen.clear()
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def play(machine: type[Histories], histories: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=MOST,
            deadline=None,
            derandomize=not ASKED_FOR,  # the same ones each time, or a rare one stops somebody else
            database=None,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_books_balance_whatever_happens() -> None:
    play(Histories, max(1, STEPS // USUAL))

    if STEPS >= 10_000:
        assert {what for what, times in seen.items() if times} >= HAPPENED, seen


class Twice(Histories):
    """Every call goes to moto as well, which must answer the same. All share its table."""

    numbers = count(1)

    def __init__(self) -> None:
        super().__init__()
        small = self.stage.answer

        def both(call: Call) -> Any:
            answers = [told(small, call), told(lambda c: c.aside(c.operation, **c.request), call)]
            assert plain(answers[0]) == plain(answers[1]), call
            if isinstance(answers[0], ClientError):
                raise answers[0]
            return answers[0]

        self.stage.answer = both


def told(answer: Callable[[Call], Any], call: Call) -> Any:
    try:
        return answer(call)
    except ClientError as error:
        return error


def plain(answer: Any) -> Any:
    """An answer as far as it matters: no capacities and messages, sets in order."""
    match answer:
        case ClientError(response=response):
            reasons = response.get("CancellationReasons", [])
            return response["Error"]["Code"], [
                (each["Code"], plain(each.get("Item"))) for each in reasons
            ]
        case {"SS": [*texts], **rest} if not rest:
            return sorted(texts)
        case dict():
            kept = {name: plain(value) for name, value in answer.items()}
            for name in ("ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics"):
                kept.pop(name, None)
            return kept
        case list():
            return [plain(each) for each in answer]
    return answer


def test_the_small_table_of_these_histories_answers_as_moto_does(aws: None) -> None:
    play(Twice, 10)

    assert seen["begun"]

"""What a turn costs in DynamoDB, by the shape of its conversation: units, calls, and how many of
them the model has to wait for.

Units are computed from item sizes by AWS's rules (see `tests.capacity`): moto's own mean nothing. A
turn goes through the function's own app, with a warm key, as its second request would. The shapes'
turns are of a plan that limits requests only; what the other limits add is a table of its own.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest import mock

from bench import begin
from bench.depth import BODIES, before, slow
from bench.in_process import functions
from bench.progress import Progress
from bench.shapes import Shape, old_branch, straight, text, versions
from bench.table import Result, Table, Target
from reprise.accounts import accounts, keys, plans
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message
from reprise.engine import turns
from reprise.engine.asker import Asker
from reprise.engine.begin import Options
from reprise.engine.engine import Engine, Timing
from reprise.engine.targets import version_of
from reprise.store.balances import UNLIMITED
from reprise.store.keys import account as partition_of
from tests.api import Api
from tests.capacity import Charge, Cost, measured
from tests.models import FakeModels
from tests.store.scribe import Scribe

MOST_UNITS, MOST_DEPTH = 16, 3
# "The closest peer" of issue 2 keeps a conversation in one item and rewrites it with each turn: the
# units that it writes, by messages. It was measured there; none of it runs here.
PEER = {2: 6, 100: 208, 300: 620}

ANSWER_SECONDS = 5.0  # of an answer of 800 bytes, at 40 tokens a second
PIECES = 40
SPEED = 4  # times as fast as it would be
CHUNK = "CHUNK#"
PLAN = "requests"  # of the shapes' account: it limits nothing but requests


@dataclass(frozen=True)
class Plan:
    shapes: tuple[Shape, ...]


FULL = Plan(
    (
        *(straight(length) for length in (2, 10, 100, 300, 1_000)),
        versions(50, 4_000, redo=False),
        versions(50, 4_000, redo=True),
        old_branch(1_000, 1_000),
        straight(10, 100_000, name="10 messages of 100 KB"),
        straight(10, 250_000, name="10 messages of 250 KB, which lie in S3"),
    )
)
SMALLEST = Plan((straight(2), straight(40), versions(3, 4_000, redo=True)))


@dataclass
class _Turn:
    """One turn: what it cost, and when it had its model asked."""

    shape: Shape
    cost: Cost
    asked: list[float] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return before(self.cost, self.asked[0]).round_trips

    @property
    def calls_before(self) -> int:
        return len(before(self.cost, self.asked[0], bodies=True).calls)

    @property
    def units(self) -> float:
        return self.cost.write_units - self.log

    @property
    def log(self) -> float:
        return sum(each.write_units for each in self.cost.charges if each.what.startswith(CHUNK))

    @property
    def peer(self) -> int | None:
        return PEER.get(self.shape.messages) if self.shape.plain else None

    @property
    def admission(self) -> float:
        """Read units of the key, and of the conversation with its latest messages."""
        return sum(each.read_units for each in self._reads[:2])

    @property
    def context(self) -> float:
        """Read units of what the model shall read beyond that."""
        return sum(each.read_units for each in self._reads[2:])

    @property
    def _reads(self) -> Sequence[Charge]:
        return [each for each in self.cost.charges if each.read_units]

    @property
    def bodies(self) -> int:
        return sum(operation in BODIES for operation in self.cost.operations)


def run(say: Progress, plan: Plan = FULL) -> Result:
    uncredited = replace(plans.find("local"), name=PLAN, allowance=UNLIMITED)
    timing = Timing(chunk_every=Timing.chunk_every / SPEED)
    with functions(timing) as (engine, models), mock.patch.dict(plans.load(), {PLAN: uncredited}):
        measured_turns = _turns(say, plan, engine, models)
        begun, begun_targets = begin.run(say, models)
    return Result((_table(measured_turns), begun), (*_targets(measured_turns), *begun_targets))


def _turns(say: Progress, plan: Plan, engine: Engine, models: FakeModels) -> list[_Turn]:
    account = accounts.create(Mint(), "bench", PLAN)
    _, secret = keys.create(Mint(), account)
    scribe = Scribe()
    api, owner = Api(secret), partition_of(account.number)
    api.get("/v1/chat/conversations")  # its key is noted as used, once a day
    measured_turns = []
    for shape in plan.shapes:
        say(shape.name)
        conversation, target = shape.make(scribe, owner)
        turn = _Turn(shape, Cost())
        models.enqueue([partial(_note, turn), *_answer()])
        with slow(turn.asked), measured() as turn.cost:
            if target is None:
                _send(api, conversation, shape.sent)
            else:
                asyncio.run(_redo(engine, secret, conversation, target))
        measured_turns.append(turn)
    return measured_turns


def _note(turn: _Turn) -> None:
    turn.asked.append(time.perf_counter())


def _answer() -> Iterator[Any]:
    said = text(800)
    step = len(said) // PIECES
    for start in range(0, len(said), step):
        yield partial(asyncio.sleep, ANSWER_SECONDS / SPEED / PIECES)
        yield said[start : start + step]


def _send(api: Api, conversation: Conversation, size: int) -> None:
    path = f"/v1/chat/conversations/{conversation.id}/messages/stream"
    answer = api.stream(path, json={"content": text(size)})
    if '"ai_complete"' not in answer.text:
        raise RuntimeError(f"the turn failed: {answer.status} {answer.text[-500:]}")


async def _redo(engine: Engine, secret: str, conversation: Conversation, target: Message) -> None:
    """As a surface would."""
    caller, _ = await asyncio.to_thread(keys.authenticate, secret, time.time())
    asker = Asker(caller.owner, caller.owner, UNLIMITED, time.time() + 60)
    generation = await turns.redo(engine, asker, conversation.id, version_of(target.id), Options())
    if await generation.ended() is None:
        raise RuntimeError("the redo failed")


def _table(measured_turns: Sequence[_Turn]) -> Table:
    rows = tuple(
        (
            turn.shape.name,
            turn.units,
            turn.log,
            turn.peer,
            (turn.units + turn.log) / turn.peer if turn.peer else None,
            turn.admission,
            turn.context,
            len(turn.cost.calls),
            turn.calls_before,
            turn.depth,
            turn.bodies,
        )
        for turn in measured_turns
    )
    return Table(
        "Capacity: one turn, by the shape of its conversation",
        (
            *("conversation", "write units", "+ chunk log", "peer's writes", "all ÷ peer's"),
            *("read units", "+ context", "calls", "before the model", "one after another", "S3"),
        ),
        rows,
        (
            "messages are 800 bytes unless said otherwise; so is the answer, which takes "
            f"{ANSWER_SECONDS:g} s ({SPEED} times as fast here)",
            "write units: the turn's own items and index entries, and the count of its request; no "
            "credits",
            "chunk log: what a crash keeps",
            "peer's writes: the closest peer rewrites the conversation (figures of issue 2)",
            "context: read beside the write that begins the turn, until the model's window is full",
            "one after another: DynamoDB calls that the model waits for, the key's included",
        ),
    )


def _targets(measured_turns: Sequence[_Turn]) -> tuple[Target, ...]:
    plain = [turn for turn in measured_turns if turn.shape.plain]
    grown = max(turn.units for turn in plain) - min(turn.units for turn in plain)
    shortest, longest = plain[0].shape.name, plain[-1].shape.name
    return (
        Target("write units of a turn", max(turn.units for turn in plain), MOST_UNITS, False),
        Target(f"their growth from {shortest} to {longest}", grown, 0, False),
        Target(
            "DynamoDB calls one after another before the model's",
            max(turn.depth for turn in plain),
            MOST_DEPTH,
            False,
        ),
        Target(
            "the same, in the hardest shape",
            max(turn.depth for turn in measured_turns),
            MOST_DEPTH,
            False,
        ),
    )

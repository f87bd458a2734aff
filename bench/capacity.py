"""What a turn costs in DynamoDB, by the shape of its conversation: units, calls, and how many of
them the model has to wait for.

Units are computed from item sizes by AWS's rules (see `tests.capacity`): moto's own mean nothing. A
turn goes through the function's own app, with a warm key, as its second request would.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import boto3
from moto import mock_aws

from bench.progress import Progress
from bench.shapes import Shape, old_branch, straight, text, versions
from bench.table import Result, Table, Target
from local import backend, moto, template
from reprise.accounts import accounts, keys
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.engine import Engine, Timing
from reprise.llm import catalogue
from reprise.store.keys import account as partition_of
from reprise.web import engine as web
from tests.api import Api
from tests.calls import Call, intercept
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
CALL_SECONDS = 0.05  # of a call before the upstream's: so long that what goes side by side overlaps
BODIES = {"PutObject", "GetObject"}
CHUNK = "CHUNK#"


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

    def _before(self, bodies: bool) -> Cost:
        """The calls that began before the upstream's did: of DynamoDB, or to S3 as well."""
        return Cost(
            calls=[
                timed
                for timed in self.cost.calls
                if timed.began < self.asked[0] and (bodies or timed.call.operation not in BODIES)
            ]
        )

    @property
    def depth(self) -> int:
        return self._before(bodies=False).round_trips

    @property
    def calls_before(self) -> int:
        return len(self._before(bodies=True).calls)

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
    moto.patch()
    with mock_aws():
        backend.create(
            template.load(os.environ["AWS_REGION"], os.environ),
            boto3.client("dynamodb"),
            boto3.client("s3"),
        )
        models = FakeModels(replace(catalogue.default(), fallbacks=()))
        timing = Timing(chunk_every=Timing.chunk_every / SPEED)
        engine = Engine(models, timing=timing)
        account = accounts.create(Mint(), "bench", "standard")
        _, secret = keys.create(Mint(), account)
        scribe = Scribe()
        api, owner = Api(secret), partition_of(account.number)
        api.get("/v1/chat/conversations")  # its key is noted as used, once a day
        web.use(engine)
        try:
            measured_turns = []
            for shape in plan.shapes:
                say(shape.name)
                conversation, target = shape.make(scribe, owner)
                turn = _Turn(shape, Cost())
                models.enqueue([partial(_note, turn), *_answer()])
                with _slow(turn), measured() as turn.cost:
                    if target is None:
                        _send(api, conversation, shape.sent)
                    else:
                        asyncio.run(_redo(engine, secret, conversation, target))
                measured_turns.append(turn)
        finally:
            web.use(None)
    return Result((_table(measured_turns),), _targets(measured_turns))


def _note(turn: _Turn) -> None:
    turn.asked.append(time.perf_counter())


def _answer() -> Iterator[Any]:
    said = text(800)
    step = len(said) // PIECES
    for start in range(0, len(said), step):
        yield partial(asyncio.sleep, ANSWER_SECONDS / SPEED / PIECES)
        yield said[start : start + step]


@contextmanager
def _slow(turn: _Turn) -> Iterator[None]:
    """Have every call take its time until the model is asked."""

    def handle(call: Call) -> Any:
        if not turn.asked:
            time.sleep(CALL_SECONDS)
        return call.proceed()

    with intercept(handle):
        yield


def _send(api: Api, conversation: Conversation, size: int) -> None:
    path = f"/v1/chat/conversations/{conversation.id}/messages/stream"
    answer = api.stream(path, json={"content": text(size)})
    if '"ai_complete"' not in answer.text:
        raise RuntimeError(f"the turn failed: {answer.status} {answer.text[-500:]}")


async def _redo(engine: Engine, secret: str, conversation: Conversation, target: Message) -> None:
    """As a surface would: none has a redo yet."""
    caller, _ = await asyncio.to_thread(keys.authenticate, secret, time.time())
    generation = await turns.redo(
        engine, caller.owner, conversation.id, target.id, Options(), time.time() + 60
    )
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
            "write units: the turn's own items and index entries; chunk log: what a crash keeps",
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

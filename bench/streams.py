"""Many streams at once through `make dev`: when they begin, how evenly they flow, and what bounds
them.

Twice: with moto in the gateway's own process, as `make dev` has it, and with moto in another, which
tells what either of them needs. The model is the demo, so no provider bounds anything.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise

import boto3

from bench.backend import Backend, backend
from bench.ceiling import ceiling
from bench.client import Answer, ask_among, request
from bench.processes import Cpu, cpu
from bench.progress import Progress
from bench.statistic import percentile
from bench.table import Cell, Result, Table
from tests.dev_server import DevServer

START = "/v1/chat/conversations/stream"
TEXT = b'"ai_chunk"'


@dataclass(frozen=True)
class Plan:
    """So many `streams` of so many `tokens` at so many a second; `spread` is the seconds within
    which they begin, where they do not all begin at once.
    """

    streams: int = 200
    tokens: int = 100
    rate: float = 20
    spread: float = 5.0


FULL, SMALLEST = Plan(), Plan(streams=5, tokens=10, rate=50, spread=0.5)


@dataclass(frozen=True)
class _Run:
    """All streams of one go. `seconds` is how long it took, `calls` what DynamoDB was asked for
    meanwhile: counted, or as far as what it has stored tells.
    """

    name: str
    plan: Plan
    answers: Sequence[Answer]
    failed: int
    seconds: float
    gateway: Cpu
    moto: Cpu | None
    calls: int

    def firsts(self) -> list[float]:
        """Milliseconds from each request to its first text."""
        return [1000 * (_texts(each)[0] - each.asked) for each in self.answers]

    def gaps(self) -> list[float]:
        """Milliseconds from each text to the next."""
        return [
            1000 * (after - before)
            for each in self.answers
            for texts in [_texts(each)]
            for before, after in pairwise(texts)
        ]


def run(say: Progress, plan: Plan = FULL) -> Result:
    runs: list[_Run] = []
    environ = {"REPRISE_DEMO_TOKENS_PER_SECOND": str(plan.rate)}
    with ExitStack() as stack:
        say("starting `make dev`, and another with moto apart")
        moto = stack.enter_context(backend())
        together = stack.enter_context(DevServer(environ))
        apart = stack.enter_context(DevServer(environ | moto.environ))
        say("measuring moto's ceiling")
        most = ceiling(moto)
        for name, server, own, spread in (
            ("`make dev`, at once", together, None, 0.0),
            (f"`make dev`, within {plan.spread:g} s", together, None, plan.spread),
            (f"moto apart, within {plan.spread:g} s", apart, moto, plan.spread),
        ):
            say(f"{plan.streams} streams, {name}")
            runs.append(asyncio.run(_streams(name, server, own, plan, spread)))
    return Result((_table(runs, plan), _bounds(runs, most)), ())


async def _streams(
    name: str, server: DevServer, moto: Backend | None, plan: Plan, spread: float
) -> _Run:
    sent = request(server.url, START, {"content": f"count to {plan.tokens}"}, server.auth)
    patience = spread + 10 * plan.tokens / plan.rate + 30

    async def one(number: int) -> Answer:
        await asyncio.sleep(number * spread / plan.streams)
        return await ask_among(server.url, sent, patience)

    asked = moto.calls().total() if moto else _stored(server)
    before, moto_before = cpu(server.process.pid), cpu(moto.pid) if moto else None
    began = time.monotonic()
    ended = await asyncio.gather(*map(one, range(plan.streams)), return_exceptions=True)
    seconds = time.monotonic() - began
    answers = [
        each for each in ended if isinstance(each, Answer) and len(_texts(each)) == plan.tokens
    ]
    return _Run(
        name,
        plan,
        answers,
        plan.streams - len(answers),
        seconds,
        cpu(server.process.pid) - before,
        cpu(moto.pid) - moto_before if moto and moto_before else None,
        (moto.calls().total() if moto else _stored(server)) - asked,
    )


def _stored(server: DevServer) -> int:
    """How many items there are: of a stream three, and its chunks. Which is how many calls it took,
    without renewals of its lease: one for each chunk, its key's, begin and end.
    """
    client = boto3.client("dynamodb", endpoint_url=server.aws_endpoint, region_name="us-east-1")
    items: int = client.describe_table(TableName="reprise")["Table"]["ItemCount"]
    return items


def _texts(answer: Answer) -> list[float]:
    """When the texts came."""
    return [event.at for event in answer.events() if TEXT in event.data]


def _table(runs: Sequence[_Run], plan: Plan) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in runs:
        firsts, gaps = each.firsts(), each.gaps()
        rows.append(
            (
                each.name,
                each.failed,
                *(percentile(firsts, percent) for percent in (50, 99)),
                *(percentile(gaps, percent) for percent in (50, 99, 100)),
                len(gaps) / each.seconds,
            )
        )
    return Table(
        f"Streams: {plan.streams} at once, of {plan.tokens} events at {plan.rate:g} a second",
        ("", "failed", "first p50, ms", "p99", "gap p50", "p99", "max", "events a second"),
        tuple(rows),
        (f"a gap of {1000 / plan.rate:g} ms is as the model speaks",),
    )


def _bounds(runs: Sequence[_Run], most: float) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            each.name,
            each.calls / each.seconds,
            each.calls / each.plan.streams,
            100 * each.gateway.first / each.seconds,
            100 * each.gateway.others / each.seconds,
            100 * each.moto.all / each.seconds if each.moto else None,
        )
        for each in runs
    ]
    return Table(
        "Streams: what bounds them",
        (
            *("", "DynamoDB calls a second", "a stream"),
            *("event loop, %", "the gateway's other threads, %", "moto, %"),
        ),
        tuple(rows),
        (
            "per cent of one processor; a Python process has no more than 100 in all its threads",
            "the other threads are the AWS SDK's calls and, in `make dev`, moto",
            "calls with moto apart are counted, the local workers' polling included",
            f"moto's ceiling on this machine, now: {most:,.0f} calls a second",
        ),
    )

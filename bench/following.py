"""Following an answer: how soon it ends once somebody asks for its end, how far behind its producer
many readers are, and what their reading costs.

Through `make dev` with moto in another process and a provider on loopback that says in each event
when it sent it. Read units are computed from item sizes by AWS's rules, in this process.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import boto3
import httpx
from moto import mock_aws

from bench import processes
from bench.backend import Backend, backend
from bench.ceiling import ceiling
from bench.client import Answer, ask_among, request
from bench.processes import cpu
from bench.progress import Progress
from bench.statistic import percentile
from bench.table import Result, Table, Target
from local import backend as stores
from local import moto as patched
from local import template
from reprise.chat.events import Produced
from reprise.chat.messages import Text
from reprise.engine.attach import attach
from reprise.engine.engine import Engine, Timing
from reprise.store import generations
from tests.capacity import measured
from tests.dev_server import DevServer
from tests.models import FakeModels
from tests.store.scribe import OWNER, Scribe

CONVERSATIONS = "/v1/chat/conversations"
MOST_SECONDS, MOST_UNITS = 1.5, 2
AT_ONCE = 8  # generations that run while one of them is stopped
PATIENCE = 30.0  # seconds beyond what an answer takes
SPEED = 10  # times as fast as readers are, where their units are counted and not their time


@dataclass(frozen=True)
class Plan:
    """So many generations are `stopped`; so many `readers` at a time follow one of so many
    `events`, which are `pause` seconds apart, and come within `spread` seconds; units are those of
    so many `looks`.
    """

    stopped: int = 100
    readers: tuple[int, ...] = (10, 100)
    events: int = 300
    pause: float = 0.05
    spread: float = 2.0
    looks: int = 40


FULL, SMALLEST = Plan(), Plan(stopped=3, readers=(3,), events=40, spread=0.5, looks=8)


@dataclass(frozen=True)
class _Stop:
    """Milliseconds from the request until its answer, the stream's last event and its end."""

    answered: float
    told: float
    ended: float


@dataclass(frozen=True)
class _Reader:
    """Milliseconds behind the producer: of each text, and of the end. What was there before the
    reader counts from when it asked.
    """

    behind: Sequence[float]
    end: float


@dataclass(frozen=True)
class _Reading:
    """Those of `count` readers of one answer who got all of it. `calls` are reads of the table, in
    `seconds`; `gateway` and `moto` the seconds that those were on a processor.
    """

    count: int
    readers: Sequence[_Reader]
    calls: int
    seconds: float
    gateway: float
    moto: float

    @property
    def worsts(self) -> list[float]:
        """The furthest that each reader ever was behind, without the end."""
        return [max(reader.behind) for reader in self.readers]


@dataclass(frozen=True)
class _Looks:
    name: str
    count: int
    units: float

    @property
    def units_a_second(self) -> float:
        return self.units / self.count / Timing.poll


def run(say: Progress, plan: Plan = FULL) -> Result:
    with ExitStack() as stack:
        say("starting a provider, moto and `make dev`")
        _, port = stack.enter_context(processes.running("bench.provider"))
        provider = {
            "OPENROUTER_API_KEY": "bench",
            "OPENROUTER_BASE_URL": f"http://127.0.0.1:{port}/v1",
        }
        moto = stack.enter_context(backend())
        server = stack.enter_context(DevServer(provider | moto.environ))
        stops = asyncio.run(_stops(say, server, plan))
        readings = [
            asyncio.run(_readers(say, server, moto, plan, readers)) for readers in plan.readers
        ]
        say("measuring moto's ceiling")
        most = ceiling(moto)
    looks = asyncio.run(_all_looks(say, plan))
    return Result(
        (_stop_table(stops), _reader_table(readings, plan, most), _unit_table(looks)),
        (
            Target("stop to stream end, p99, s", _p99(stops) / 1000, MOST_SECONDS),
            *(
                Target(
                    f"the furthest that one of {each.count} readers is behind, s",
                    max(each.worsts) / 1000,
                    MOST_SECONDS,
                )
                for each in readings
            ),
            Target(
                "readers that did not get every event",
                sum(each.count - len(each.readers) for each in readings),
                0,
                False,
            ),
            Target(
                "read units a second of a reader",
                max(each.units_a_second for each in looks),
                MOST_UNITS,
                False,
            ),
        ),
    )


# Stop


async def _stops(say: Progress, server: DevServer, plan: Plan) -> list[_Stop]:
    room, chance, done = asyncio.Semaphore(AT_ONCE), random.Random(1), 0
    async with _client(server) as client:

        async def one() -> _Stop:
            nonlocal done
            async with room:
                stop = await _stop(client, server, chance.uniform(0.5, 2))
                done += 1
                say(f"stopped {done} of {plan.stopped} generations")
                return stop

        return await asyncio.gather(*(one() for _ in range(plan.stopped)))


async def _stop(client: httpx.AsyncClient, server: DevServer, after: float) -> _Stop:
    """Stop an answer so many seconds after it was asked for. Raises RuntimeError if that fails."""
    conversation = await _new(client)
    path = f"{CONVERSATIONS}/{conversation}/messages/stream"
    sent = request(server.url, path, {"content": "stream 2000 0.05"}, server.auth)
    streaming = asyncio.create_task(ask_among(server.url, sent, PATIENCE))
    await asyncio.sleep(after)
    asked = time.monotonic()
    said = await client.post(f"{CONVERSATIONS}/{conversation}/stop")
    answered = time.monotonic()
    stream = await streaming
    *_, last, done = stream.events()
    state = json.loads(last.data.removeprefix(b"data: "))["data"].get("state")
    if not said.json()["data"]["stopped"] or state != "stopped" or done.data != b"data: [DONE]":
        raise RuntimeError(f"it was not stopped: {said.status_code}, {state}")
    times = answered, last.at, stream.pieces[-1][0]
    return _Stop(*(1000 * (at - asked) for at in times))


def _stop_table(stops: Sequence[_Stop]) -> Table:
    rows = (
        ("the stop is answered", [each.answered for each in stops]),
        ("the stream's terminal event", [each.told for each in stops]),
        ("the stream's end", [each.ended for each in stops]),
    )
    return Table(
        f"Following: milliseconds from POST …/stop, {len(stops)} generations",
        ("until", "p50", "p99", "max"),
        tuple(
            (name, *(percentile(times, percent) for percent in (50, 99, 100)))
            for name, times in rows
        ),
        (
            f"up to {AT_ONCE} generations run at once, 20 events a second each; stopped at any "
            f"point of the {Timing.chunk_every:g} s after which the producer looks",
        ),
    )


def _p99(stops: Sequence[_Stop]) -> float:
    return percentile((each.ended for each in stops), 99)


# Readers


async def _readers(
    say: Progress, server: DevServer, moto: Backend, plan: Plan, count: int
) -> _Reading:
    say(f"{count} readers of one generation")
    async with _client(server) as client:
        conversation = await _new(client)
    path = f"{CONVERSATIONS}/{conversation}/messages/stream"
    asking = {"content": f"stream {plan.events} {plan.pause}"}
    await _leave(server, request(server.url, path, asking, server.auth))
    following = request(server.url, path, None, server.auth, "GET")
    patience = plan.events * plan.pause + PATIENCE

    async def one(number: int) -> Answer:
        await asyncio.sleep(number * plan.spread / count)
        return await ask_among(server.url, following, patience)

    pids = server.process.pid, moto.pid
    used, before, began = [cpu(pid).all for pid in pids], moto.calls(), time.monotonic()
    ended = await asyncio.gather(*map(one, range(count)), return_exceptions=True)
    calls, seconds = moto.calls() - before, time.monotonic() - began
    gateway, table = (cpu(pid).all - so_far for pid, so_far in zip(pids, used, strict=True))
    answers = [each for each in ended if isinstance(each, Answer)]
    readers = [_reader(each) for each in answers if _is_whole(each, plan.events)]
    if not readers:
        raise RuntimeError(f"no reader got every event: {ended[0]!r:.500}")
    reads = sum(calls[operation] for operation in ("Query", "GetItem", "BatchGetItem"))
    return _Reading(count, readers, reads, seconds, gateway, table)


async def _leave(server: DevServer, sent: bytes) -> None:
    """Have an answer begun, and go away at its first text."""
    place = urlsplit(server.url)
    reading, writing = await asyncio.open_connection(place.hostname, place.port)
    try:
        writing.write(sent)
        await reading.readuntil(b'"ai_chunk"')
    finally:
        writing.close()


def _is_whole(answer: Answer, events: int) -> bool:
    """Whether all texts came, in order and once, and the end of it."""
    found = answer.events()
    texts = [event.sent for event in found if event.sent is not None]
    return len(texts) == events == len(set(texts)) and texts == sorted(texts) and _done(answer)


def _done(answer: Answer) -> bool:
    *_, last, done = answer.events()
    return b'"ai_complete"' in last.data and done.data == b"data: [DONE]"


def _reader(answer: Answer) -> _Reader:
    sent = [(each.at, each.sent) for each in answer.events() if each.sent is not None]
    behind = [1000 * (at - max(said, answer.asked)) for at, said in sent]
    return _Reader(behind, 1000 * (answer.pieces[-1][0] - sent[-1][1]))


def _reader_table(readings: Sequence[_Reading], plan: Plan, most: float) -> Table:
    def row(reading: _Reading) -> tuple[str | float, ...]:
        events = [each for reader in reading.readers for each in reader.behind]
        ends = [reader.end for reader in reading.readers]
        return (
            f"{reading.count}",
            reading.count - len(reading.readers),
            *(percentile(events, percent) for percent in (50, 99, 100)),
            sum(worst > 1000 * MOST_SECONDS for worst in reading.worsts),
            *(percentile(ends, percent) for percent in (50, 100)),
            reading.calls / reading.seconds,
            reading.calls / reading.seconds / reading.count,
            100 * reading.gateway / reading.seconds,
            100 * reading.moto / reading.seconds,
        )

    return Table(
        "Following: milliseconds that readers are behind the one producer",
        (
            *(
                "readers",
                "failed",
                "events p50",
                "p99",
                "worst",
                f"readers over {MOST_SECONDS:g} s",
            ),
            *("end p50", "worst", "reads a second", "a reader", "gateway, %", "moto, %"),
        ),
        tuple(map(row, readings)),
        (
            f"{plan.events} events {1000 * plan.pause:g} ms apart; the producer's client has gone",
            "what was said before a reader came counts from when it asked; the end counts from the "
            "last event, and comes a look later",
            "reads are calls, the producer's own included; at the end each reader makes five",
            "per cent of one processor; all readers are in one process here, on Lambda each in "
            "its own",
            f"moto's ceiling on this machine, now: {most:,.0f} calls a second",
        ),
    )


def _client(server: DevServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, headers=server.auth, timeout=PATIENCE)


async def _new(client: httpx.AsyncClient) -> str:
    """The id of a conversation."""
    made = await client.post(CONVERSATIONS, json={"title": "bench"})
    identity: str = made.raise_for_status().json()["data"]["id"]
    return identity


# Units


async def _all_looks(say: Progress, plan: Plan) -> list[_Looks]:
    patched.patch()
    with mock_aws():
        stores.create(
            template.load(os.environ["AWS_REGION"], os.environ),
            boto3.client("dynamodb"),
            boto3.client("s3"),
        )
        scribe, looks = Scribe(), []
        for name, rate in (
            ("nothing comes", 0),
            ("40 tokens come a second", 40),
            ("400 tokens come a second", 400),
        ):
            say(f"read units while {name}")
            looks.append(await _looks(scribe, name, rate, plan.looks))
    return looks


async def _looks(scribe: Scribe, name: str, rate: int, count: int) -> _Looks:
    """Follow an answer to which so many tokens are added a second, for so many looks."""
    turn = scribe.send(scribe.stored())
    generations.begin(turn, time.time() + 600)
    generation = turn.messages[-1].id
    engine = Engine(FakeModels(), timing=Timing(poll=Timing.poll / SPEED))
    reader = await attach(engine, OWNER, generation, time.time() + 600)
    seen = 0

    async def follow() -> None:
        async for _ in reader.events():
            nonlocal seen
            seen += 1

    with measured() as cost:
        tasks = [asyncio.create_task(follow()), asyncio.create_task(_write(generation, rate))]
        while cost.operations.count("Query") < count:  # noqa: ASYNC110  # calls are in threads
            await asyncio.sleep(Timing.poll / SPEED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if rate and seen < 2:
        raise RuntimeError("the reader saw nothing")
    return _Looks(name, cost.operations.count("Query"), cost.read_units)


async def _write(generation: str, rate: int) -> None:
    """The log of an answer, as its producer writes it."""
    each, number = int(rate * Timing.chunk_every), 0
    while each:
        number += 1
        first, now = (number - 1) * each + 1, time.time()
        events = [Produced(first + n, int(1000 * now), Text("word ")) for n in range(each)]
        await asyncio.to_thread(generations.log, generation, number, events, now)
        await asyncio.sleep(Timing.chunk_every / SPEED)


def _unit_table(looks: Sequence[_Looks]) -> Table:
    return Table(
        "Following: read units of one reader",
        ("while", "looks", "units a look", "units a second"),
        tuple(
            (each.name, each.count, each.units / each.count, each.units_a_second) for each in looks
        ),
        (
            f"a look each {Timing.poll:g} s, {SPEED} times as fast here; "
            f"a chunk is written each {Timing.chunk_every:g} s",
        ),
    )

"""What the streaming runtime adds to an event: of a processor, and of the time from the app's send
until Lambda has it.

The runtime runs as on Lambda, in a process of its own; this one is its Runtime API, and reads. By
turns, the same app sends the same events through the runtime, and through a bare socket.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import processes
from bench.client import Pieces, events_in, receive
from bench.progress import Progress
from bench.statistic import median, percentile
from bench.streamed_app import ADDRESS, BARE, NOWHERE, RUNTIME
from bench.table import Cell, Result, Table, Target
from tests.streaming.runtime_api import event, reply

WAYS = {NOWHERE: "nowhere", BARE: "bare socket", RUNTIME: "the runtime"}
CPU_MS, DELAY_MS = 0.1, 2.0  # of an event
_MAIN = processes.ROOT / "layers" / "streaming" / "streaming" / "__main__.py"
_FOREIGN = ("AWS_", "LAMBDA_", "PYTHON")
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Plan:
    """`events` come `fast` times in one go, `paced_events` come `paced` times with `pause` seconds
    between them.
    """

    fast: int
    paced: int
    events: int = 20_000
    paced_events: int = 2_000
    pause: float = 0.002


FULL, SMALLEST = Plan(fast=5, paced=2), Plan(fast=1, paced=1, events=100, paced_events=20)


@dataclass(frozen=True)
class _Stream:
    """Microseconds on the processor for each send; milliseconds from the sends to here."""

    used: float
    delays: Sequence[float]


@dataclass
class _Series:
    """All streams of one kind, by their ways."""

    streams: dict[str, list[_Stream]] = field(default_factory=lambda: {way: [] for way in WAYS})

    def used(self, way: str) -> float:
        """Without what it costs to measure."""
        return median(
            stream.used - nothing.used
            for stream, nothing in zip(self.streams[way], self.streams[NOWHERE], strict=True)
        )

    def delay(self, way: str, percent: float) -> float:
        return percentile((d for stream in self.streams[way] for d in stream.delays), percent)


class _RuntimeApi:
    """As much of it as one runtime needs that does not fail."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(_PATIENCE)
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._kept: socket.socket | None = None  # on which the runtime asks for events

    def invoke(self, query: Mapping[str, str]) -> tuple[Pieces, Pieces]:
        """Hand out an event. What has come past the runtime, if anything, and its response."""
        self._kept = self._kept or self._accept()
        _receive_head(self._kept)
        self._kept.sendall(_next(query))
        past: Pieces = ()
        while True:
            with self._accept() as connection:
                pieces = receive(connection)
                if pieces[0][1].startswith(b"POST /bare "):
                    past = pieces
                    continue
                connection.sendall(reply(202, {"Content-Length": "0"}, b""))
                return past, pieces

    def _accept(self) -> socket.socket:
        connection, _ = self._server.accept()
        connection.settimeout(_PATIENCE)
        return connection

    def close(self) -> None:
        for each in (self._kept, self._server):
            if each:
                each.close()


def _receive_head(connection: socket.socket) -> None:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += (data := connection.recv(4096))
        if not data:
            raise ConnectionError("the runtime has ended")


def _next(query: Mapping[str, str]) -> bytes:
    """The answer to a request for an event."""
    values = {name: [value] for name, value in query.items()}
    given = event(queryStringParameters=query, multiValueQueryStringParameters=values)
    body = json.dumps(given).encode()
    head = {
        "Lambda-Runtime-Aws-Request-Id": "bench",
        "Lambda-Runtime-Deadline-Ms": str(int(1000 * (time.time() + _PATIENCE))),
        "Content-Length": str(len(body)),
    }
    return reply(200, head, body)


def run(say: Progress, plan: Plan = FULL) -> Result:
    with _runtime() as api:
        fast = _series(say, api, "as fast as it goes", plan.fast, plan.events, 0)
        paced = _series(say, api, "paced", plan.paced, plan.paced_events, plan.pause)
    return Result((_table(fast, paced, plan),), _targets(fast, paced, plan))


@contextmanager
def _runtime() -> Iterator[_RuntimeApi]:
    """The runtime, started as its wrapper does it, and the Runtime API that it talks to."""
    api = _RuntimeApi()
    environ = processes.bare(os.environ, *_FOREIGN) | {
        ADDRESS: api.address,
        "LAMBDA_TASK_ROOT": str(processes.ROOT),
        "_HANDLER": "bench.streamed_app.handler",
    }
    command = [sys.executable, "-P", str(_MAIN), "/opt"]
    try:
        with processes.stopped(subprocess.Popen(command, env=environ, text=True)):
            yield api
    finally:
        api.close()


def _series(
    say: Progress, api: _RuntimeApi, title: str, rounds: int, events: int, pause: float
) -> _Series:
    series = _Series()
    for way in WAYS:
        say(f"{title}, warming up")
        _stream(api, way, events // 10, pause)
    for number in range(rounds):
        for way in WAYS:
            say(f"{title}, round {number + 1} of {rounds}, {WAYS[way]}")
            series.streams[way].append(_stream(api, way, events, pause))
    return series


def _stream(api: _RuntimeApi, way: str, count: int, pause: float) -> _Stream:
    """Have so many events sent. Raises RuntimeError if there are not so many."""
    query = {"way": way, "events": str(count), "pause": str(pause)}
    past, response = api.invoke(query)
    *sent, last = events_in(response)
    if way == BARE:
        sent = events_in(past)
    delays = [1000 * (event.at - event.sent) for event in sent if event.sent is not None]
    if len(delays) != (0 if way == NOWHERE else count):
        raise RuntimeError(f"{WAYS[way]}: {len(delays)} events")
    used: float = json.loads(last.data.partition(b"data: ")[2])["used"]
    return _Stream(1e6 * used / count, delays)


def _table(fast: _Series, paced: _Series, plan: Plan) -> Table:
    def row(way: str) -> tuple[Cell, ...]:
        p50, p99, worst = (paced.delay(way, percent) for percent in (50, 99, 100))
        return (
            WAYS[way],
            *(each for s in (fast, paced) for each in (s.used(way), s.used(way) / s.used(BARE))),
            *(p50, p99, p99 / paced.delay(BARE, 99), worst),
        )

    return Table(
        "Runtime: microseconds of a processor for an event, and milliseconds until Lambda has it",
        (
            *("way", "CPU, fast", "÷ peer's", "CPU, paced", "÷ peer's"),
            *("delay p50", "p99", "÷ peer's", "max"),
        ),
        (row(BARE), row(RUNTIME)),
        (
            f"fast: {plan.events:,} events as fast as the app can send: some leave together",
            f"paced: {plan.paced_events:,} events {1000 * plan.pause:g} ms apart",
            "delay: from the app's send until another process has read it off its socket, paced",
        ),
    )


def _targets(fast: _Series, paced: _Series, plan: Plan) -> tuple[Target, ...]:
    return (
        Target("CPU of the runtime for an event, ms", fast.used(RUNTIME) / 1000, CPU_MS),
        Target(
            f"the same where they are {1000 * plan.pause:g} ms apart",
            paced.used(RUNTIME) / 1000,
            CPU_MS,
        ),
        Target("from the app's send to Lambda, p99, ms", paced.delay(RUNTIME, 99), DELAY_MS),
    )

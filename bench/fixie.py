"""A long answer on the Fixie surface, whose lines have all of it each time, for a client that reads
slowly: what it costs the server, by the answer's length.

`make dev` serves it, with the demo model as fast as it can, and at a pace at which there is time
for many lines. The one has most of the answer there before the client has read its beginning; the
other has the client behind all the time.
"""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.client import request
from bench.processes import Cpu, cpu
from bench.progress import Progress
from bench.table import Result, Table, Target
from tests.dev_server import DevServer

START = "/api/v1/agents/demo/conversations"
_LAST = b"0\r\n\r\n"
_BUFFER = 16 * 1024  # bytes that the client's kernel takes ahead of it


@dataclass(frozen=True)
class Plan:
    """Answers of so many tokens, each so often, from models of so many tokens a second (0: as fast
    as it goes); the client takes so many bytes a second.
    """

    tokens: Sequence[int] = (2_000, 20_000)
    repeats: int = 3
    speeds: Sequence[int] = (0, 1_500)
    bytes_per_second: int = 100_000


FULL, SMALLEST = Plan(), Plan(tokens=(20, 200), repeats=1, speeds=(0, 1_000))


@dataclass(frozen=True)
class _Run:
    """One answer: what the server worked on it, and what came over the wire."""

    cpu: Cpu
    seconds: float
    bytes: int
    lines: int


def run(say: Progress, plan: Plan = FULL) -> Result:
    best = {speed: _best(say, plan, speed) for speed in plan.speeds}
    table = Table(
        f"Fixie: an answer to a client that takes {plan.bytes_per_second:,} bytes a second",
        (
            *("answer", "tokens", "CPU, ms", "ms a thousand tokens", "with the rest"),
            *("seconds", "lines", "bytes"),
        ),
        tuple(
            (
                _paced(speed),
                tokens,
                1000 * each.cpu.first,
                1_000_000 * each.cpu.first / tokens,
                1_000_000 * each.cpu.all / tokens,
                each.seconds,
                each.lines,
                each.bytes,
            )
            for speed, runs in best.items()
            for tokens, each in runs.items()
        ),
        ("CPU: of the event loop's thread, where the function runs; the rest: moto, the SDK",),
    )
    short, long = plan.tokens[0], plan.tokens[-1]
    return Result(
        (table,),
        tuple(
            Target(
                f"CPU of {long / short:g} times the length, {_paced(speed)}",
                runs[long].cpu.first / runs[short].cpu.first,
                1.2 * long / short,
            )
            for speed, runs in best.items()
        ),
    )


def _paced(speed: int) -> str:
    return f"{speed:,} tokens a second" if speed else "as fast as it goes"


def _best(say: Progress, plan: Plan, speed: int) -> dict[int, _Run]:
    """The run of each length that took the least of a processor."""
    say("starting `make dev`")
    runs: dict[int, list[_Run]] = {tokens: [] for tokens in plan.tokens}
    with DevServer({"REPRISE_DEMO_TOKENS_PER_SECOND": str(speed)}) as server:
        _answer(server, plan, plan.tokens[0])  # loads the function
        for _ in range(plan.repeats):
            for tokens in plan.tokens:
                say(f"{tokens:,} tokens, {_paced(speed)}")
                runs[tokens].append(_answer(server, plan, tokens))
    return {tokens: min(each, key=lambda run: run.cpu.first) for tokens, each in runs.items()}


def _answer(server: DevServer, plan: Plan, tokens: int) -> _Run:
    sent = request(server.url, START, {"message": f"count to {tokens}"}, server.auth)
    host, _, port = urlsplit(server.url).netloc.partition(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        connection.settimeout(60)
        connection.connect((host, int(port)))
        before, began = cpu(server.process.pid), time.monotonic()
        connection.sendall(sent)
        came = bytearray()
        while not came.endswith(_LAST):
            piece = connection.recv(_BUFFER)
            if not piece:
                raise ConnectionError("closed before its end")
            came += piece
            due = began + len(came) / plan.bytes_per_second
            time.sleep(max(0.0, due - time.monotonic()))
        seconds = time.monotonic() - began
        used = cpu(server.process.pid) - before
    if not came.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"answered {bytes(came[:500])!r}")
    return _Run(used, seconds, len(came), came.count(b"}\n"))

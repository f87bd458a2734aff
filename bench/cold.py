"""From a fresh interpreter to its first DynamoDB answer, function by function.

A cold start on Lambda is mostly this. Imports come from bytecode, as `make build` deploys them, and
are compared with those of what the project's owner fixed, bare, in the same rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.backend import backend
from bench.progress import Progress
from bench.statistic import median
from bench.table import Result, Table, Target
from local import template
from local.template import Function, Template

BARE = ("fastapi", "mangum", "pynamodb.models", "aws_lambda_powertools", "httpx")
BARE_EVERY = 3  # functions
STREAMING, READS, ANSWER = 1.3, 1.0, 1.6  # times the bare import
ANSWERED = ("import", "client", "call")
ASKING = "streaming write"  # the kind of function that calls models
_SCRIPT = Path(__file__).with_name("first_answer.py")
_FOREIGN = ("AWS_", "PYTHON", "OPENROUTER_", "REPRISE_")


@dataclass(frozen=True)
class Plan:
    rounds: int
    most_functions: int | None = None


FULL, SMALLEST = Plan(rounds=3), Plan(rounds=1, most_functions=1)

Seconds = Mapping[str, float]


@dataclass(frozen=True)
class _Run:
    """One start of one function, and the bare import that was measured nearest to it."""

    seconds: Seconds
    bare: float


@dataclass(frozen=True)
class _Start:
    """All starts of a function. Each is compared with its own bare import: what slows a machine
    down for a while meets both.
    """

    handler: str
    kind: str
    runs: Sequence[_Run]

    def seconds(self, *steps: str) -> float | None:
        """Of these steps together; None where one of them was not taken."""
        if any(step not in self.runs[0].seconds for step in steps):
            return None
        return median(sum(run.seconds[step] for step in steps) for run in self.runs)

    def ratio(self, *steps: str) -> float:
        return median(sum(run.seconds[step] for step in steps) / run.bare for run in self.runs)


def run(say: Progress, plan: Plan = FULL) -> Result:
    design = template.load("us-east-1", os.environ)
    functions = design.functions[: plan.most_functions]
    bare: list[float] = []
    deployed: list[float] = []
    runs: dict[str, list[_Run]] = {function.handler: [] for function in functions}
    with backend() as moto, tempfile.TemporaryDirectory() as bytecode:
        environ = {
            **processes.bare(os.environ, *_FOREIGN),
            **moto.environ,
            **design.environment,
            "OPENROUTER_API_KEY": "bench",
            "PYTHONPYCACHEPREFIX": bytecode,  # whatever lies in the folders themselves
        }

        def start(function: Function) -> Seconds:
            until = "model" if kind(design, function) == ASKING else "answer"
            return _start(until, (function.handler.rpartition(".")[0],), environ)

        say("compiling")
        for function in functions:
            start(function)
        _start("import", BARE, environ)
        for number in range(plan.rounds):
            deployed.append(_start("import-deployed", BARE, environ)["import"])
            for position, function in enumerate(functions):
                say(f"round {number + 1} of {plan.rounds}, {function.handler}")
                if position % BARE_EVERY == 0:
                    bare.append(_start("import", BARE, environ)["import"])
                runs[function.handler].append(_Run(start(function), bare[-1]))
    starts = [_Start(each.handler, kind(design, each), runs[each.handler]) for each in functions]
    return Result((_table(starts, median(bare), median(deployed)),), _targets(starts))


def _start(until: str, modules: tuple[str, ...], environ: Mapping[str, str]) -> Seconds:
    command = [sys.executable, "-P", str(_SCRIPT), until, *modules]
    ended = subprocess.run(
        command, cwd=processes.ROOT, env=environ, check=True, capture_output=True, timeout=60
    )
    seconds: Seconds = json.loads(ended.stdout)
    return seconds


def kind(design: Template, function: Function) -> str:
    """What a function does, in two words, or one where no client calls it."""
    for route in design.routes:
        if route.function == function:
            read = "read" if route.method == "GET" else "write"
            return f"streaming {read}" if route.streaming else f"plain {read}"
    return "worker"


def _table(starts: Iterable[_Start], bare: float, deployed: float) -> Table:
    rows = [
        (
            start.handler.removesuffix(".handler"),
            start.kind,
            *(_ms(start.seconds(step)) for step in ("import", "client", "call")),
            _ms(start.seconds(*ANSWERED)),
            round(start.ratio("import"), 2),
            round(start.ratio(*ANSWERED), 2),
            _ms(start.seconds("model")),
        )
        for start in starts
    ]
    nothing = (None,) * 3
    return Table(
        "Cold start: milliseconds from a fresh interpreter to its first DynamoDB answer",
        (
            *("function", "kind", "import", "client", "call", "answer"),
            *("import ÷ bare", "answer ÷ bare", "model client"),
        ),
        (
            ("bare import", "peer", _ms(bare), *nothing, 1, None, None),
            ("… as deployed", "peer", _ms(deployed), *nothing, deployed / bare, None, None),
            *rows,
        ),
        (
            f"bare import: {', '.join(BARE)}",
            "… as deployed: without httpx's command line, which only tools in .venv bring to life",
            "model client: what the first call of a model adds, its HTTP client's import included, "
            "as deployed",
            "medians of processor time, the call's elapsed; from bytecode, as deployed",
            "DynamoDB is moto on loopback, so its call lacks a network and TLS",
        ),
    )


def _targets(starts: Iterable[_Start]) -> tuple[Target, ...]:
    def worst(kind: str, *steps: str) -> float:
        return max((s.ratio(*steps) for s in starts if s.kind.startswith(kind)), default=0.0)

    return (
        Target("import of a streaming function ÷ bare", worst("streaming", "import"), STREAMING),
        Target("import of a plain read ÷ bare", worst("plain read", "import"), READS),
        Target("first DynamoDB answer ÷ bare import", worst("", *ANSWERED), ANSWER),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)

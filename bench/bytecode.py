"""Importing each function from what `make build` ships: with its bytecode, without, and beside the
bare import.

Staged as for Lambda, in Lambda's version of Python where this machine has one, with nothing else on
`sys.path`. Copies without bytecode are what SAM's own builders leave.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import processes
from bench.cold import ASKING, BARE, BARE_EVERY, Plan, kind
from bench.progress import Progress
from bench.statistic import median
from bench.table import Cell, Result, Table, Target
from local import template
from local.build import target as build
from local.build.stage import DEPENDENCIES, Staged, stage
from tests.build import importing

FASTER, BESIDE_BARE = 3.0, 1.3  # times
_SCRIPT = Path(__file__).with_name("first_answer.py")
_FOREIGN = ("AWS_", "PYTHON", "REPRISE_")

FULL, SMALLEST = Plan(rounds=5), Plan(rounds=1, most_functions=1)


@dataclass(frozen=True)
class _Function:
    module: str
    layers: Sequence[str]
    asks: bool  # models

    @property
    def bare(self) -> tuple[str, ...]:
        return BARE if self.asks else tuple(name for name in BARE if name != "httpx")


@dataclass(frozen=True)
class _Round:
    """Seconds of imports that were measured close together: what slows a machine down for a while
    meets all of them.
    """

    shipped: float
    source: float
    bare: float


@dataclass
class _Imports:
    """All imports of a function."""

    function: _Function
    rounds: list[_Round] = field(default_factory=list)

    def ms(self, way: str) -> float:
        middle: float = median(getattr(each, way) for each in self.rounds)
        return 1000 * middle

    @property
    def faster(self) -> float:
        return median(each.source / each.shipped for each in self.rounds)

    @property
    def beside_bare(self) -> float:
        return median(each.shipped / each.bare for each in self.rounds)


@dataclass(frozen=True)
class _Importer:
    """Fresh interpreters that import from what is staged, and write no bytecode."""

    python: Path
    environ: Mapping[str, str]

    def seconds(self, staged: Staged, layers: Iterable[str], modules: Iterable[str]) -> float:
        """On the processor."""
        # -S: no packages but those that are staged
        command = [str(self.python), "-S", "-P", "-B", str(_SCRIPT), "import", *modules]
        environ = {**self.environ, "PYTHONPATH": os.pathsep.join(staged.sys_path(layers))}
        ended = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, timeout=60)
        seconds: float = json.loads(ended.stdout)["import"]
        return seconds


def run(say: Progress, plan: Plan = FULL) -> Result:
    design = template.load("us-east-1", os.environ)
    functions = [
        _Function(
            function.handler.rpartition(".")[0],
            importing.layers()[function.handler],
            kind(design, function) == ASKING,
        )
        for function in design.functions[: plan.most_functions]
    ]
    target = _target()
    environ = {**processes.bare(os.environ, *_FOREIGN), **design.environment}
    importer = _Importer(target.python, environ)
    imports = [_Imports(function) for function in functions]
    with tempfile.TemporaryDirectory() as folder:
        shipped = stage(target, Path(folder, "shipped"), say)
        source = _without_bytecode(shipped, Path(folder, "source"))
        for number in range(plan.rounds):
            for position, each in enumerate(imports):
                say(f"round {number + 1} of {plan.rounds}, {each.function.module}")
                if position % BARE_EVERY == 0:
                    bare = {
                        modules: importer.seconds(shipped, [DEPENDENCIES], modules)
                        for modules in {function.bare for function in functions}
                    }
                module, layers = [each.function.module], each.function.layers
                each.rounds.append(
                    _Round(
                        importer.seconds(shipped, layers, module),
                        importer.seconds(source, layers, module),
                        bare[each.function.bare],
                    )
                )
    return Result((_table(imports, target.version),), _targets(imports))


def _target() -> build.Target:
    """Packages and bytecode for this machine, and for Lambda's Python if one is here."""
    try:
        on_lambda = build.Target.on_lambda(build.this_machine(), os.environ)
    except build.CannotBuild:
        return build.Target.here()
    return replace(on_lambda, platform=None)


def _without_bytecode(staged: Staged, into: Path) -> Staged:
    shutil.copytree(staged.root, into, ignore=shutil.ignore_patterns("__pycache__"))
    return Staged(into)


def _table(imports: Iterable[_Imports], python: str) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            each.function.module,
            "yes" if each.function.asks else "no",
            *(round(each.ms(way), 1) for way in ("shipped", "source", "bare")),
            round(each.faster, 2),
            round(each.beside_bare, 2),
        )
        for each in imports
    ]
    return Table(
        f"Bytecode: milliseconds to import what is shipped, by Python {python}",
        (
            *("function", "asks models", "shipped", "without bytecode", "bare"),
            *("without ÷ shipped", "shipped ÷ bare"),
        ),
        tuple(rows),
        (
            "medians of processor time, and of the ratios within each round",
            f"bare: {', '.join(BARE)}, the last where a function asks models and then loads it",
            "the standard library has its bytecode either way",
            *(
                []
                if python == build.LAMBDA
                else [f"Lambda's is {build.LAMBDA}: not on this machine"]
            ),
        ),
    )


def _targets(imports: Sequence[_Imports]) -> tuple[Target, ...]:
    return (
        Target(
            "import without bytecode ÷ as shipped, of any function",
            min(each.faster for each in imports),
            least=FASTER,
        ),
        Target(
            "import as shipped ÷ bare import, of any function",
            max(each.beside_bare for each in imports),
            BESIDE_BARE,
        ),
    )

"""Searching a corpus, the first time and again; and how long a PDF keeps somebody waiting.

The table and the bucket are moto in a process of its own; each first search is in a process of its
own, too, with nothing kept on disk.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench import processes
from bench.backend import backend
from bench.progress import Progress
from bench.statistic import median, percentile
from bench.table import Cell, Result, Table, Target
from local import template
from tests.knowledge import pdfs

COLD, WARM = 1.0, 0.030  # seconds
UPLOAD, REFUSAL = 6.0, 10.0  # seconds
MEMORY = 512e6  # bytes
PROCESSES = 2  # that read a long PDF
_SEARCH, _READ = (Path(__file__).with_name(name) for name in ("first_search.py", "read_pdf.py"))
_FOREIGN = ("AWS_", "BEDROCK_", "BUCKET_NAME", "OPENROUTER_", "PYTHON", "REPRISE_", "TABLE_NAME")


@dataclass(frozen=True)
class Plan:
    rounds: int
    corpus_pages: int
    pdf_pages: int
    pdf_bytes: int
    most_harm: int | None = None  # of the PDFs that are to be refused; None: all


FULL, SMALLEST = Plan(5, 1_000, 300, 10_000_000), Plan(1, 20, 10, 100_000, most_harm=1)


def run(say: Progress, plan: Plan = FULL) -> Result:
    search_table, search_targets = _search(say, plan)
    pdf_table, pdf_targets = _pdfs(say, plan)
    return Result((search_table, pdf_table), (*search_targets, *pdf_targets))


def _call(script: Path, *arguments: str, **environ: str) -> dict[str, Any]:
    called = subprocess.run(
        [sys.executable, "-P", str(script), *arguments],
        cwd=processes.ROOT,
        env=processes.bare(os.environ, *_FOREIGN) | environ,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    told: dict[str, Any] = json.loads(called.stdout)
    return told


# Search


def _search(say: Progress, plan: Plan) -> tuple[Table, tuple[Target, ...]]:
    names = template.load("us-east-1", {}).environment
    with backend() as moto:
        say(f"making a corpus of {plan.corpus_pages:,} pages")
        made = _call(_SEARCH, "make", str(plan.corpus_pages), **names, **moto.environ)
        runs = []
        for number in range(plan.rounds):
            say(f"searching, round {number + 1} of {plan.rounds}")
            with tempfile.TemporaryDirectory() as empty:
                environ = {**names, **moto.environ, "TMPDIR": empty}
                runs.append(_call(_SEARCH, "search", made["owner"], made["id"], **environ))

    def all_of(name: str) -> list[float]:
        return [run[name] for run in runs]

    later = [seconds for run in runs for seconds in run["later"]]
    gets = [seconds for run in runs for seconds in run["get"]]
    cold = [run["import"] + run["first"] for run in runs]
    table = Table(
        f"Search in a corpus of {plan.corpus_pages:,} pages: milliseconds",
        ("", "median", "largest"),
        (
            _row("first search, from a fresh interpreter", cold),
            _row("  of it, imports", all_of("import")),
            _row("  of it, the search", all_of("first")),
            _row("peer: the bucket gives the index", all_of("fetch")),
            _row("later searches", later),
            _row("peer: the table gives an item", gets),
        ),
        (
            f"{made['characters'] / 1e6:.1f} MB of text, whose index has "
            f"{runs[0]['bytes'] / 1e6:.1f} MB; adding it took {made['add']:.2f} s",
            "questions of 8 words, as often used as those of the text",
            "the table and the bucket are moto on loopback, so they lack a network and TLS",
        ),
    )
    return table, (
        Target("first search of a corpus, cold: seconds", max(cold), COLD),
        Target("later searches, 99 of 100: seconds", percentile(later, 99), WARM),
    )


def _row(name: str, seconds: list[float]) -> tuple[Cell, ...]:
    return (name, round(median(seconds) * 1000, 1), round(max(seconds) * 1000, 1))


# PDFs

_LINE = "Reprise keeps every version of every answer, and nothing that was said is lost."
_LINES = [_LINE] * 40


def _uploads(plan: Plan) -> Iterator[tuple[str, Callable[[], bytes]]]:
    noise = Random(1).randbytes(1_000_000)
    for name, page in (("lines", pdfs.shown(_LINES)), ("kerned words", pdfs.kerned(_LINES))):
        whole = [page] * plan.pdf_pages
        yield name, lambda whole=whole: pdfs.book(whole, plan.pdf_bytes, noise)  # type: ignore[misc]


_HARM: Mapping[str, Callable[[], bytes]] = {
    "unfolds to 300 MB": lambda: pdfs.unfolding(300_000_000),
    "unfolds to 300 MB, three times packed": lambda: pdfs.unfolding(300_000_000, 3),
    "100,000 pages": lambda: pdfs.many_pages(100_000, 100_000),
    "a million operators": lambda: pdfs.long_page(1_000_000),
}


def _pdfs(say: Progress, plan: Plan) -> tuple[Table, tuple[Target, ...]]:
    rows: list[tuple[Cell, ...]] = []
    waits, refusals, memory = [], [], []
    names = template.load("us-east-1", {}).environment
    with tempfile.TemporaryDirectory() as folder, backend() as moto:
        file = Path(folder, "file.pdf")
        for name, make in _uploads(plan):
            say(f"a PDF: {name}")
            file.write_bytes(make())
            runs = [_call(_READ, "ours", str(file)) for _ in range(plan.rounds)]
            peer = median(_call(_READ, "pypdf", str(file))["seconds"] for _ in range(plan.rounds))
            waits.append(max(run["seconds"] for run in runs))
            memory.append(PROCESSES * max(run["bytes"] for run in runs))
            seconds = median(run["seconds"] for run in runs)
            told = next((run["reason"] for run in runs if run["reason"]), "its text")
            rows.append(
                (f"{plan.pdf_pages} pages of {name}", seconds, peer, memory[-1] / 1e6, told)
            )
            environ = {**names, **moto.environ}
            runs = [_call(_READ, "upload", str(file), **environ) for _ in range(plan.rounds)]
            waits.append(max(run["seconds"] for run in runs))
            memory.append(max(run["own"] + PROCESSES * run["bytes"] for run in runs))
            seconds = median(run["seconds"] for run in runs)
            told = next((run["reason"] for run in runs if run["reason"]), "its text and index")
            rows.append(("  as an upload", seconds, None, memory[-1] / 1e6, told))
        for name, make in list(_HARM.items())[: plan.most_harm]:
            say(f"a PDF: {name}")
            file.write_bytes(make())
            told_ = _call(_READ, "ours", str(file))
            refusals.append(told_["seconds"])
            memory.append(told_["bytes"])
            rows.append((name, told_["seconds"], None, memory[-1] / 1e6, told_["reason"]))
    table = Table(
        f"PDFs, those to be read of {plan.pdf_bytes / 1e6:g} MB: seconds until the answer",
        ("", "seconds", "peer: pypdf alone", "MB of memory", "answer"),
        tuple(rows),
        (
            "peer: in the same process, without limits; MB: of all processes that read it",
            "as an upload: from the bucket until the table says that it is ready, by the worker's "
            "own code, whose process counts",
        ),
    )
    return table, (
        Target("a PDF is read: seconds", max(waits), UPLOAD),
        Target("a PDF is refused: seconds", max(refusals), REFUSAL),
        Target("memory for a PDF: MB", max(memory) / 1e6, MEMORY / 1e6, timed=False),
    )

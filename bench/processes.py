"""Processes that a benchmark starts, and how much of a processor they use."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Cpu:
    """Seconds on a processor: of a process, and of its first thread, where event loops run."""

    all: float
    first: float

    def __sub__(self, before: "Cpu") -> "Cpu":
        return Cpu(self.all - before.all, self.first - before.first)

    @property
    def others(self) -> float:
        return self.all - self.first


def cpu(pid: int) -> Cpu:
    """What a process has used so far, to the nanosecond where Linux tells, else to 10 ms. Threads
    that have ended are counted to 10 ms.
    """
    threads = {int(thread): _of_thread(pid, thread) for thread in os.listdir(f"/proc/{pid}/task")}
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    living = sum(threads.values())
    # Ticks are coarse but do count the threads that are gone.
    return Cpu(living if abs(ticks - living) < 0.02 * max(1, len(threads)) else ticks, threads[pid])


def _of_thread(pid: int, thread: str) -> float:
    try:
        return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


@contextmanager
def running(
    module: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`python -m module` until the end of the context: the process, and the port that it listens
    on, which it has to print first. Raises RuntimeError if it does not.
    """
    with stopped(
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
    ) as process:
        assert process.stdout
        said = process.stdout.readline()
        if not (port := re.fullmatch(r"(\d+)\n", said)):
            raise RuntimeError(f"{module} did not start: {said!r}")
        yield process, int(port[1])


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Stop the process at the end of the context, whatever happens in it."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def bare(environ: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """An environment without the variables that begin so."""
    return {name: value for name, value in environ.items() if not name.startswith(prefixes)}

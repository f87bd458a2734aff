"""The Python and the machine that a build is for, and how to find that Python."""

import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shutil import which
from typing import Self

LAMBDA = "3.13"  # as in template.yaml's Runtime
SECONDS_TO_ANSWER = 30.0  # of a Python that is asked for its version
# Lambda's names of architectures, and uv's of what wheels for them are made for.
PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


class CannotBuild(Exception):
    """Something that a build needs is not here, or went wrong. The text is for the user."""


@dataclass(frozen=True)
class Target:
    """`python` is an interpreter of `version` ("3.13") on this machine, which writes the bytecode;
    `platform` is what the wheels are for, in uv's words, None for this machine.
    """

    python: Path
    version: str
    platform: str | None

    @classmethod
    def on_lambda(cls, architecture: str, environ: Mapping[str, str]) -> Self:
        """Raises CannotBuild for an unknown architecture, or without the Python of Lambda."""
        if architecture not in PLATFORMS:
            raise CannotBuild(f"ARCH={architecture} is none of {', '.join(PLATFORMS)}")
        return cls(_find(environ), LAMBDA, PLATFORMS[architecture])

    @classmethod
    def here(cls) -> Self:
        """This very Python, for a test of what is staged."""
        return cls(Path(sys.executable), f"{sys.version_info[0]}.{sys.version_info[1]}", None)


def this_machine() -> str:
    """Lambda's name of the architecture of this machine."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def _find(environ: Mapping[str, str]) -> Path:
    """A CPython of Lambda's version: bytecode is of one version only."""
    if chosen := environ.get("PYTHON313"):
        if not _fits(chosen):
            raise CannotBuild(f"PYTHON313={chosen} is not a CPython {LAMBDA}")
        return Path(chosen)
    for candidate in _candidates():
        if _fits(candidate):
            return Path(candidate)
    raise CannotBuild(
        f"make build needs a CPython {LAMBDA}, and none is here. Lambda runs it, and bytecode "
        f"is good for one version only. Install it (`uv python install {LAMBDA}` does), or set "
        f"PYTHON313=/path/to/python{LAMBDA}."
    )


def _candidates() -> Iterator[str]:
    yield sys.executable
    names = (f"python{LAMBDA}", "python3", "python")
    yield from filter(None, (which(name) for name in names))
    # where pyenv and uv keep theirs, on PATH or not
    home = Path.home()
    for found in chain(
        home.glob(f".pyenv/versions/{LAMBDA}.*/bin/python{LAMBDA}"),
        home.glob(f".local/share/uv/python/cpython-{LAMBDA}.*/bin/python{LAMBDA}"),
    ):
        yield str(found)


def _fits(python: str) -> bool:
    """Asked, because a version manager's shim is there and executable even if it starts nothing."""
    ask = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-I", "-c", ask],
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.split() == ["cpython", LAMBDA]

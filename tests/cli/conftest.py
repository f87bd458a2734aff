"""The command line, called in this process on the tests' own table."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.main import main


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Reprise = Callable[..., Outcome]


@pytest.fixture
def reprise(aws: None, capsys: pytest.CaptureFixture[str]) -> Reprise:
    """`reprise …`: its exit status and what it printed."""

    def run(*arguments: str) -> Outcome:
        status = 0
        capsys.readouterr()
        try:
            main(arguments)
        except SystemExit as exit_:
            # a text as the status is what Python prints on stderr at its exit, and means 1
            if isinstance(exit_.code, str):
                return Outcome(1, capsys.readouterr().out, exit_.code + "\n")
            status = exit_.code or 0
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run

"""Running SAM's command line from its own virtual environment."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.build.target import this_machine
from local.sam.template import ROOT

_SAM = ROOT / ".venv-sam" / "bin" / "sam"
SECONDS_TO_END = 180  # it removes one container after the other


@contextmanager
def sam(
    command: str, template: Path, *arguments: str, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`sam local <command>`, which is ended when this is left. It is out of reach of the terminal's
    Ctrl-C.

    Its temporary files are its own. Elsewhere it would keep a lock for the image that it builds,
    and if it was ended meanwhile, the next one would wait for that for five minutes.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = {
            "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "120",
            "SAM_CLI_TELEMETRY": "0",
            "TMPDIR": folder,
        }
        process = subprocess.Popen(
            [
                *(str(_SAM), "local", command, "--template", str(template)),
                *("--parameter-overrides", f"Architecture={this_machine()}"),
                "--skip-pull-image",  # it pulls what is not here, but does not ask after what is
                *arguments,
            ],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=stdout,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """By Ctrl-C's signal, at which it removes its containers; at others, not every command does."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()

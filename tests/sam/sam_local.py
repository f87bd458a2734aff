"""`python -m local.sam` in a process of its own, on ports of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local.sam.template import FUNCTIONS
from tests.dev_server import NOT_INHERITED, ROOT

SECONDS_TO_END = 600  # it lets sam remove its containers, one after the other


@contextmanager
def sam_local(
    *arguments: str, stderr: int | None = None, **settings: str
) -> Iterator["subprocess.Popen[str]"]:
    """Ended by Ctrl-C's signal when left, however that comes about: only so are its containers
    removed.
    """
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(NOT_INHERITED)
    }
    ours = {"REPRISE_DEMO_TOKENS_PER_SECOND": "0", "no_proxy": "*"}
    process = subprocess.Popen(
        [sys.executable, "-m", "local.sam", *arguments],
        cwd=ROOT,
        env=inherited | ours | settings,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,  # a Ctrl-C at the terminal is the tests'
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(SECONDS_TO_END)


def docker(*arguments: str) -> str:
    return subprocess.run(
        ("docker", *arguments), capture_output=True, text=True, check=True
    ).stdout.strip()


def containers() -> list[str]:
    """Ids of those that run the functions of this working copy."""
    ids = docker("ps", "--all", "--quiet", "--no-trunc").split()
    found = json.loads(docker("inspect", *ids)) if ids else []
    return [
        each["Id"]
        for each in found
        if any(bind.startswith(f"{FUNCTIONS}:") for bind in each["HostConfig"]["Binds"] or ())
    ]

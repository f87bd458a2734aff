"""`python -m local` in a process of its own, for tests and benchmarks."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
KEY = "rp_local-key-of-the-tests"

# A developer's own settings must not lead the tests to real tables or models.
NOT_INHERITED = (
    "AWS_",
    "BEDROCK_",
    "BUCKET_NAME",
    "OIDC_",
    "OPENROUTER_",
    "REPRISE_",
    "TABLE_NAME",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DevServer:
    """Started with free ports and ready when entered; stopped by Ctrl-C's signal when left, which
    has to end it cleanly.

        with DevServer({"REPRISE_DEMO_TOKENS_PER_SECOND": "50"}) as server:
            httpx.get(f"{server.url}/v1/chat/conversations", headers=server.auth)
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.api_key = KEY
        self.auth = {"authorization": f"Bearer {KEY}"}
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.aws_endpoint = f"http://127.0.0.1:{(aws_port := free_port())}"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)
        }
        self.environ = inherited | {
            "PORT": str(port),
            "AWS_PORT": str(aws_port),
            "REPRISE_LOCAL_API_KEY": KEY,
            **(env or {}),
        }
        self._lines: list[str] = []
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    @property
    def output(self) -> str:
        """What it has printed so far, errors included."""
        return "".join(self._lines)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal is the tests', not the server's
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._wait_until_ready(60)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status = self.stop()
        if error is None:
            assert status == 0, f"ended with {status}:\n{self.output}"

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.append(line)
            self._said.put(line)
        self._said.put(None)

    def _wait_until_ready(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (line := self._said.get(timeout=max(0.0, until - time.monotonic()))) is not None:
            if "Reprise is ready" in line:
                return
        raise RuntimeError(f"the local gateway ended at its start:\n{self.output}")

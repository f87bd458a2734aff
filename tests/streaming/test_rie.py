"""Under AWS's own emulator of the Runtime API, the one in SAM's command line. It gathers a response
and takes one event at a time, so this shows the protocol, not the timing.
"""

import json
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.streaming.opt import ROOT, make
from tests.streaming.runtime_api import event

_ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
_FOUND = sorted(
    ROOT.glob(
        f".venv-sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{_ARCHITECTURE}"
    )
)

pytestmark = pytest.mark.skipif(
    not _FOUND, reason="no aws-lambda-rie: `make .venv-sam/.synced` installs it with SAM's CLI"
)


class Emulator:
    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, content: Any) -> bytes:
        request = urllib.request.Request(self._url, json.dumps(content).encode())
        until = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(request, timeout=20) as response:
                    answer: bytes = response.read()
                    return answer
            except urllib.error.HTTPError as error:
                return error.read()
            except urllib.error.URLError:  # it does not listen yet
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    tree = make(tmp_path_factory.mktemp("lambda"))
    port, api = _free_port(), _free_port()
    addresses = [
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api}"),
    ]
    environment = tree.environment(f"127.0.0.1:{api}", "talk.handler")
    with (
        (tree.task.parent / "log").open("wb") as log,
        subprocess.Popen(
            [str(_FOUND[0]), *addresses, *tree.command],
            env=environment | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "20"},
            cwd=tree.task,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        yield Emulator(port)
        process.kill()


def test_it_takes_the_streamed_response(emulator: Emulator) -> None:
    metadata, _, content = emulator.invoke(event()).partition(bytes(8))

    assert json.loads(metadata) == {"statusCode": 200, "headers": {"x-a": "b"}}
    assert content == b"0 1 2 "


def test_it_takes_an_error_and_the_next_event(emulator: Emulator) -> None:
    failed = emulator.invoke(event(queryStringParameters={"fail": "1"}))

    assert json.loads(failed)["errorType"] == "LookupError"
    assert emulator.invoke(event()).endswith(b"0 1 2 ")


def test_it_takes_the_error_of_an_unknown_event(emulator: Emulator) -> None:
    assert json.loads(emulator.invoke({"Records": []}))["errorType"] == "Runtime.UnknownEvent"


def test_it_takes_megabytes(emulator: Emulator) -> None:
    answer = emulator.invoke(event(queryStringParameters={"bytes": "5000000"}))

    assert len(answer.partition(bytes(8))[2]) == 5_000_000

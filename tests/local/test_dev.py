"""`make dev` as a process: how it starts, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.dev_server import ROOT, DevServer, free_port

CHAT = "/v1/chat/conversations"


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    """`python -m local` where it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_a_taken_port_is_told_with_its_variable(taken: str) -> None:
    ended = run(PORT=taken, AWS_PORT=str(free_port()))

    assert ended.returncode == 1
    assert ended.stderr == f"Port {taken} is taken: set PORT to another\n"
    assert ended.stdout == ""


def test_a_taken_aws_port_is_told_before_anything_starts(taken: str) -> None:
    ended = run(PORT=str(free_port()), AWS_PORT=taken, AWS_ENDPOINT_URL="")

    assert ended.returncode == 1
    assert ended.stderr == f"Port {taken} is taken: set AWS_PORT to another\n"
    assert ended.stdout == ""


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    ended = run(PORT=port)

    assert ended.returncode == 1
    assert ended.stderr == f"PORT={port} is not a port: set PORT to a number\n"


def test_a_short_key_is_told() -> None:
    ended = run(PORT=str(free_port()), AWS_PORT=str(free_port()), REPRISE_LOCAL_API_KEY="too short")

    assert ended.returncode == 1
    assert "REPRISE_LOCAL_API_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_turn_streams_and_lies_in_the_table_and_the_end_is_clean() -> None:
    slow = {"REPRISE_DEMO_TOKENS_PER_SECOND": "20"}
    with DevServer(slow) as server, httpx.Client(base_url=server.url, headers=server.auth) as http:
        started = http.post(f"{CHAT}/stream", json={"content": "Count to 3"})
        listed = http.get(CHAT)
        assert started.status_code == 200, started.text
        assert started.text.endswith("data: [DONE]\n\n")
        assert listed.json()["meta"]["total"] == 1
        assert server.api_key in server.output

        # A long answer is on its way when Ctrl-C comes.
        with http.stream("POST", f"{CHAT}/stream", json={"content": "Count to 500"}) as response:
            lines = response.iter_lines()
            assert "conversation_created" in next(lines)
            assert server.stop(signal.SIGINT) == 0

    assert "Traceback" not in server.output
    assert "rror" not in server.output
    assert server.output.endswith("Stopping …\n")


def test_sigterm_ends_it_too() -> None:
    with DevServer() as server:
        assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.output


def test_ctrl_c_before_it_is_ready_ends_it_quietly() -> None:
    server = DevServer()
    process = subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=server.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    assert "Starting moto" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "Traceback" not in output

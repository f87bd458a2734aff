"""`python -m local.sam`: serve the built functions until Ctrl-C. `python -m local.sam NAME`: call
one of them with its sample event, and print what it answers on stdout.

Environment: `PORT` (3000), `AWS_PORT` (7002), `REPRISE_LOCAL_API_KEY`, and the OpenRouter and demo
settings of `make dev`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from local import backend, banner, template
from local.ports import HOST, CannotStart, claim
from local.sam import docker
from local.sam.backend import running
from local.sam.command import sam
from local.sam.functions import event_of, named
from local.sam.outcome import problem
from local.sam.template import ROOT, told
from reprise.chat.errors import Invalid
from reprise.llm.settings import Settings

SECONDS_TO_START = 300
INTERRUPTED = 130  # as shells have it


def main(arguments: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # also where a shell has us ignore Ctrl-C
    try:
        return invoke(arguments[0]) if arguments else serve()
    except (CannotStart, Invalid) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def serve() -> int:
    """Until a signal, which is its ordinary end. Raises CannotStart, also if sam ends before."""
    host, port = docker.host(), _free("PORT", 3000, HOST)
    aws_port = _free("AWS_PORT", 7002, host.address)
    options = ("--host", HOST, "--port", str(port), "--warm-containers", "LAZY")
    with (
        running(host, aws_port, os.environ.get("REPRISE_LOCAL_API_KEY")) as aws,
        told(aws.variables) as design,
        sam("start-api", design, *options) as server,
    ):
        try:
            _wait_for(server, port)
            url = f"http://{HOST}:{port}"
            print(banner.text(url, aws.key, Settings.read(os.environ), os.environ), flush=True)
            status = server.wait()
        except KeyboardInterrupt:
            print("\nStopping the containers …", flush=True)
            return 0
    raise CannotStart(f"sam local start-api has ended by itself, with status {status}")


def invoke(name: str) -> int:
    """Raises CannotStart."""
    design = template.load(backend.region(os.environ), os.environ)
    function = named(name, design.functions)
    event = event_of(function, ROOT / "events")
    with running(docker.host(), port=0) as aws, told(aws.variables) as path:
        from local import samples  # like the functions, it reads the environment

        samples.store()
        arguments = (function.name, "--event", str(event))
        with sam("invoke", path, *arguments, stdout=subprocess.PIPE) as call:
            answer, _ = call.communicate()
    if text := answer.decode().strip():
        print(text, flush=True)
    if failed := problem(function.name, call.returncode, text):
        print(failed, file=sys.stderr)
        return 1
    return 0


def _free(variable: str, default: int, host: str) -> int:
    with claim(os.environ, variable, default, host) as listener:
        return int(listener.getsockname()[1])


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise CannotStart("sam local start-api did not start: what it says is above")


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

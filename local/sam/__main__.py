"""`python -m local.sam`: serve the built functions until Ctrl-C. `python -m local.sam NAME`: call
one of them with its sample event.

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
from local.sam.backend import running
from local.sam.command import sam
from local.sam.functions import event_of, named
from local.sam.template import ROOT, write
from reprise.chat.errors import Invalid
from reprise.llm.settings import Settings

SECONDS_TO_START = 120
SECONDS_TO_END = 180  # it gives each container several to end by itself


def main(arguments: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has us ignore Ctrl-C
        signal.signal(number, _interrupt)
    try:
        return invoke(arguments[0]) if arguments else serve()
    except (CannotStart, Invalid) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def serve() -> int:
    port = _free("PORT", 3000)
    with running(_free("AWS_PORT", 7002), os.environ.get("REPRISE_LOCAL_API_KEY")) as aws:
        server = sam(
            "start-api",
            write(aws.variables),
            *("--host", HOST, "--port", str(port)),
            *("--warm-containers", "LAZY"),
        )
        try:
            _wait_for(server, port)
            url = f"http://{HOST}:{port}"
            print(banner.text(url, aws.key, Settings.read(os.environ), os.environ), flush=True)
            return server.wait()
        finally:
            print("\nStopping the containers …", flush=True)
            _end(server)


def invoke(name: str) -> int:
    design = template.load(backend.region(os.environ), os.environ)
    function = named(name, design.functions)
    event = event_of(function, ROOT / "events")
    with running(port=0) as aws:
        from local import samples  # like the functions, it reads the environment

        samples.store()
        call = sam("invoke", write(aws.variables), function.name, "--event", str(event))
        try:
            return call.wait()
        finally:
            _end(call)


def _free(variable: str, default: int) -> int:
    with claim(os.environ, variable, default) as listener:
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
    raise CannotStart("sam local start-api did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it remove its containers, and wait for that."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

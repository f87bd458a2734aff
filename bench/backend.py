"""moto in a process of its own, with the template's table and bucket in it, counting its calls.

`python -m bench.backend 0 0` prints its port and serves until it is stopped; `GET /bench/calls`
answers with the number of calls by operation. `backend()` starts one.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from bench import processes
from local import backend as stores
from local import template
from local.moto import serve

PATH = "/bench/calls"
_FOREIGN = ("AWS_", "TABLE_NAME", "BUCKET_NAME")


@dataclass(frozen=True)
class Backend:
    """`environ` leads the SDKs of another process to it."""

    url: str
    pid: int

    @property
    def environ(self) -> dict[str, str]:
        return {
            **dict.fromkeys((stores.DYNAMODB, stores.STREAMS, stores.S3), self.url),
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def calls(self) -> Counter[str]:
        """How many there were so far, by operation."""
        with urllib.request.urlopen(self.url + PATH, timeout=10) as answer:
            return Counter(json.load(answer))


@dataclass(frozen=True)
class Late:
    """Seconds that calls take longer than moto needs for them."""

    call: float = 0
    transaction: float = 0


NEVER = Late()


@contextmanager
def backend(late: Late = NEVER) -> Iterator[Backend]:
    environ = processes.bare(os.environ, *_FOREIGN)
    arguments = str(late.call), str(late.transaction)
    with processes.running("bench.backend", *arguments, environ=environ) as (process, port):
        yield Backend(f"http://127.0.0.1:{port}", process.pid)


class _Counting:
    """A WSGI app that counts what the one behind it is asked for."""

    def __init__(self, app: Callable[..., Iterable[bytes]], late: Late) -> None:
        self._app = app
        self._late = late
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._calls).encode()]
        call = environ.get("HTTP_X_AMZ_TARGET", "S3").rpartition(".")[2]
        with self._lock:
            self._calls[call] += 1
        time.sleep(self._late.transaction if call == "TransactWriteItems" else self._late.call)
        return self._app(environ, start)


def main() -> None:
    moto = serve()
    stores.configure(os.environ, moto.endpoint)
    design = template.load(stores.region(os.environ), os.environ)
    stores.create(design, boto3.client("dynamodb"), boto3.client("s3"))
    moto.app = _Counting(moto.app, Late(*map(float, sys.argv[1:])))
    print(moto.server_port, flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    moto.stop()
    os._exit(0)  # connections have threads that nobody waits for


if __name__ == "__main__":
    main()

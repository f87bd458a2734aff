"""`python -m local`, or `make dev`: everything on this machine, until Ctrl-C.

Environment: `PORT` (7001) for the API, `AWS_PORT` (7002) for moto, `REPRISE_LOCAL_API_KEY`,
what `reprise.llm.settings` names for models, and what `backend.py` does for AWS.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local import backend, banner, functions, template
from local.bucket_stream import BucketStream, prefixes_of
from local.expiry import Expiry
from local.gateway import Gateway
from local.ports import HOST, CannotStart, claim
from local.server import serve
from local.table_stream import TableStream
from local.template import Template
from local.workers import Workers
from reprise.llm.settings import Settings


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("local").setLevel(logging.INFO)
    signal.signal(signal.SIGINT, _stop_early)  # until the server has handlers of its own
    try:
        listener = claim(os.environ, "PORT", 7001)
        aws = claim(os.environ, "AWS_PORT", 7002) if backend.needs_moto(os.environ) else None
        with ExitStack() as started:
            run(listener, aws, started)
            print("\nStopping …", flush=True)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _stop_early(*_: object) -> None:
    """End the process before it is ready: there is nothing to tidy up yet, and whoever else would
    be interrupted, in the middle of an import say, might not pass it on.
    """
    os.write(1, b"\nStopped before it was ready.\n")
    os._exit(0)


def run(listener: socket.socket, aws: socket.socket | None, started: ExitStack) -> None:
    """Start everything and serve until a signal. What is to be ended then is in `started`."""
    try:
        settings = Settings.read(os.environ)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    design = template.load(backend.region(os.environ), os.environ)
    expires_itself = backend.own_endpoint(os.environ, backend.DYNAMODB) is not None
    backend.configure(os.environ, _moto(aws, started) if aws else None)
    try:
        backend.create(design, boto3.client("dynamodb"), boto3.client("s3"))
    except (BotoCoreError, ClientError) as error:
        raise CannotStart(f"The table and the bucket cannot be had: {error}") from error
    for name, value in design.environment.items():  # read by the functions when they are imported
        os.environ.setdefault(name, value)

    print(f"Loading {len(design.functions)} functions …", flush=True)
    handlers, broken = functions.load(function.handler for function in design.functions)
    for name, reason in broken.items():
        print(f"{name} cannot be imported:\n{reason}", flush=True)
    for name in design.tables:
        workers = _workers(design, name, handlers, expire=not expires_itself)
        workers.start()
        started.callback(workers.stop)
    for name in design.buckets:
        workers = _bucket_workers(design, name, handlers)
        workers.start()
        started.callback(workers.stop)

    key = _seed()
    text = banner.text(f"http://{HOST}:{listener.getsockname()[1]}", key, settings, os.environ)
    asyncio.new_event_loop().run_until_complete(
        serve(Gateway(design, handlers), listener, lambda: print(text, flush=True))
    )


def _seed() -> str:
    """The API key of the account `local`. Raises CannotStart."""
    from cli.seed import seed_local_account  # like the functions, it reads the environment
    from reprise.chat.errors import Invalid

    try:
        return seed_local_account(os.environ.get("REPRISE_LOCAL_API_KEY"))
    except Invalid as error:
        raise CannotStart(f"REPRISE_LOCAL_API_KEY: {error.problem}") from error


def _moto(port: socket.socket, started: ExitStack) -> str:
    """Start moto on a port that is held for it; return its endpoint."""
    from local.moto import serve as serve_moto  # a second that nobody needs with an own endpoint

    number = port.getsockname()[1]
    port.close()
    print(f"Starting moto on port {number} …", flush=True)
    moto = serve_moto(number)
    started.callback(moto.stop)
    return moto.endpoint


def _workers(design: Template, table: str, handlers: Mapping[str, Any], expire: bool) -> Workers:
    dynamodb, streams = boto3.client("dynamodb"), boto3.client("dynamodbstreams")
    description = dynamodb.describe_table(TableName=table)["Table"]
    if "LatestStreamArn" not in description:
        raise CannotStart(f"The table {table} has no stream, and workers need one")
    chosen = [
        (worker, handlers[worker.function.handler])
        for worker in design.workers
        if worker.table == table and worker.function.handler in handlers
    ]
    start = "LATEST" if all(worker.start == "LATEST" for worker, _ in chosen) else "TRIM_HORIZON"
    ttl = design.tables[table].get("TimeToLiveSpecification")
    return Workers(
        TableStream(streams, description["LatestStreamArn"], start),
        chosen,
        Expiry(dynamodb, table, ttl["AttributeName"]) if expire and ttl else None,
    )


def _bucket_workers(design: Template, bucket: str, handlers: Mapping[str, Any]) -> Workers:
    """Where there are none, nobody looks into the bucket."""
    chosen = [
        (worker, handlers[worker.function.handler])
        for worker in design.bucket_workers
        if worker.function.handler in handlers
    ]
    prefixes = {prefix for worker, _ in chosen for prefix in prefixes_of(worker.filters)}
    return Workers(BucketStream(boto3.client("s3"), bucket, sorted(prefixes)), chosen)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Not sys.exit: a thread that still waits for an answer would hold the terminal until it comes.
    os._exit(status)

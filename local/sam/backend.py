"""moto's server for containers, with the table, the bucket, and the account of `make dev`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import boto3

from local import backend, moto, template
from local.sam import docker
from local.sam.template import FUNCTIONS

# What the functions read of the environment of whoever starts this: which models, at which speed.
_PASSED_ON = ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "REPRISE_DEMO_TOKENS_PER_SECOND")


@dataclass(frozen=True)
class Backend:
    """`variables` are for the functions, `key` is an API key of account `local`."""

    variables: Mapping[str, str]
    key: str


@contextmanager
def running(host: docker.Host, port: int, secret: str | None = None) -> Iterator[Backend]:
    """From moto's start on a port to its end, after which no container is left that was told of it.
    `secret` is what the API key shall be, None makes one. Sets this process up for it, too: nothing
    of it may reach real tables. Raises Invalid for a secret that is too short.
    """
    docker.remove_left_over(FUNCTIONS, host)  # by runs that had no time for it
    server = moto.serve(port, host.address)
    try:
        for name in [name for name in os.environ if name.startswith(("AWS_", "TABLE_", "BUCKET_"))]:
            del os.environ[name]
        backend.configure(os.environ, server.endpoint)
        os.environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")  # noqa: S106
        design = template.load(backend.region(os.environ), os.environ)
        backend.create(design, boto3.client("dynamodb"), boto3.client("s3"))
        os.environ.update(design.environment)
        from cli.seed import seed_local_account  # like the functions, it reads the environment

        reached = f"http://{host.name}:{server.server_port}"
        variables = {
            **design.environment,
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            **dict.fromkeys((backend.DYNAMODB, backend.STREAMS, backend.S3), reached),
        }
        yield Backend(variables, seed_local_account(secret))
    finally:
        server.stop()
        docker.remove_left_over(FUNCTIONS, host)

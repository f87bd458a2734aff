"""moto in this process, with the template's table and bucket in it, and the functions over it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import boto3
from moto import mock_aws

from local import backend, moto, template
from reprise.engine.engine import Engine, Timing
from reprise.llm import catalogue
from reprise.web import engine as web
from tests.models import FakeModels


@contextmanager
def table() -> Iterator[None]:
    moto.patch()
    with mock_aws():
        backend.create(
            template.load(os.environ["AWS_REGION"], os.environ),
            boto3.client("dynamodb"),
            boto3.client("s3"),
        )
        yield


@contextmanager
def functions(timing: Timing | None = None) -> Iterator[tuple[Engine, FakeModels]]:
    """The engine that the functions use, and its models, which say what they are told to."""
    models = FakeModels(replace(catalogue.default(), fallbacks=()))
    engine = Engine(models, timing=timing or Timing())
    with table():
        web.use(engine)
        try:
            yield engine, models
        finally:
            web.use(None)

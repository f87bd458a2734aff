"""What the tests of endpoints have: clients, the models, the logs."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from reprise.web.app import logger
from tests.api import Api
from tests.models import FakeModels


@pytest.fixture
def api(aws: None) -> Api:
    """A client with a key of its own account."""
    return Api()


@pytest.fixture
def stranger(aws: None) -> Api:
    """A client of another account."""
    return Api()


@pytest.fixture
def models() -> Iterator[FakeModels]:
    """Takes the place of the catalogue and its providers."""
    fake = FakeModels()
    web_engine.use(Engine(fake, timing=Timing(retry_wait=0.001)))
    yield fake
    web_engine.use(None)


@pytest.fixture
def quick(models: FakeModels) -> FakeModels:
    """The same, with an engine that logs, and looks for what others have logged, all the time."""
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01, poll=0.01, retry_wait=0.001)))
    return models


@pytest.fixture
def logs(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], str]]:
    """A function that gives everything that was logged or printed so far."""
    stream = io.StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)

    def read() -> str:
        out, err = capfd.readouterr()
        stream.write(out + err)
        return stream.getvalue() + caplog.text

    with caplog.at_level(logging.INFO):
        yield read
    handler.setStream(before)

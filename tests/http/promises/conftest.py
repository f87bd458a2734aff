"""What the tests of promises have: an account on each surface, on a plan with limits."""

import time

import pytest

from reprise.accounts import rates
from tests.api import new_account, new_key
from tests.models import FakeModels
from tests.promises import Client
from tests.surfaces import SURFACES, surfaces_of


@pytest.fixture(params=SURFACES)
def client(aws: None, quick: FakeModels, request: pytest.FixtureRequest) -> Client:
    account = new_account("standard")
    surfaces = surfaces_of(new_key(account)[1], account.id)
    surface = surfaces[request.param]
    made = surface.begin("Hello")
    question, answer = surface.shown(made)
    quick.requests.clear()
    return Client(account, surfaces, surface, made, question, answer)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> int:
    """All requests are made in the window that begins now, in seconds since the Unix epoch, and
    ends in a minute.
    """
    start = int(time.time())
    monkeypatch.setattr(rates.Rate, "_window", lambda rate, now: (start, start + 60))
    return start

"""What the tests of this surface have beside those of all: sessions."""

from collections.abc import Iterator

import pytest

from reprise.accounts import issuer
from tests.accounts.issuers import AUDIENCE, FakeIssuer, serving
from tests.api import new_account, new_key
from tests.opey import ENVIRONMENT, Visitor


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def visitor(aws: None) -> Visitor:
    """A client with a session of its own account."""
    return Visitor()


@pytest.fixture
def limited(aws: None) -> Visitor:
    """A client with a session of an account on the standard plan."""
    return Visitor(key=new_key(new_account("standard"))[1])


@pytest.fixture
def other(aws: None) -> Visitor:
    """A client with a session of another account."""
    return Visitor()


@pytest.fixture
def anonymous(aws: None, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A client with a session of nobody's, where there are such."""
    monkeypatch.setenv("ALLOW_ANONYMOUS_SESSIONS", "true")
    return Visitor.anonymous_session()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIssuer]:
    """An issuer of JWTs that the functions trust."""
    with serving(FakeIssuer()) as served:
        monkeypatch.setenv("OIDC_ISSUER", served.url)
        monkeypatch.setenv("OIDC_AUDIENCE", AUDIENCE)
        issuer.trusted.cache_clear()
        yield served
    issuer.trusted.cache_clear()

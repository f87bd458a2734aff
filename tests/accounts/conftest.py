"""Issuers of JWTs: one that is asked without a network, and one that the functions trust."""

from collections.abc import Iterator

import pytest

from reprise.accounts import issuer as issuer_module
from reprise.accounts.issuer import Issuer
from tests.accounts.issuers import AUDIENCE, FakeIssuer, serving


@pytest.fixture
def fake() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def issuer(fake: FakeIssuer) -> Issuer:
    """`fake` as the code sees it."""
    return Issuer(fake.settings, fake.fetch)


@pytest.fixture
def nobody_trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As the environment is where the operator names no issuer."""
    monkeypatch.setenv("OIDC_ISSUER", "")
    monkeypatch.setenv("OIDC_AUDIENCE", "")
    issuer_module.trusted.cache_clear()
    yield
    issuer_module.trusted.cache_clear()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIssuer]:
    """An issuer on loopback that the environment of the functions names."""
    with serving(FakeIssuer()) as served:
        monkeypatch.setenv("OIDC_ISSUER", served.url)
        monkeypatch.setenv("OIDC_AUDIENCE", AUDIENCE)
        issuer_module.trusted.cache_clear()
        yield served
    issuer_module.trusted.cache_clear()

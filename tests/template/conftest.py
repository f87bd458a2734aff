"""An issuer for all tests of a module."""

from collections.abc import Iterator

import pytest

from reprise.accounts import issuer
from tests.accounts.issuers import AUDIENCE, FakeIssuer, serving


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[FakeIssuer]:
    """On loopback, and trusted by the functions."""
    with serving(FakeIssuer()) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OIDC_ISSUER", served.url)
        patch.setenv("OIDC_AUDIENCE", AUDIENCE)
        issuer.trusted.cache_clear()
        yield served
    issuer.trusted.cache_clear()

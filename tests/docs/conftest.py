"""One `make dev` for all pages that do not mind what the commands of others have stored, and one
for each of those that do.
"""

from collections.abc import Iterator

import pytest

from tests.dev_server import DevServer

KEY = "rp_a-key-to-try-things-with"
SETTINGS = {"REPRISE_LOCAL_API_KEY": KEY, "REPRISE_DEMO_TOKENS_PER_SECOND": "0"}


@pytest.fixture(scope="session")
def dev() -> Iterator[DevServer]:
    with DevServer(SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    """A page's own."""
    with DevServer(SETTINGS) as server:
        yield server

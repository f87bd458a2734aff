"""What a function loads before it is asked anything: a cold start pays for each module."""

import pytest

from tests.fresh import HANDLERS, imported

NEVER = {"boto3", "cryptography", "httpx", "jwt", "pydantic.v1", "pypdf"}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_loads_nothing_that_it_may_never_need(handler: str) -> None:
    assert not NEVER & imported(handler).modules

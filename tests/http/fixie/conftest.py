"""What the tests of this surface have: agents, and clients of all who may talk to them."""

import pytest

from tests.api import Api
from tests.chatbase import put_agent


@pytest.fixture
def agent(api: Api) -> str:
    """The id of an agent of the client's account."""
    return put_agent(api)


@pytest.fixture
def public(api: Api) -> str:
    """The id of an agent of the client's account that is open to everybody."""
    return put_agent(api, public=True)


@pytest.fixture
def anybody(aws: None) -> Api:
    """A client without a key."""
    return Api.anonymous()

"""What the tests of providers share."""

from collections.abc import Iterator

import pytest

from tests.llm import litellm_proxy
from tests.llm.litellm_proxy import Proxy


@pytest.fixture(scope="session")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A LiteLLM proxy. Whoever uses it belongs to xdist's group "litellm", so that one is
    enough.
    """
    if not litellm_proxy.COMMAND.exists():
        pytest.skip("LiteLLM is not installed: make .venv-litellm/.synced")
    with litellm_proxy.scripted(tmp_path_factory.mktemp("litellm")) as proxy:
        yield proxy

import pytest

from tests.engine.world import World


@pytest.fixture
def world(aws: None) -> World:
    return World()

"""The store's contract, whatever implements DynamoDB: `aws` is moto's table or, where
`REPRISE_TEST_DYNAMODB` names an endpoint, that of a DynamoDB Local.
"""

import pytest
from hypothesis import HealthCheck, settings

from tests.store.scribe import Scribe

# The table is made once for a test and all its examples; each writes a conversation of its own.
settings.register_profile(
    "store",
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def scribe(aws: None) -> Scribe:
    """A writer of conversations, and an empty table."""
    return Scribe()

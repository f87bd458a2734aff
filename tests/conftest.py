"""What every test may use. The environment is set before anything of the project is imported."""

import os
from collections.abc import Iterator

os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # moto does not know the addresses that have an account in them
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    "AWS_REGION": "us-east-1",
    "TABLE_NAME": "reprise",
    "BUCKET_NAME": "reprise-bodies",
    "POWERTOOLS_SERVICE_NAME": "reprise",
    "REPRISE_DEMO_TOKENS_PER_SECOND": "0",
}
for name in ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"):
    os.environ.pop(name, None)

import pytest
from moto import mock_aws

from local import backend, moto, template

moto.patch()
DESIGN = template.load(os.environ["AWS_REGION"], os.environ)


@pytest.fixture
def aws() -> Iterator[None]:
    """The template's table and bucket, empty."""
    with mock_aws():
        backend.create(DESIGN)
        yield

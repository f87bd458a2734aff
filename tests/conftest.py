"""What every test may use. The environment is set before anything of the project is imported."""

import os
from collections.abc import Iterator

os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "TABLE_NAME": "reprise",
    "BUCKET_NAME": "reprise-bodies",
    "POWERTOOLS_SERVICE_NAME": "reprise",
    "REPRISE_DEMO_TOKENS_PER_SECOND": "0",
}
for name in ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"):
    os.environ.pop(name, None)

import boto3
import pytest
from moto import mock_aws

from local import moto

moto.patch()


@pytest.fixture
def aws() -> Iterator[None]:
    """The table and the bucket, empty."""
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName=os.environ["TABLE_NAME"],
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
            AttributeDefinitions=[{"AttributeName":n,"AttributeType":t} for n,t in (("pk","S"),("sk","S"),("owner","S"),("activity","N"))],
            GlobalSecondaryIndexes=[{"IndexName":"by_owner","KeySchema":[{"AttributeName":"owner","KeyType":"HASH"},{"AttributeName":"activity","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["id","title","model","created","kind"]}}],
            StreamSpecification={"StreamEnabled":True,"StreamViewType":"NEW_AND_OLD_IMAGES"})
        boto3.client("s3").create_bucket(Bucket=os.environ["BUCKET_NAME"])
        yield

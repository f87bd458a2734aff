"""The table and the bucket, made from the template's own definition: moto's, or the user's own.

`AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` in the environment put
DynamoDB Local, or AWS itself, in moto's place.
"""

from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import botocore.session

from local.template import Template

DYNAMODB, STREAMS, S3 = (
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
    "AWS_ENDPOINT_URL_S3",
)
_ANY = "AWS_ENDPOINT_URL"
_NOT_FOR_CREATE = (
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
)


def region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def own_endpoint(environ: Mapping[str, str], variable: str) -> str | None:
    """The endpoint that the user has set for a service, if any."""
    return environ.get(variable) or environ.get(_ANY) or None


def needs_moto(environ: Mapping[str, str]) -> bool:
    return not all(own_endpoint(environ, variable) for variable in (DYNAMODB, S3))


def configure(environ: MutableMapping[str, str], moto: str | None) -> None:
    """Point the AWS SDKs of this process at the backend: what the user has set stays, the rest is
    `moto`'s endpoint, a region, and credentials for which nobody asks.
    """
    table = own_endpoint(environ, DYNAMODB)
    if table and ".amazonaws.com" not in table:
        environ.setdefault(STREAMS, table)  # DynamoDB Local has both at one address
    elif not table and moto:
        environ[DYNAMODB] = environ[STREAMS] = moto
    if not own_endpoint(environ, S3) and moto:
        environ[S3] = moto
    environ["AWS_REGION"] = environ["AWS_DEFAULT_REGION"] = region(environ)
    if not any(".amazonaws.com" in environ.get(each, "") for each in (DYNAMODB, S3, _ANY)):
        environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")  # asking for it takes seconds
    if botocore.session.get_session().get_credentials() is None:
        environ.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")  # noqa: S106


def create(template: Template, dynamodb: Any, s3: Any) -> None:
    """Make the template's tables and buckets, where they do not exist yet. Takes boto3 clients."""
    for name, properties in template.tables.items():
        create_table(dynamodb, name, properties)
    where = s3.meta.region_name
    more = (
        {} if where == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": where}}
    )
    for name in template.buckets:
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=name, **more)


def create_table(client: Any, name: str, properties: Mapping[str, Any]) -> None:
    """Make a table of its CloudFormation properties; what protects it is AWS's business."""
    request = {key: value for key, value in properties.items() if key not in _NOT_FOR_CREATE}
    if stream := properties.get("StreamSpecification"):
        request["StreamSpecification"] = {"StreamEnabled": True, **stream}
    try:
        client.create_table(TableName=name, **request)
    except client.exceptions.ResourceInUseException:
        return
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    if expiry := properties.get("TimeToLiveSpecification"):
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)

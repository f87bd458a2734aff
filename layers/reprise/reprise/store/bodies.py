"""Parts of messages that are too large for the table: one object each in the bucket."""

import os
import threading
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from reprise.store import keys

LIMIT = 200_000  # bytes of UTF-8 that a message may take up in the table; an item holds 400 KB
PREVIEW = 500  # characters of such a message that stay in the item

_making = threading.Lock()


@cache
def _make() -> Any:
    # not boto3: its resources and session cost a cold start what this one client does not need
    from botocore.session import get_session

    return get_session().create_client("s3")


def _client() -> Any:
    with _making:
        return _make()


def _bucket() -> str:
    return os.environ["BUCKET_NAME"]


def put(partition: str, message_id: str, body: str) -> str:
    """Store a body and return its key. Each write has a key of its own, so that two writers of one
    message cannot end up with each other's text.
    """
    key = f"{keys.bodies(partition)}{message_id}/{uuid.uuid4().hex}"
    _client().put_object(
        Bucket=_bucket(), Key=key, Body=body.encode(), ContentType="application/json"
    )
    return key


def get(key: str) -> str:
    body: bytes = _client().get_object(Bucket=_bucket(), Key=key)["Body"].read()
    return body.decode()


def delete(partition: str, unwanted: Callable[[str], bool]) -> None:
    """Remove the bodies of a conversation whose message id is `unwanted`."""
    client, bucket, prefix = _client(), _bucket(), keys.bodies(partition)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        objects = [
            {"Key": entry["Key"]}
            for entry in page.get("Contents", ())
            if unwanted(entry["Key"].removeprefix(prefix).partition("/")[0])
        ]
        if objects:
            client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})

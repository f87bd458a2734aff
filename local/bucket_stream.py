"""What was put into a bucket, as EventBridge tells it: its new objects are looked for again and
again, because nobody tells of them here.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from local.cloudformation import ACCOUNT
from local.table_stream import Record


class BucketStream:
    """The objects of a bucket under some prefixes, each once, as it is. `client` is boto3's."""

    def __init__(self, client: Any, bucket: str, prefixes: Sequence[str]) -> None:
        self._client = client
        self._bucket = bucket
        self._prefixes = prefixes
        self._seen: set[tuple[str, str]] = set()

    def read(self) -> list[Record]:
        """What is new. Raises botocore's errors; then try again."""
        found = {(each["Key"], str(each["LastModified"])): each for each in self._objects()}
        new = [each for name, each in found.items() if name not in self._seen]
        self._seen = set(found)
        new.sort(key=lambda each: each["LastModified"])
        return [object_created(self._bucket, each) for each in new]

    def _objects(self) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        for prefix in self._prefixes:
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                yield from page.get("Contents", ())


def prefixes_of(patterns: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Under which keys an event pattern looks for objects. Raises KeyError for one that does not
    say.
    """
    for pattern in patterns:
        for rule in pattern["detail"]["object"]["key"]:
            yield rule["prefix"]


def object_created(bucket: str, found: Mapping[str, Any]) -> Record:
    """The event of an object, of which a listing tells. Fields and forms: S3 user guide,
    "EventBridge event message structure".
    """
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{found['Key']} {found['LastModified']}")),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": found["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": found["Key"],
                "size": found["Size"],
                "etag": found["ETag"].strip('"'),
                "sequencer": f"{int(found['LastModified'].timestamp() * 1000):016X}",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": ACCOUNT,
            "source-ip-address": "192.0.2.44",
            "reason": "POST Object",
        },
    }

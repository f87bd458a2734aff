"""What a bucket's workers are told, and how often."""

import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local import filters, template
from local.bucket_stream import BucketStream, prefixes_of
from local.workers import Workers
from reprise.store.keys import PENDING_UPLOADS

BUCKET = "reprise"
DESIGN = template.load("us-east-1", {})


@pytest.fixture
def client(aws: None) -> Iterator[Any]:
    made = boto3.client("s3")
    made.create_bucket(Bucket=BUCKET)
    return made


def keys_of(events: list[Any]) -> list[str]:
    return [event["detail"]["object"]["key"] for event in events]


def test_a_new_object_is_told_once_the_older_ones_first(client: Any) -> None:
    stream = BucketStream(client, BUCKET, ["a/", "b/"])
    client.put_object(Bucket=BUCKET, Key="b/1 #", Body=b"123")
    client.put_object(Bucket=BUCKET, Key="a/2", Body=b"")
    client.put_object(Bucket=BUCKET, Key="other", Body=b"")

    first, second = stream.read(), stream.read()

    assert sorted(keys_of(first)) == ["a/2", "b/1 #"]
    assert second == []
    client.put_object(Bucket=BUCKET, Key="a/3", Body=b"")
    assert keys_of(stream.read()) == ["a/3"]


def test_one_that_was_removed_and_came_again_is_new(client: Any) -> None:
    stream = BucketStream(client, BUCKET, ["a/"])
    for _ in range(2):
        client.put_object(Bucket=BUCKET, Key="a/1", Body=b"")
        assert keys_of(stream.read()) == ["a/1"]
        client.delete_object(Bucket=BUCKET, Key="a/1")
        assert stream.read() == []


def test_the_event_is_what_the_template_s_rule_waits_for(client: Any) -> None:
    (worker,) = DESIGN.bucket_workers
    prefixes = list(prefixes_of(worker.filters))
    client.put_object(Bucket=BUCKET, Key=f"{PENDING_UPLOADS}x/1", Body=b"123")

    (event,) = BucketStream(client, BUCKET, prefixes).read()

    assert prefixes == [PENDING_UPLOADS]
    assert worker.function.handler == "workers.extract_upload.handler"
    assert worker.retries == 2
    assert filters.passes(event, worker.filters)
    assert event["detail"]["object"]["size"] == 3
    assert not filters.passes(event | {"source": "aws.ec2"}, worker.filters)


def test_a_worker_gets_each_event_by_itself_and_again_when_it_fails(client: Any) -> None:
    (worker,) = DESIGN.bucket_workers
    seen: list[str] = []
    through = threading.Event()

    def handler(event: Any, context: Any) -> None:
        seen.append(event["detail"]["object"]["key"])
        if len(seen) == 1:
            raise OSError("no")
        if len(seen) == 3:
            through.set()

    stream = BucketStream(client, BUCKET, [PENDING_UPLOADS])
    for name in "ab":
        client.put_object(Bucket=BUCKET, Key=f"{PENDING_UPLOADS}{name}", Body=b"")
    workers = Workers(stream, [(worker, handler)], poll_every=0.01)
    workers.start()
    assert through.wait(60)
    workers.stop()

    assert sorted(seen) in (
        [f"{PENDING_UPLOADS}{name}" for name in names] for names in ("aab", "abb")
    )

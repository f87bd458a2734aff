"""The bucket keeps bytes under keys."""

import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from reprise.store import bucket
from tests.api import aws_client
from tests.calls import Call
from tests.faults import Fault, answering, faults, internal

pytestmark = pytest.mark.usefixtures("aws")


def stored() -> dict[str, str]:
    """The media types of all objects, by their keys."""
    client, name = aws_client("s3"), os.environ["BUCKET_NAME"]
    listed = client.list_objects_v2(Bucket=name).get("Contents", ())
    return {
        each["Key"]: client.head_object(Bucket=name, Key=each["Key"])["ContentType"]
        for each in listed
    }


def test_bytes_come_back_as_they_were_put() -> None:
    bucket.put("a/b", b"\0\xff", "application/pdf")

    assert bucket.get("a/b") == b"\0\xff"
    assert stored() == {"a/b": "application/pdf"}


def test_a_file_is_put_and_fetched(tmp_path: Path) -> None:
    sent, fetched = tmp_path / "sent", tmp_path / "fetched"
    sent.write_bytes(bytes(range(256)) * 10_000)

    bucket.put("a", sent, "application/octet-stream")

    assert bucket.fetch("a", fetched)
    assert fetched.read_bytes() == sent.read_bytes()


def test_what_is_not_there_cannot_be_fetched(tmp_path: Path) -> None:
    assert not bucket.fetch("a", tmp_path / "fetched")
    assert list(tmp_path.iterdir()) == []


def test_nor_what_those_are_not_told_of_who_may_not_list(tmp_path: Path) -> None:
    def denied(call: Call) -> object:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, call.operation)

    with faults(Fault("GetObject", denied)):
        assert not bucket.fetch("a", tmp_path / "fetched")


def test_another_error_is_one(tmp_path: Path) -> None:
    with faults(Fault("GetObject", internal)), pytest.raises(ClientError):
        bucket.fetch("a", tmp_path / "fetched")


def test_some_are_deleted_by_their_keys() -> None:
    for key in "abc":
        bucket.put(key, b"x", "text/plain")

    bucket.delete("a", "c", "not there")

    assert list(stored()) == ["b"]


def test_what_lies_under_a_prefix_is_deleted() -> None:
    for key in ("a/1", "a/2", "ab", "b/1"):
        bucket.put(key, b"x", "text/plain")

    assert bucket.delete_all("a/") == 2

    assert list(stored()) == ["ab", "b/1"]


def test_or_only_some_of_it() -> None:
    for key in ("a/1", "a/2"):
        bucket.put(key, b"x", "text/plain")

    assert bucket.delete_all("a/", lambda rest: rest == "2") == 1

    assert list(stored()) == ["a/1"]


def test_what_could_not_be_deleted_is_an_error() -> None:
    bucket.put("a/1", b"x", "text/plain")
    refused = {"Errors": [{"Key": "a/1", "Code": "InternalError", "Message": "Try again"}]}

    with (
        faults(Fault("DeleteObjects", answering(lambda answer: refused))),
        pytest.raises(ClientError, match="InternalError"),
    ):
        bucket.delete_all("a/")

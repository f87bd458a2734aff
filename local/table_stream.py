"""A table's stream, read as Lambda reads it, in the form that Lambda hands on."""

import base64
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

Record = dict[str, Any]


class TableStream:
    """All shards of a stream, from the beginning of what it still holds or from now on.

    `client` is boto3's for DynamoDB Streams; `start` is TRIM_HORIZON or LATEST.
    """

    def __init__(self, client: Any, arn: str, start: str) -> None:
        self._client = client
        self._arn = arn
        self._start = start
        self._iterators: dict[str, str | None] = {}  # by shard; None where a shard has ended
        self._last: dict[str, str] = {}  # sequence numbers
        self._find_shards(start)

    def read(self) -> list[Record]:
        """What is new, oldest first within a shard. Raises botocore's errors; then try again."""
        records: list[Record] = []
        for shard, iterator in list(self._iterators.items()):
            if iterator is None:
                continue
            try:
                page = self._client.get_records(ShardIterator=iterator)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExpiredIteratorException":
                    raise
                self._iterators[shard] = self._again(shard)
                continue
            self._iterators[shard] = page.get("NextShardIterator")
            for record in page["Records"]:
                self._last[shard] = record["dynamodb"]["SequenceNumber"]
                records.append(as_lambda_has_it(record, self._arn))
            if self._iterators[shard] is None:
                self._find_shards("TRIM_HORIZON")  # a shard that ended has successors
        return records

    def _find_shards(self, start: str) -> None:
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in shards:
            if shard["ShardId"] not in self._iterators:
                self._iterators[shard["ShardId"]] = self._iterator(shard["ShardId"], start)

    def _again(self, shard: str) -> str:
        if shard in self._last:
            return self._iterator(shard, "AFTER_SEQUENCE_NUMBER", self._last[shard])
        return self._iterator(shard, self._start)

    def _iterator(self, shard: str, kind: str, after: str | None = None) -> str:
        more = {"SequenceNumber": after} if after else {}
        iterator: str = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard, ShardIteratorType=kind, **more
        )["ShardIterator"]
        return iterator


def as_lambda_has_it(record: Mapping[str, Any], arn: str) -> Record:
    """A record of GetRecords as it stands in a Lambda event: times as numbers, bytes as base64, and
    the identity's fields in lower case.
    """
    change = dict(record["dynamodb"])
    if "ApproximateCreationDateTime" in change:
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    lambda_record = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record["eventVersion"],
        "eventSource": record["eventSource"],
        "awsRegion": record["awsRegion"],
        "dynamodb": _without_bytes(change),
        "eventSourceARN": arn,
    }
    if identity := record.get("userIdentity"):
        lambda_record["userIdentity"] = {
            "type": identity.get("Type"),
            "principalId": identity.get("PrincipalId"),
        }
    return lambda_record


def _without_bytes(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: _without_bytes(each) for name, each in value.items()}
        case list():
            return [_without_bytes(each) for each in value]
    return value

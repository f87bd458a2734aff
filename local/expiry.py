"""Items whose time has come, removed as DynamoDB removes them, because moto does not.

Which items have one, the table's stream tells: a scan would hold up everybody else. DynamoDB marks
what it removes itself, and a worker waits for that mark.
"""

from collections.abc import Iterable
from typing import Any

from local.table_stream import Record

_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_Key = tuple[tuple[str, str], ...]


class Expiry:
    """For one table; `attribute` holds the second since the Unix epoch after which an item goes."""

    def __init__(self, client: Any, table: str, attribute: str) -> None:
        self._client = client
        self._table = table
        self._attribute = attribute
        self._due: dict[_Key, tuple[float, dict[str, Any]]] = {}
        self._removed: set[_Key] = set()

    def follow(self, records: Iterable[Record]) -> None:
        """Learn from the table's stream. Records of what `sweep` removed are given the identity
        that DynamoDB gives them.
        """
        for record in records:
            change = record["dynamodb"]
            key = _as_key(change["Keys"])
            time = change.get("NewImage", {}).get(self._attribute, {}).get("N")
            if time is None:
                self._due.pop(key, None)
            else:
                self._due[key] = float(time), change["Keys"]
            if record["eventName"] == "REMOVE" and key in self._removed:
                self._removed.discard(key)
                record["userIdentity"] = dict(_IDENTITY)

    def sweep(self, now: float) -> None:
        """Remove every item that has expired by `now`."""
        expired = [(key, due) for key, due in self._due.items() if due[0] <= now]
        for key, (_, item) in expired:
            if self._remove(item, now):
                self._removed.add(key)
            del self._due[key]

    def _remove(self, item: dict[str, Any], now: float) -> bool:
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=item,
                ConditionExpression="#ttl <= :now",
                ExpressionAttributeNames={"#ttl": self._attribute},
                ExpressionAttributeValues={":now": {"N": str(int(now))}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False  # removed or prolonged meanwhile: the stream will tell
        return True


def _as_key(key: dict[str, Any]) -> _Key:
    return tuple(sorted((name, repr(value)) for name, value in key.items()))

"""Every call to AWS, of any client and any thread, seen on its way: what `tests.faults` and
`tests.capacity` are made of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

_really = BaseClient._make_api_call


@dataclass(frozen=True)
class Call:
    """One call as the code made it: botocore's own retries happen inside of `proceed`.

    `operation` has AWS's name ("TransactWriteItems"), `request` AWS's parameters.
    """

    operation: str
    request: dict[str, Any]
    _client: BaseClient = field(repr=False, compare=False)
    _next: Callable[..., Any] = field(repr=False, compare=False)

    def proceed(self) -> Any:
        """Make the call. Making it twice is what botocore does when an answer got lost."""
        return self._next(self._client, self.operation, self.request)

    def aside(self, operation: str, **request: Any) -> Any:
        """Ask the same service something that nobody sees."""
        return _really(self._client, operation, request)

    @property
    def sort_keys(self) -> list[str]:
        """The sort keys of the items that the call writes or gets; of a Query none."""
        return [key["sk"]["S"] for key in _keys(self.operation, self.request)]


def _keys(operation: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    match operation:
        case "PutItem":
            return [request["Item"]]
        case "GetItem" | "UpdateItem" | "DeleteItem":
            return [request["Key"]]
        case "TransactWriteItems":
            writes = [write for item in request["TransactItems"] for write in item.values()]
            return [write.get("Item") or write["Key"] for write in writes]
        case "BatchGetItem":
            return [key for asked in request["RequestItems"].values() for key in asked["Keys"]]
        case "BatchWriteItem":
            asked = [write for writes in request["RequestItems"].values() for write in writes]
            return [
                write["PutRequest"]["Item"]
                if "PutRequest" in write
                else write["DeleteRequest"]["Key"]
                for write in asked
            ]
    return []


@contextmanager
def intercept(handle: Callable[[Call], Any]) -> Iterator[None]:
    """Give every call to `handle`, which answers it: by `call.proceed()`, or as it likes.

    Of nested ones the inner is asked first, and proceeds to the outer.
    """
    outer = BaseClient._make_api_call

    def handled(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        return handle(Call(operation, request, client, outer))

    BaseClient._make_api_call = handled
    try:
        yield
    finally:
        BaseClient._make_api_call = outer

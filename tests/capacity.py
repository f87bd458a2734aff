"""What calls cost: DynamoDB's capacity units, computed from item sizes by AWS's rules, and how many
calls had to wait for one another.

    with measured() as cost:
        ...
    cost.write_units, cost.read_units, cost.round_trips

A local DynamoDB's own figures mean nothing, so each item that a call writes is read before and
after it, and each table is described once, behind the back of the code. That takes time: measure
time elsewhere, or give `units=False`.

- A write costs a unit per KB begun of the larger of the item before and after, at least one; twice
  that in a transaction; the same when its condition fails.
- An index costs a unit per KB begun of its entry: one write when an entry appears, disappears or
  changes in what is projected, two (delete and put) when its key changes.
- A strongly consistent read costs a unit per 4 KB begun, an eventually consistent one half of that.
  A Query is charged for the sum of the items it went over, other reads item by item; both at least
  for one step.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from tests.calls import Call, intercept

Value = Mapping[str, Any]
Attributes = Mapping[str, Value]

_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_READS = {"GetItem", "BatchGetItem", "Query"}


@dataclass(frozen=True)
class Charge:
    """One item or index entry of one call; `what` is its sort key, or the name of the index."""

    operation: str
    what: str
    bytes: int
    write_units: float = 0
    read_units: float = 0


@dataclass(frozen=True)
class Timed:
    """A call with the seconds of a monotonic clock at which it began and ended."""

    call: Call
    began: float
    ended: float


@dataclass
class Cost:
    charges: list[Charge] = field(default_factory=list)
    calls: list[Timed] = field(default_factory=list)

    @property
    def write_units(self) -> float:
        return sum(charge.write_units for charge in self.charges)

    @property
    def read_units(self) -> float:
        return sum(charge.read_units for charge in self.charges)

    @property
    def operations(self) -> list[str]:
        return [timed.call.operation for timed in self.calls]

    @property
    def round_trips(self) -> int:
        """The length of the longest chain of calls of which each began after the one before had
        ended: those that overlap count once.
        """
        trips, free = 0, float("-inf")
        for timed in sorted(self.calls, key=lambda timed: timed.ended):
            if timed.began >= free:
                trips, free = trips + 1, timed.ended
        return trips

    def table(self) -> str:
        """The charges, line by line."""
        return "\n".join(
            f"{charge.operation:20} {charge.what:42.42} {charge.bytes:7} B"
            f" {charge.write_units:5g} W {charge.read_units:5g} R"
            for charge in self.charges
        )


@contextmanager
def measured(*, units: bool = True) -> Iterator[Cost]:
    """Record the calls until the end of the `with`, and unless `units` is false what they cost."""
    cost, tables, lock = Cost(), _Tables(), threading.Lock()

    def timed(call: Call) -> Any:
        began = time.perf_counter()
        try:
            return call.proceed()
        finally:
            with lock:
                cost.calls.append(Timed(call, began, time.perf_counter()))

    def handle(call: Call) -> Any:
        if units and call.operation in _WRITES:
            writes = [_Write.of(tables, call, *found) for found in _writes_of(call)]
            for write in writes:
                write.before = write.look(call)
            try:
                answer = timed(call)
            except ClientError as error:
                if _condition_failed(error):
                    _charge(charge for write in writes for charge in write.charges(refused=True))
                raise
            for write in writes:
                write.after = write.look(call)
            _charge(charge for write in writes for charge in write.charges())
            return answer
        answer = timed(call)
        if units and call.operation in _READS:
            _charge(_reads(call, answer))
        return answer

    def _charge(charges: Iterable[Charge]) -> None:
        charged = list(charges)
        with lock:
            cost.charges += charged

    with intercept(handle):
        yield cost


def size_of(item: Attributes) -> int:
    """Bytes of an item as DynamoDB counts them: names in UTF-8, and values."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Value) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return _size_of_number(content)
        case "NULL" | "BOOL":
            return 1
        case "SS":
            return sum(len(text.encode()) for text in content)
        case "BS":
            return sum(len(data) for data in content)
        case "NS":
            return sum(_size_of_number(number) for number in content)
        case "L":
            return 3 + sum(1 + _size_of_value(inner) for inner in content)
        case "M":
            return 3 + sum(
                1 + len(name.encode()) + _size_of_value(inner) for name, inner in content.items()
            )
    raise ValueError(f"no such type: {kind}")


def _size_of_number(text: str) -> int:
    """A byte for two significant digits, one more, and one more for a minus."""
    sign, digits, _ = Decimal(text).normalize().as_tuple()
    return (len(digits) + 1) // 2 + 1 + sign


def _steps(size: int, step: int) -> int:
    return max(1, -(-size // step))


def _last(key: Attributes) -> str:
    """The sort key, as text."""
    (value,) = key["sk" if "sk" in key else next(iter(key))].values()
    return str(value)


class _Tables:
    """How tables and their indexes are keyed, as they say themselves."""

    def __init__(self) -> None:
        self._described: dict[str, Any] = {}

    def describe(self, call: Call, name: str) -> Any:
        if name not in self._described:
            self._described[name] = call.aside("DescribeTable", TableName=name)["Table"]
        return self._described[name]


def _names(schema: list[dict[str, str]]) -> list[str]:
    return [key["AttributeName"] for key in schema]


@dataclass
class _Write:
    """One item that a call writes. `given` is what a put would store."""

    operation: str
    table: Any
    key: Attributes
    given: Attributes | None
    before: Attributes | None = None
    after: Attributes | None = None

    @classmethod
    def of(cls, tables: _Tables, call: Call, name: str, found: Attributes, put: bool) -> "_Write":
        table = tables.describe(call, name)
        key = {attribute: found[attribute] for attribute in _names(table["KeySchema"])}
        return cls(call.operation, table, key, found if put else None)

    def look(self, call: Call) -> Attributes | None:
        """The item as it lies there now."""
        name = self.table["TableName"]
        found = call.aside("GetItem", TableName=name, Key=self.key, ConsistentRead=True)
        item: Attributes | None = found.get("Item")
        return item

    def charges(self, refused: bool = False) -> Iterator[Charge]:
        then = (self.given or self.before) if refused else self.after
        size = max(size_of(item) if item else 0 for item in (self.before, then))
        factor = 2 if self.operation == "TransactWriteItems" else 1
        yield Charge(self.operation, _last(self.key), size, factor * _steps(size, 1024))
        if not refused:
            for index in self.table.get("GlobalSecondaryIndexes", ()):
                yield from self._index_charges(index)

    def _index_charges(self, index: Any) -> Iterator[Charge]:
        entries = [self._entry(index, item) for item in (self.before, self.after)]
        old, new = entries
        if old == new:
            return
        own = _names(index["KeySchema"])
        rekeyed = old and new and any(old[name] != new[name] for name in own)
        for entry in entries if rekeyed else [new or old]:
            size = size_of(entry or {})
            yield Charge(self.operation, index["IndexName"], size, _steps(size, 1024))

    def _entry(self, index: Any, item: Attributes | None) -> Attributes | None:
        own = _names(index["KeySchema"])
        if item is None or any(name not in item for name in own):
            return None
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return item
        kept = {*own, *self.key, *projection.get("NonKeyAttributes", ())}
        return {name: value for name, value in item.items() if name in kept}


def _writes_of(call: Call) -> Iterator[tuple[str, Attributes, bool]]:
    """Table, item or key, and whether it is an item, of everything that a call writes."""
    match call.operation:
        case "TransactWriteItems":
            for write in call.request["TransactItems"]:
                ((kind, asked),) = write.items()
                put = kind == "Put"
                yield asked["TableName"], asked["Item" if put else "Key"], put
        case "BatchWriteItem":
            for table, writes in call.request["RequestItems"].items():
                for write in writes:
                    put = "PutRequest" in write
                    asked = write["PutRequest" if put else "DeleteRequest"]
                    yield table, asked["Item" if put else "Key"], put
        case operation:
            put = operation == "PutItem"
            yield call.request["TableName"], call.request["Item" if put else "Key"], put


def _reads(call: Call, answer: Any) -> Iterator[Charge]:
    match call.operation:
        case "Query":
            if call.request.get("Select") == "COUNT":  # which does not show what it went over
                shown = {name: value for name, value in call.request.items() if name != "Select"}
                answer = call.aside("Query", **shown)
            sizes = [size_of(item) for item in answer["Items"]]
            what = f"{len(sizes)} items of {call.request.get('IndexName', 'the table')}"
            yield _read(call, what, sum(sizes), call.request)
        case "BatchGetItem":
            for table, asked in call.request["RequestItems"].items():
                items = answer["Responses"].get(table, [])
                for key in asked["Keys"]:
                    size = sum(size_of(item) for item in items if key.items() <= item.items())
                    yield _read(call, _last(key), size, asked)
        case _:
            size = size_of(answer.get("Item", {}))
            yield _read(call, _last(call.request["Key"]), size, call.request)


def _read(call: Call, what: str, size: int, asked: Mapping[str, Any]) -> Charge:
    share = 1 if asked.get("ConsistentRead") else 0.5
    return Charge(call.operation, what, size, read_units=share * _steps(size, 4096))


def _condition_failed(error: ClientError) -> bool:
    reasons = error.response.get("CancellationReasons", ())
    codes = {error.response["Error"]["Code"], *(reason["Code"] for reason in reasons)}
    return bool(codes & {"ConditionalCheckFailedException", "ConditionalCheckFailed"})

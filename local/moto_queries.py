"""A table's items in DynamoDB's order, and the queries that read them."""

from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any
from weakref import WeakKeyDictionary

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import GlobalSecondaryIndex, Table

PAGE_BYTES = 1024 * 1024

Entry = tuple[tuple[Any, ...], Item]
_place = itemgetter(0)
_stock_project = Item.project
_stock_query = Table.query


class Index:
    """The items of a table by partition, each partition sorted.

    Holds only items that have all of its key attributes, in the types declared for them (sparse).
    Equal range keys are told apart by the table's own key.
    """

    def __init__(self, table: Table, keys: tuple[str, ...]) -> None:
        types: dict[str | None, str | None] = {
            table.hash_key_attr: table.hash_key_type,
            table.range_key_attr: table.range_key_type,
            **{attr["AttributeName"]: attr["AttributeType"] for attr in table.attr},
        }
        names = dict.fromkeys([*keys, *table.table_key_attrs])
        self.types = [(name, types[name]) for name in names]
        self.partitions: dict[Any, list[Entry]] = {}
        for held in table.items.values():
            for item in [held] if isinstance(held, Item) else held.values():
                if found := self.locate(item.attrs):
                    self.partitions.setdefault(found[0], []).append((found[1], item))
        for partition in self.partitions.values():
            partition.sort(key=_place)

    def locate(self, attrs: Mapping[str, DynamoType]) -> tuple[Any, tuple[Any, ...]] | None:
        """The partition of an item and its place in it; None if it does not belong here."""
        values = []
        for name, declared in self.types:
            value = attrs.get(name)
            if value is None or value.type != declared:
                return None
            values.append(_comparable(value))
        return values[0], tuple(values[1:])

    def add(self, item: Item) -> None:
        if found := self.locate(item.attrs):
            partition = self.partitions.setdefault(found[0], [])
            partition.insert(bisect_left(partition, found[1], key=_place), (found[1], item))

    def remove(self, item: Item) -> None:
        if found := self.locate(item.attrs):
            partition = self.partitions[found[0]]
            del partition[bisect_left(partition, found[1], key=_place)]
            if not partition:
                del self.partitions[found[0]]


# By table, then by key attributes. Each is built by the first query that needs it.
_indexes: WeakKeyDictionary[Table, dict[tuple[str, ...], Index]] = WeakKeyDictionary()


def follow(table: Table, before: Item | None, after: Item | None) -> None:
    """Tell the indexes of a table that one of its items was changed."""
    for index in _indexes.get(table, {}).values():
        if before is not None:
            index.remove(before)
        if after is not None:
            index.add(after)


def query(
    table: Table,
    hash_key: DynamoType | None,
    range_comparison: str | None,
    range_objs: list[DynamoType],
    limit: int,
    exclusive_start_key: dict[str, Any],
    scan_index_forward: bool,
    projection_expressions: list[list[str]] | None,
    index_name: str | None = None,
    consistent_read: bool = False,
    filter_expression: Any = None,
    **others: Any,
) -> tuple[list[Item], int, dict[str, Any] | None]:
    """In place of `Table.query`: the items, how many were evaluated, and the last one's key.

    A page ends after `limit` items or before it would pass 1 MB, and only then names its last key.
    Filters of the time before expressions and keys of many attributes are left to moto's own.
    """
    secondary = next((i for i in table.all_indexes() if i.name == index_name), None)
    keys = tuple(key["AttributeName"] for key in (secondary or table).schema)
    if (
        hash_key is None
        or (index_name and secondary is None)
        or (consistent_read and isinstance(secondary, GlobalSecondaryIndex))
        or len(keys) > 2
        or others.keys() - {"hash_key_conditions", "range_key_conditions"}
    ):
        return _stock_query(
            table,
            hash_key,
            range_comparison,
            range_objs,
            limit,
            exclusive_start_key,
            scan_index_forward,
            projection_expressions,
            index_name,
            consistent_read,
            filter_expression,
            **others,
        )

    built = _indexes.setdefault(table, {})
    if keys not in built:
        built[keys] = Index(table, keys)
    index = built[keys]
    if any(
        value.type != declared
        for value, (_, declared) in zip([hash_key, *range_objs], index.types, strict=False)
    ):
        raise MockValidationException(
            "One or more parameter values were invalid: "
            "Condition parameter type does not match schema type"
        )
    partition = index.partitions.get(_comparable(hash_key), [])
    condition = range_comparison, [_comparable(value) for value in range_objs]
    low, high = _span(partition, *condition)
    if exclusive_start_key:
        start = index.locate({k: DynamoType(v) for k, v in exclusive_start_key.items()})
        if start is None or start[0] != _comparable(hash_key):
            raise MockValidationException("The provided starting key is invalid")
        if _span([(start[1], Item(hash_key, None, {}))], *condition) != (0, 1):
            raise MockValidationException(
                "The provided starting key does not match the range key predicate"
            )
        if scan_index_forward:
            low = max(low, bisect_right(partition, start[1], key=_place))
        else:
            high = min(high, bisect_left(partition, start[1], key=_place))

    page: list[Item] = []
    size = 0
    last_key = None
    for at in range(low, high) if scan_index_forward else range(high - 1, low - 1, -1):
        item = partition[at][1]
        if secondary:
            item = secondary.project(item)
        size += item.size()
        if size <= PAGE_BYTES:
            page.append(item)
        if size > PAGE_BYTES or len(page) == limit:
            last_key = table._get_last_evaluated_key(page[-1], index_name)
            break
    found = [item for item in page if filter_expression is None or filter_expression.expr(item)]
    if projection_expressions:
        found = [item.project(projection_expressions) for item in found]
    return found, len(page), last_key


def project(item: Item, projection_expressions: list[list[str]]) -> Item:
    """In place of `Item.project`, which converts the whole item once per attribute asked for."""
    if any(len(path) > 1 or path[0].endswith("]") for path in projection_expressions):
        return _stock_project(item, projection_expressions)
    projected = Item(item.hash_key, item.range_key, {})
    for (name,) in projection_expressions:
        if name in item.attrs:
            # Not by item assignment, which weighs the whole item anew for each attribute.
            projected.attrs.update({name: item.attrs[name]})
    return projected


def _comparable(value: DynamoType) -> Any:
    """A key's value that Python orders as DynamoDB does (text as its UTF-8, which str does)."""
    if value.type == "N":
        return Decimal(value.value)
    if value.type == "B" and isinstance(value.value, str):
        return b64decode(value.value)
    return value.value


def _span(partition: list[Entry], comparison: str | None, values: list[Any]) -> tuple[int, int]:
    """From where to where in a partition a condition on the range key holds."""
    if comparison is None:
        return 0, len(partition)
    left = bisect_left(partition, values[0], key=lambda entry: entry[0][0])
    right = bisect_right(partition, values[-1], key=lambda entry: entry[0][0])
    match comparison:
        case "=" | "BETWEEN":
            return left, right
        case "<":
            return 0, left
        case "<=":
            return 0, right
        case ">":
            return right, len(partition)
        case ">=":
            return left, len(partition)
        case "BEGINS_WITH":
            prefix = values[0]
            return left, bisect_right(
                partition, prefix, key=lambda entry: entry[0][0][: len(prefix)]
            )
    raise MockValidationException("Query key condition not supported")

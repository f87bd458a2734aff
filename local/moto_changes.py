"""Changes to a table's items, each whole or not at all, and the stream that tells of them.

moto's own code makes the change, on a draft: a table with a copy of that one item and nothing else.
It may fail there as it likes. What comes of it is put in the real table by `_commit`, with what
depends on it. So there is nothing to undo, and an item once stored never changes: reads share it.
"""

import copy
import json
import time
from collections import defaultdict
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

from moto.core.responses import ActionResult
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ERROR_TYPE_PREFIX,
    AttributeDoesNotExist,
    DynamodbException,
    IncorrectDataType,
    InvalidUpdateExpressionInvalidDocumentPath,
    ItemSizeToUpdateTooLarge,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
    TransactWriteSingleOpException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.models import ShardIterator

from local.moto_queries import follow

TOKEN_SECONDS = 600.0
STREAM_RECORDS = 10_000  # a stream keeps at least so many, and at most twice as many

# What is found only at the item itself is a reason of the cancelled transaction. Anything else that
# is wrong with a request is refused as a bad request.
_ITEM_ERRORS = (
    AttributeDoesNotExist,
    IncorrectDataType,
    InvalidUpdateExpressionInvalidDocumentPath,
    ItemSizeToUpdateTooLarge,
)

_stock_get_records = ShardIterator.get
_stock_put = Table.put_item
_stock_transact = DynamoHandler.transact_write_items
_stock_update = DynamoDBBackend.update_item

# What each backend's client tokens asked for, and when they lapse.
_tokens: WeakKeyDictionary[DynamoDBBackend, dict[str, tuple[str, float]]] = WeakKeyDictionary()


def put_item(table: Table, item_attrs: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
    """In place of `Table.put_item`."""
    before, draft = _draft(table, item_attrs)
    after = _stock_put(draft, item_attrs, *args, **kwargs)
    _commit(table, before, after)
    return after


def update_item(
    backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any
) -> Item:
    """In place of `DynamoDBBackend.update_item`."""
    table = backend.get_table(table_name)
    before, draft = _draft(table, key)
    after = _stock_update(_backend(backend, table_name, draft), table_name, key, *args, **kwargs)
    _commit(table, before, after)
    return after


def delete_item(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
    """In place of `Table.delete_item`."""
    before = table.get_item(hash_key, range_key)
    _commit(table, before, None)
    return before


def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """In place of `DynamoDBBackend.transact_write_items`.

    Raises TransactionCanceledException with a reason for each item, in their order.
    """
    if len(transact_items) > 100:
        raise TooManyTransactionsException()
    changes: dict[tuple[Any, ...], tuple[Table, Item | None, Item | None]] = {}
    reasons: list[tuple[str | None, str | None, dict[str, Any] | None]] = []
    for transact_item in transact_items:
        if len(transact_item) > 1:
            raise TransactWriteSingleOpException()
        ((kind, op),) = transact_item.items()
        table = backend.get_table(op["TableName"])
        key = op["Item" if kind == "Put" else "Key"]
        place = (table.name, *backend.get_keys_value(table, key))
        if place in changes:
            raise MultipleTransactionsException()
        before, draft = _draft(table, key)
        after = before
        reason: tuple[str | None, str | None, dict[str, Any] | None] = (None, None, None)
        names, values = op.get("ExpressionAttributeNames"), op.get("ExpressionAttributeValues")
        condition = get_filter_expression(op.get("ConditionExpression"), names, values)
        if not condition.expr(before):
            show = before and op.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            old = before.to_json()["Attributes"] if before and show else None
            reason = ("ConditionalCheckFailed", "The conditional request failed", old)
        elif kind == "Put":
            after = _stock_put(draft, op["Item"], overwrite=True)
        elif kind == "Delete":
            after = None
        elif kind == "Update":
            drafts = _backend(backend, table.name, draft)
            try:
                after = _stock_update(
                    drafts, table.name, key, op["UpdateExpression"], names, values
                )
            except _ITEM_ERRORS as error:
                reason = ("ValidationError", error.message, None)
        reasons.append(reason)
        changes[place] = (table, before, after)
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    for change in changes.values():
        _commit(*change)


def transact_once(handler: DynamoHandler) -> ActionResult:
    """In place of `DynamoHandler.transact_write_items`: what a client token names happens once.

    botocore sends a token of its own with each call and with its retries. For 10 minutes after a
    success the same request succeeds without effect; another one under its token is refused.
    """
    tokens = _tokens.setdefault(handler.dynamodb_backend, {})
    now = time.monotonic()
    while tokens and next(iter(tokens.values()))[1] <= now:
        del tokens[next(iter(tokens))]
    token = handler.body.get("ClientRequestToken")
    asked = json.dumps(handler.body["TransactItems"], sort_keys=True, default=str)
    digest = sha256(asked.encode()).hexdigest()
    if token in tokens:
        if tokens[token][0] != digest:
            raise DynamodbException(
                ERROR_TYPE_PREFIX + "IdempotentParameterMismatchException",
                "Request token was used with different parameters",
            )
        return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
    answer = _stock_transact(handler)
    if token:
        tokens[token] = (digest, now + TOKEN_SECONDS)
    return answer


def get_records(iterator: ShardIterator, limit: int = 1000) -> dict[str, Any]:
    """In place of `ShardIterator.get`, which makes and keeps a new iterator for each empty poll."""
    shard = iterator.stream_shard
    if iterator.sequence_number < shard.starting_sequence_number:
        raise DynamodbException(
            ERROR_TYPE_PREFIX + "TrimmedDataAccessException",
            "The operation attempted to read past the oldest stream record in a shard",
        )
    if iterator.sequence_number >= shard.starting_sequence_number + len(shard.items):
        return {"NextShardIterator": iterator.arn, "Records": []}
    return _stock_get_records(iterator, limit)


def _draft(table: Table, attrs: dict[str, Any]) -> tuple[Item | None, Table]:
    """The item under the key in `attrs`, and a table that has a copy of it and nothing else."""
    draft = object.__new__(type(table))  # not Table.__new__, which remembers every table
    draft.__dict__.update(table.__dict__, items=defaultdict(dict), stream_shard=None)
    key = [DynamoType(attrs[name]) for name in table.table_key_attrs if name in attrs]
    if len(key) < len(table.table_key_attrs) or not all(isinstance(k.value, str) for k in key):
        return None, draft  # moto will refuse this
    hash_key, *range_key = key
    before = table.get_item(hash_key, range_key[0] if range_key else None)
    _commit(draft, None, copy.deepcopy(before))
    return before, draft


def _backend(backend: DynamoDBBackend, table_name: str, draft: Table) -> DynamoDBBackend:
    drafts = copy.copy(backend)
    drafts.tables = {table_name: draft}
    return drafts


def _commit(table: Table, before: Item | None, after: Item | None) -> None:
    """Put `after` where `before` was: in the table, its indexes and, if it differs, its stream."""
    item = after or before
    if item is None or before is after:
        return
    items: dict[Any, Any] = table.items if item.range_key is None else table.items[item.hash_key]
    own_key = item.range_key or item.hash_key
    if after is None:
        del items[own_key]
    else:
        items[own_key] = after
    follow(table, before, after)
    shard = table.stream_shard
    if shard and not (before and after and before == after):
        shard.add(before, after)
        if len(shard.items) == 2 * STREAM_RECORDS:
            del shard.items[:STREAM_RECORDS]
            shard.starting_sequence_number += STREAM_RECORDS

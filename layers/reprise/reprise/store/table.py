"""The table itself: one model base, one connection, and the three calls that everything else is
made of: query, read by keys, write all or nothing.
"""

import os
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import DiscriminatorAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

CONFLICT_RETRIES = 5
UNCLEAR_RETRIES = 1
_LISTED = ("id", "title", "model", "created", "kind")  # what lists show of a conversation
STORE_ERRORS = (PynamoDBException, BotoCoreError, ClientError)  # table or bucket cannot be had
_RETRIED = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class ByOwner(GlobalSecondaryIndex["Item"]):  # type: ignore[no-untyped-call]
    """An owner's conversations by activity. Only META items have `owner`, so nothing else is in
    it.
    """

    class Meta:
        index_name = "by_owner"
        projection = IncludeProjection([*_LISTED, "agent", "end_user"])

    owner = UnicodeAttribute(hash_key=True)
    activity = NumberAttribute(range_key=True)


class ByAgent(GlobalSecondaryIndex["Item"]):  # type: ignore[no-untyped-call]
    """An owner's conversations with an agent. Only those are in it that name their agent."""

    class Meta:
        index_name = "by_agent"
        projection = IncludeProjection([*_LISTED, "end_user"])

    agent = UnicodeAttribute(hash_key=True)
    activity = NumberAttribute(range_key=True)


class ByEndUser(GlobalSecondaryIndex["Item"]):  # type: ignore[no-untyped-call]
    """The conversations of an owner's end user, with whichever agent."""

    class Meta:
        index_name = "by_end_user"
        projection = IncludeProjection([*_LISTED, "agent"])

    end_user = UnicodeAttribute(hash_key=True)
    activity = NumberAttribute(range_key=True)


class Item(Model):
    """Whatever lies in the table. Attribute names in the table are short because every turn pays
    for their bytes; the names in the code are the words of the design.
    """

    class Meta:
        table_name = os.environ.get("TABLE_NAME", "reprise")
        connect_timeout_seconds = 2
        read_timeout_seconds = 5
        max_retry_attempts = 3
        max_pool_connections = 64

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute(attr_name="kind")

    by_owner = ByOwner()
    by_agent = ByAgent()
    by_end_user = ByEndUser()


I = TypeVar("I", bound=Item)  # noqa: E741
Key = tuple[str, str]


def connection() -> TableConnection:
    return Item._get_connection()


def query(
    partition: str,
    condition: Condition | None = None,
    *,
    limit: int | None = None,
    reverse: bool = False,
    consistent: bool = True,
    start: dict[str, Any] | None = None,
) -> tuple[list[Item], dict[str, Any] | None]:
    """One page of a partition, and the key to go on from (None at the end).

    Not `Item.query`: that adds a filter on the discriminator, which costs and cuts pages short.
    """
    data = connection().query(
        partition,
        range_key_condition=condition,
        limit=limit,
        scan_index_forward=not reverse,
        consistent_read=consistent,
        exclusive_start_key=start,
    )
    return [Item.from_raw_data(raw) for raw in data["Items"]], data.get("LastEvaluatedKey")


def query_all(
    partition: str,
    condition: Condition | None = None,
    *,
    reverse: bool = False,
    consistent: bool = True,
) -> Iterator[Item]:
    """All items of a partition, or those of a range, page by page."""
    start = None
    while True:
        items, start = query(
            partition, condition, reverse=reverse, consistent=consistent, start=start
        )
        yield from items
        if not start:
            return


def get(kind: type[I], partition: str, sort: str, *, consistent: bool = True) -> I | None:
    """One item."""
    try:
        return kind.get(partition, sort, consistent_read=consistent)
    except kind.DoesNotExist:
        return None


def get_many(keys: Iterable[Key]) -> dict[Key, Item]:
    """Up to 100 items in one round trip, strongly consistent; what is absent is left out."""
    found = Item.batch_get(list(keys), consistent_read=True)
    return {(item.pk, item.sk): item for item in found}


@dataclass(frozen=True)
class Refusal:
    """Why one write of a transaction was refused; `item` is what lay there, where it was asked
    for.
    """

    code: str
    item: Item | None


class Refused(Exception):
    """A condition of a transaction failed. `reasons` holds the failed writes by their names."""

    def __init__(self, reasons: Mapping[str, Refusal]) -> None:
        super().__init__(", ".join(f"{name}: {r.code}" for name, r in reasons.items()))
        self.reasons = reasons


class Transaction:
    """Writes that happen together or not at all, each with a name by which a refusal tells it.

    Its request token stays the same over all attempts, so a commit whose answer was lost can simply
    be made again: DynamoDB knows it for ten minutes.
    """

    def __init__(self) -> None:
        self._token = str(uuid.uuid4())
        self._writes: dict[str, list[tuple[str, dict[str, Any]]]] = {
            # in the order in which PynamoDB takes and sends them, and so that of the reasons
            "condition_check_items": [],
            "delete_items": [],
            "put_items": [],
            "update_items": [],
        }

    def check(self, name: str, kind: type[Item], key: Key, condition: Condition) -> None:
        kwargs = kind.get_operation_kwargs_from_class(*key, condition=condition)
        kwargs["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self._writes["condition_check_items"].append((name, kwargs))

    def put(self, name: str, item: Item, condition: Condition | None = None) -> None:
        kwargs = item.get_save_kwargs_from_instance(
            condition=condition, return_values_on_condition_failure="ALL_OLD"
        )
        self._writes["put_items"].append((name, kwargs))

    def update(
        self, name: str, item: Item, actions: list[Action], condition: Condition | None = None
    ) -> None:
        kwargs = item.get_update_kwargs_from_instance(
            actions=actions, condition=condition, return_values_on_condition_failure="ALL_OLD"
        )
        self._writes["update_items"].append((name, kwargs))

    def delete(self, name: str, item: Item, condition: Condition | None = None) -> None:
        kwargs = item.get_delete_kwargs_from_instance(
            condition=condition, return_values_on_condition_failure="ALL_OLD"
        )
        self._writes["delete_items"].append((name, kwargs))

    def commit(self, pause: Callable[[float], None] = time.sleep) -> None:
        """Write it all. Raises `Refused` when a condition failed, `PynamoDBException` when DynamoDB
        cannot be had; conflicts with other transactions are tried again, at most five times with
        jitter.
        """
        unclear = 0
        for attempt in range(CONFLICT_RETRIES + 1):
            try:
                connection().connection.transact_write_items(
                    **{kind: [kw for _, kw in writes] for kind, writes in self._writes.items()},  # type: ignore[arg-type]
                    client_request_token=self._token,
                )
                return
            except TransactWriteError as error:
                reasons = self._reasons(error)
                codes = {reason.code for reason in reasons.values()}
                if codes and not codes & _RETRIED:
                    raise Refused(reasons) from error
                unclear += not codes
                if attempt == CONFLICT_RETRIES or unclear > UNCLEAR_RETRIES or not _again(error):
                    raise
            pause(_jitter(attempt))

    def _reasons(self, error: TransactWriteError) -> dict[str, Refusal]:
        names = [name for writes in self._writes.values() for name, _ in writes]
        return {
            name: Refusal(
                reason.code, Item.from_raw_data(reason.raw_item) if reason.raw_item else None
            )
            for name, reason in zip(names, error.cancellation_reasons, strict=False)
            if reason is not None
        }


def write(change: Callable[[], object], pause: Callable[[float], None] = time.sleep) -> bool:
    """Make a single write. False when its condition failed; where a transaction is at its item, it
    is tried again as that would be: botocore does not.
    """
    for attempt in range(CONFLICT_RETRIES + 1):
        try:
            change()
        except PynamoDBException as error:
            if condition_failed(error):
                return False
            if attempt == CONFLICT_RETRIES or _code(error) != "TransactionConflictException":
                raise
            pause(_jitter(attempt))
        else:
            break
    return True


def condition_failed(error: PynamoDBException) -> bool:
    """Whether a single write was refused by its condition."""
    return _code(error) == "ConditionalCheckFailedException"


def _jitter(attempt: int) -> float:
    """Seconds to wait before the next attempt."""
    return random.uniform(0, 0.05 * 2**attempt)  # noqa: S311


def _again(error: PynamoDBException) -> bool:
    """Whether trying again may help: not where the request itself is at fault."""
    return _code(error) not in ("ValidationException", "AccessDeniedException")


def _code(error: PynamoDBException) -> str | None:
    """AWS's code of an error; None where there was no answer. (PynamoDB's own property fails
    then.)
    """
    response = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code

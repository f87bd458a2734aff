"""The computed units, which benches and docs speak of, beside those that DynamoDB Local consumes.

They agree but for this: what a transaction changes in an index, DynamoDB Local counts four times.
AWS describes two writes for a changed key (a delete and a put), which is what a plain update is
charged here as well. Of a transaction over several partitions it counts one, so
claims, holds and ledger entries are not compared, nor are reads of what is not there, which it
counts as nothing or half.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from reprise.engine import conversations, reading
from tests.calls import Call, intercept
from tests.capacity import Cost, measured
from tests.engine.world import OWNER, World

pytestmark = pytest.mark.skipif(
    "REPRISE_TEST_DYNAMODB" not in os.environ, reason="make test-dynamodb runs this"
)

TEXT = "x" * 800
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


@dataclass
class Told:
    """Units that the answers tell."""

    writes: float = 0
    index_writes: float = 0
    reads: float = 0


@contextmanager
def consumed() -> Iterator[tuple[Cost, Told]]:
    units = Told()

    def handle(call: Call) -> Any:
        call.request["ReturnConsumedCapacity"] = "INDEXES"
        answer = call.proceed()
        told = answer.get("ConsumedCapacity", [])
        for each in told if isinstance(told, list) else [told]:
            indexes = each.get("GlobalSecondaryIndexes", {}).values()
            if call.operation in WRITES:
                units.writes += each["Table"]["CapacityUnits"]
                units.index_writes += sum(index["CapacityUnits"] for index in indexes)
            else:
                units.reads += each["CapacityUnits"]
        return answer

    with measured() as computed, intercept(handle):
        yield computed, units


def split(cost: Cost) -> tuple[float, float]:
    """Computed write units of the table and of the index."""
    index = sum(each.write_units for each in cost.charges if each.what == "by_owner")
    return cost.write_units - index, index


@pytest.mark.parametrize("turns", [1, 5, 50])
async def test_a_turn_consumes_what_is_computed(world: World, turns: int) -> None:
    for _ in range(turns - 1):
        await world.say(TEXT, [TEXT])
    with consumed() as (computed, told):
        await world.say(TEXT, [TEXT])
    table, index = split(computed)
    assert told.writes == pytest.approx(table, rel=0.1), computed.table()
    assert told.index_writes == 4 * index, (
        "DynamoDB Local counts a transaction's indexes otherwise now"
    )
    assert told.reads == pytest.approx(computed.read_units, rel=0.1), computed.table()


async def test_a_redo_consumes_what_is_computed(world: World) -> None:
    answer = await world.say(TEXT, [TEXT])
    with consumed() as (computed, told):
        world.models.enqueue([TEXT])
        await (await world.redo(answer.id)).ended()
    assert told.writes == pytest.approx(split(computed)[0], rel=0.1), computed.table()


def test_a_new_title_consumes_what_is_computed_in_the_index_too(world: World) -> None:
    with consumed() as (computed, told):
        conversations.rename(world.engine, OWNER, world.conversation.id, "Another title")
    assert (told.writes, told.index_writes) == split(computed)


async def test_reading_consumes_what_is_computed(world: World) -> None:
    for _ in range(20):
        answer = await world.say(TEXT, [TEXT])
    with consumed() as (computed, told):
        world.listing()
        reading.message(world.engine, OWNER, answer.id)
    assert told.reads == pytest.approx(computed.read_units, rel=0.1), computed.table()

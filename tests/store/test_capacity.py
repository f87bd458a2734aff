"""`tests.capacity` counts as AWS does."""

import threading
import time
from typing import Any

import pytest

from reprise.store.items import ConversationItem, LeaseItem
from reprise.store.table import Item, Refused, Transaction, get, query
from tests.calls import intercept
from tests.capacity import Charge, Cost, measured, size_of
from tests.faults import Fault, Killed, faults, killed

pytestmark = pytest.mark.usefixtures("aws")


def chunk(size: int, sort: str = "a") -> LeaseItem:
    """An item of so many bytes, which is in no index."""
    item = LeaseItem("p", sort, generation="", expires=1, ttl=1)
    frame = size_of(item.serialize())
    return LeaseItem("p", sort, generation="x" * (size - frame), expires=1, ttl=1)


def conversation(activity: int = 1, title: str = "Trip", head: str = "h") -> ConversationItem:
    return ConversationItem(
        "p", "META", id="1", owner="o", title=title, head=head, version=1, created=1,
        activity=activity,
    )  # fmt: skip


@pytest.mark.parametrize(("size", "units"), [(200, 1), (1024, 1), (1025, 2), (10_240, 10)])
def test_a_put_costs_a_unit_per_kb_begun(size: int, units: int) -> None:
    with measured() as cost:
        chunk(size).save()

    assert cost.charges == [Charge("PutItem", "a", size, write_units=units)]


def test_the_larger_of_before_and_after_counts() -> None:
    chunk(3000).save()

    with measured() as cost:
        chunk(100).save()
        chunk(3000, "b").save()
        chunk(3000, "b").delete()

    assert [charge.write_units for charge in cost.charges] == [3, 3, 3]


def test_deleting_what_is_not_there_costs_a_unit() -> None:
    with measured() as cost:
        chunk(100).delete()

    assert cost.write_units == 1


def test_a_transaction_costs_twice_as_much() -> None:
    chunk(1500, "gone").save()
    transaction = Transaction()
    transaction.put("put", chunk(1025))
    transaction.delete("delete", chunk(100, "gone"))
    transaction.check("check", LeaseItem, ("p", "b"), Item.pk.does_not_exist())

    with measured() as cost:
        transaction.commit()

    assert {charge.what: charge.write_units for charge in cost.charges} == {
        "a": 4,
        "gone": 4,
        "b": 2,
    }


def test_a_refused_write_costs_what_it_would_have() -> None:
    chunk(100).save()
    transaction = Transaction()
    transaction.put("put", chunk(2000), Item.pk.does_not_exist())

    with measured() as cost, pytest.raises(Refused):
        transaction.commit()

    assert cost.write_units == 4


def test_a_write_that_never_left_costs_nothing() -> None:
    with faults(Fault("PutItem", killed)), measured() as cost, pytest.raises(Killed):
        chunk(100).save()

    assert cost.charges == []


def by_owner(cost: Cost) -> list[float]:
    return [charge.write_units for charge in cost.charges if charge.what == "by_owner"]


def test_an_entry_of_an_index_costs_a_unit_when_it_appears_or_disappears() -> None:
    with measured() as appears:
        conversation().save()
    with measured() as disappears:
        conversation().delete()

    assert (by_owner(appears), by_owner(disappears)) == ([1], [1])


@pytest.mark.parametrize(
    ("changed", "units"),
    [
        (conversation(activity=2), [1, 1]),  # another key: delete and put
        (conversation(title="Another"), [1]),  # projected
        (conversation(head="another"), []),  # not projected
        (conversation(activity=2, title="x" * 1500), [1, 2]),
    ],
    ids=["key", "projected attribute", "other attribute", "key and size"],
)
def test_an_entry_of_an_index_costs_what_changes(
    changed: ConversationItem, units: list[float]
) -> None:
    conversation().save()

    with measured() as cost:
        changed.save()

    assert by_owner(cost) == units


@pytest.mark.parametrize(("size", "units"), [(100, 1), (4096, 1), (4097, 2)])
def test_a_consistent_read_costs_a_unit_per_4_kb_begun(size: int, units: float) -> None:
    chunk(size).save()

    with measured() as cost:
        get(LeaseItem, "p", "a")

    assert cost.charges == [Charge("GetItem", "a", size, read_units=units)]


def test_a_read_of_nothing_costs_a_step() -> None:
    with measured() as cost:
        get(LeaseItem, "p", "a")
        query("p")

    assert cost.read_units == 2


def test_a_query_costs_the_sum_of_what_it_went_over() -> None:
    for sort in "abcd":
        chunk(1500, sort).save()

    with measured() as consistent:
        query("p")
    with measured() as eventual:
        query("p", consistent=False)

    assert (consistent.read_units, eventual.read_units) == (2, 1)


def test_a_batch_costs_item_by_item() -> None:
    chunk(5000).save()
    chunk(100, "b").save()

    with measured() as cost:
        list(Item.batch_get([("p", "a"), ("p", "b"), ("p", "c")], consistent_read=True))

    assert sorted(charge.read_units for charge in cost.charges) == [1, 1, 2]


def test_calls_one_after_another_are_round_trips_each() -> None:
    with measured(units=False) as cost:
        for _ in range(3):
            get(LeaseItem, "p", "a")

    assert cost.round_trips == 3


def test_calls_at_the_same_time_are_one_round_trip() -> None:
    def slowly(call: Any) -> Any:
        time.sleep(0.1)
        return call.proceed()

    with intercept(slowly), measured(units=False) as cost:
        threads = [threading.Thread(target=get, args=(LeaseItem, "p", "a")) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        get(LeaseItem, "p", "a")

    assert len(cost.calls) == 4
    assert cost.round_trips == 2

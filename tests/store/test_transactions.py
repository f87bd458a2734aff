"""Writes happen together or not at all, and who refused them is told by name."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import PutError, TransactWriteError

from reprise.store.items import ChunkItem, LeaseItem
from reprise.store.table import (
    CONFLICT_RETRIES,
    UNCLEAR_RETRIES,
    Item,
    Refused,
    Transaction,
    get,
    get_many,
    query,
    query_all,
    write,
)
from tests.calls import Call
from tests.capacity import measured
from tests.faults import (
    EVERY,
    Fault,
    Kind,
    answering,
    cancelled,
    conflict,
    disconnected,
    faults,
    lost_answer,
    meanwhile,
    onward,
    throttled,
    timeout,
)

pytestmark = pytest.mark.usefixtures("aws")

FREE = Item.pk.does_not_exist()
THERE = Item.pk.exists()


def lease(sort: str, generation: str = "g") -> LeaseItem:
    return LeaseItem("p", sort, generation=generation, expires=1, ttl=1)


def put(*sorts: str) -> Transaction:
    transaction = Transaction()
    for sort in sorts:
        transaction.put(sort, lease(sort), FREE)
    return transaction


def stored() -> list[str]:
    return [item.sk for item in query_all("p")]


# All or nothing


def test_all_writes_happen() -> None:
    for sort in ("checked", "deleted", "updated"):
        lease(sort).save()
    transaction = Transaction()
    transaction.check("check", LeaseItem, ("p", "checked"), THERE)
    transaction.put("put", lease("put"), FREE)
    transaction.update("update", lease("updated"), [LeaseItem.generation.set("new")], THERE)
    transaction.delete("delete", lease("deleted"), THERE)

    transaction.commit()

    assert stored() == ["checked", "put", "updated"]
    updated = get(LeaseItem, "p", "updated")
    assert updated
    assert updated.generation == "new"


@pytest.mark.parametrize("refused", ["check", "put", "update", "delete"])
def test_where_one_write_is_refused_none_happens_and_its_name_is_told(refused: str) -> None:
    lease("there", "old").save()
    transaction = Transaction()
    transaction.delete("delete", lease("a"), THERE if refused == "delete" else FREE)
    transaction.put("put", lease("there" if refused == "put" else "b"), FREE)
    transaction.check("check", LeaseItem, ("p", "there" if refused == "check" else "c"), FREE)
    transaction.update(
        "update",
        lease("there" if refused == "update" else "d"),
        [LeaseItem.generation.set("new")],
        FREE,
    )

    with pytest.raises(Refused) as caught:
        transaction.commit()

    assert caught.value.reasons.keys() == {refused}
    assert caught.value.reasons[refused].code == "ConditionalCheckFailed"
    assert stored() == ["there"]


@pytest.mark.parametrize("kind", ["check", "put", "update", "delete"])
def test_a_refusal_shows_what_lay_there(kind: str) -> None:
    lease("there", "old").save()
    transaction = Transaction()
    match kind:
        case "check":
            transaction.check("it", LeaseItem, ("p", "there"), FREE)
        case "put":
            transaction.put("it", lease("there"), FREE)
        case "update":
            transaction.update("it", lease("there"), [LeaseItem.generation.set("new")], FREE)
        case "delete":
            transaction.delete("it", lease("there"), FREE)

    with pytest.raises(Refused) as caught:
        transaction.commit()

    item = caught.value.reasons["it"].item
    assert isinstance(item, LeaseItem)
    assert item.generation == "old"


def test_a_refusal_for_what_is_not_there_shows_nothing() -> None:
    transaction = Transaction()
    transaction.delete("gone", lease("gone"), THERE)

    with pytest.raises(Refused) as caught:
        transaction.commit()

    assert caught.value.reasons["gone"].item is None


def test_every_refused_write_is_told() -> None:
    lease("a").save()
    lease("c").save()

    with pytest.raises(Refused) as caught:
        put("a", "b", "c").commit()

    assert caught.value.reasons.keys() == {"a", "c"}


def test_a_refusal_is_not_tried_again() -> None:
    lease("a").save()

    with measured(units=False) as cost, pytest.raises(Refused):
        put("a").commit()

    assert len(cost.calls) == 1


# Others at the same items


def commit(transaction: Transaction) -> list[float]:
    """The pauses that a commit made."""
    pauses: list[float] = []
    transaction.commit(pauses.append)
    return pauses


RETRIED = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]


@pytest.mark.parametrize("code", RETRIED)
@pytest.mark.parametrize("times", [1, CONFLICT_RETRIES])
def test_conflicts_and_throttling_are_outlasted(code: str, times: int) -> None:
    with faults(Fault("TransactWriteItems", cancelled(code), range(1, times + 1))) as struck:
        pauses = commit(put("a"))

    assert (len(struck), len(pauses)) == (times, times)
    assert stored() == ["a"]


@pytest.mark.parametrize("code", RETRIED)
def test_five_retries_are_enough(code: str) -> None:
    with (
        faults(Fault("TransactWriteItems", cancelled(code), EVERY)) as struck,
        pytest.raises(TransactWriteError),
    ):
        commit(put("a"))

    assert len(struck) == 1 + 5
    assert stored() == []


def test_pauses_are_jittered_and_grow() -> None:
    every: list[list[float]] = []
    for number in range(20):
        with faults(Fault("TransactWriteItems", conflict, range(1, CONFLICT_RETRIES + 1))):
            every.append(commit(put(str(number))))

    for attempt, pauses in enumerate(zip(*every, strict=True)):
        assert len(set(pauses)) > 1
        assert all(0 <= pause <= 0.05 * 2**attempt for pause in pauses)
    assert max(max(pauses) for pauses in every) > 0.1


def test_a_condition_that_fails_after_a_conflict_is_a_refusal() -> None:
    def other(call: Call) -> Any:
        lease("a").save()
        return conflict(call)

    with faults(Fault("TransactWriteItems", other)), pytest.raises(Refused) as caught:
        commit(put("a"))

    assert caught.value.reasons.keys() == {"a"}


def test_a_condition_that_fails_beside_a_conflict_is_judged_when_the_conflict_is_over() -> None:
    def both(call: Call) -> Any:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
        error = {"Code": "TransactionCanceledException", "Message": ""}
        raise ClientError({"Error": error, "CancellationReasons": reasons}, call.operation)

    with faults(Fault("TransactWriteItems", both)) as struck:
        commit(put("a", "b"))

    assert struck
    assert stored() == ["a", "b"]


# Unclear outcomes


def tokens(calls: list[Call]) -> set[str]:
    return {call.request["ClientRequestToken"] for call in calls}


@pytest.mark.parametrize(
    "kind", [conflict, timeout, lost_answer, throttled], ids=lambda kind: kind.__name__
)
def test_all_attempts_have_the_same_token(kind: Kind) -> None:
    with measured(units=False) as cost, faults(Fault("TransactWriteItems", kind)) as struck:
        commit(put("a"))

    assert tokens([timed.call for timed in cost.calls] + struck) == tokens(struck)
    assert stored() == ["a"]


def test_every_transaction_has_a_token_of_its_own() -> None:
    with measured(units=False) as cost:
        commit(put("a"))
        commit(put("b"))

    assert len(tokens([timed.call for timed in cost.calls])) == 2


def test_a_commit_whose_answer_was_lost_succeeds_though_its_condition_would_fail_now() -> None:
    with faults(Fault("TransactWriteItems", lost_answer)) as struck:
        commit(put("a"))

    assert struck
    assert stored() == ["a"]


@pytest.mark.parametrize("kind", [timeout, disconnected, throttled], ids=lambda kind: kind.__name__)
def test_a_table_that_cannot_be_had_is_asked_once_more(kind: Kind) -> None:
    with (
        faults(Fault("TransactWriteItems", kind, onward(1))) as struck,
        pytest.raises(TransactWriteError),
    ):
        commit(put("a"))

    assert len(struck) == 1 + UNCLEAR_RETRIES
    assert stored() == []


def test_a_request_that_is_wrong_is_not_made_again() -> None:
    def wrong(call: Call) -> Any:
        raise ClientError({"Error": {"Code": "ValidationException"}}, call.operation)

    with (
        faults(Fault("TransactWriteItems", wrong, EVERY)) as struck,
        pytest.raises(TransactWriteError),
    ):
        commit(put("a"))

    assert len(struck) == 1


def test_somebody_who_is_faster_is_a_refusal() -> None:
    faster = meanwhile(lambda: commit(put("a")))

    with faults(Fault("TransactWriteItems", faster)), pytest.raises(Refused):
        commit(put("a", "b"))

    assert stored() == ["a"]


# Single writes


def single(sort: str) -> tuple[bool, list[float]]:
    """Whether a single write happened, and the pauses that it made."""
    pauses: list[float] = []
    return write(lambda: lease(sort).save(FREE), pauses.append), pauses


def test_a_single_write_happens_or_is_refused() -> None:
    assert single("a") == (True, [])
    assert single("a") == (False, [])


def test_a_single_write_outlasts_a_transaction_at_its_item() -> None:
    with faults(Fault("PutItem", conflict, range(1, CONFLICT_RETRIES + 1))):
        happened, pauses = single("a")

    assert happened
    assert all(0 <= pause <= 0.05 * 2**attempt for attempt, pause in enumerate(pauses))
    assert len(pauses) == CONFLICT_RETRIES


@pytest.mark.parametrize(("kind", "calls"), [(conflict, 1 + CONFLICT_RETRIES), (timeout, 1)])
def test_a_single_write_that_cannot_be_made_is_an_error(kind: Kind, calls: int) -> None:
    with faults(Fault("PutItem", kind, EVERY)) as struck, pytest.raises(PutError):
        single("a")

    assert len(struck) == calls


# Reading


def test_what_is_absent_is_not_got() -> None:
    lease("a").save()

    assert get(LeaseItem, "p", "b") is None
    assert get_many([("p", "a"), ("p", "b")]).keys() == {("p", "a")}


def test_a_hundred_items_are_got_in_one_round_trip() -> None:
    wanted = [("p", str(number)) for number in range(100)]
    with Item.batch_write() as batch:
        for _, sort in wanted:
            batch.save(lease(sort))

    with measured(units=False) as cost:
        found = get_many(wanted)

    assert found.keys() == set(wanted)
    assert cost.operations == ["BatchGetItem"]


def test_items_that_the_table_did_not_give_at_once_are_got() -> None:
    """Under load DynamoDB answers a part of the keys and hands the others back."""
    for sort in ("a", "b"):
        lease(sort).save()

    def half(answer: dict[str, Any]) -> dict[str, Any]:
        ((table, items),) = answer["Responses"].items()
        left = [{"pk": item["pk"], "sk": item["sk"]} for item in items[1:]]
        return answer | {
            "Responses": {table: items[:1]},
            "UnprocessedKeys": {table: {"Keys": left, "ConsistentRead": True}},
        }

    with faults(Fault("BatchGetItem", answering(half))) as struck:
        found = get_many([("p", "a"), ("p", "b")])

    assert struck
    assert found.keys() == {("p", "a"), ("p", "b")}


def test_every_item_of_a_partition_comes_as_its_own_kind() -> None:
    lease("a").save()
    ChunkItem("p", "b", events="[]", ttl=1).save()

    assert [type(item) for item in query_all("p")] == [LeaseItem, ChunkItem]


def test_a_page_has_so_many_items_and_the_key_to_go_on_from() -> None:
    for sort in "abc":
        lease(sort).save()

    first, more = query("p", limit=2, reverse=True)
    second, _ = query("p", limit=2, reverse=True, start=more)

    assert [item.sk for item in first] == ["c", "b"]
    assert [item.sk for item in second] == ["a"]

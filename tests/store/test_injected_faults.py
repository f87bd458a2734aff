"""`tests.faults` strikes where it was told to, and nowhere else."""

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.exceptions import DeleteError, PutError

from reprise.store import bodies
from reprise.store.items import LeaseItem
from reprise.store.table import get
from tests.faults import (
    ANY,
    EVERY,
    Fault,
    Killed,
    Kind,
    answering,
    conflict,
    disconnected,
    faults,
    internal,
    killed,
    killed_after,
    lost_answer,
    meanwhile,
    onward,
    repeated,
    throttled,
    timeout,
    writing,
)

pytestmark = pytest.mark.usefixtures("aws")


def put(sort: str) -> bool:
    """Whether a put succeeds."""
    try:
        LeaseItem("p", sort, generation="g", expires=1, ttl=1).save()
    except PutError:
        return False
    return True


@pytest.mark.parametrize(
    ("on", "succeed"),
    [
        (1, [False, True, True, True]),
        (3, [True, True, False, True]),
        (range(2, 4), [True, False, False, True]),
        ({1, 4}, [False, True, True, False]),
        (onward(3), [True, True, False, False]),
        (EVERY, [False] * 4),
    ],
)
def test_calls_are_struck_by_their_numbers(on: int | range, succeed: list[bool]) -> None:
    with faults(Fault("PutItem", throttled, on)) as struck:
        succeeded = [put(sort) for sort in "abcd"]

    assert succeeded == succeed
    assert len(struck) == succeed.count(False)


def test_only_calls_of_that_operation_are_counted() -> None:
    with faults(Fault("PutItem", throttled, on=2)):
        first, _, second = put("a"), get(LeaseItem, "p", "a"), put("b")

    assert (first, second) == (True, False)


def test_only_calls_that_write_such_an_item_are_counted() -> None:
    with faults(Fault("PutItem", throttled, where=writing("META"))):
        succeeded = [put(sort) for sort in ("M#1", "META#LEASE", "META")]

    assert succeeded == [True, False, True]


def test_any_operation_of_any_service_may_be_struck() -> None:
    with faults(Fault(ANY, timeout, on=2)):
        assert put("a")
        with pytest.raises(ReadTimeoutError):
            bodies.put("p", "m", "body")


def test_where_two_faults_match_the_first_strikes_and_both_count() -> None:
    with faults(Fault("PutItem", throttled, on=1), Fault(ANY, killed, on={1, 2})) as struck:
        assert not put("a")
        with pytest.raises(Killed):
            put("b")

    assert len(struck) == 2


def test_nothing_is_struck_afterwards() -> None:
    with faults(Fault("PutItem", throttled, EVERY)):
        pass

    assert put("a")


@pytest.mark.parametrize(
    ("kind", "happened"),
    [
        (throttled, False),
        (internal, False),
        (conflict, False),
        (timeout, False),
        (disconnected, False),
        (lost_answer, True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_failed_call_happened_or_not(kind: Kind, happened: bool) -> None:
    with faults(Fault("PutItem", kind)):
        assert not put("a")

    assert (get(LeaseItem, "p", "a") is not None) == happened


@pytest.mark.parametrize(("kind", "happened"), [(killed, False), (killed_after, True)])
def test_a_killed_process_handles_nothing(kind: Kind, happened: bool) -> None:
    with faults(Fault("PutItem", kind)), pytest.raises(Killed):
        put("a")

    assert (get(LeaseItem, "p", "a") is not None) == happened


def test_a_repeated_call_answers_as_it_does_the_second_time() -> None:
    put("a")
    item = LeaseItem("p", "a")

    with faults(Fault("DeleteItem", repeated)), pytest.raises(DeleteError) as caught:
        item.delete(LeaseItem.pk.exists())

    assert isinstance(caught.value.cause, ClientError)
    assert get(LeaseItem, "p", "a") is None


def test_somebody_else_is_faster() -> None:
    seen: list[object] = []

    with faults(Fault("PutItem", meanwhile(lambda: seen.append(get(LeaseItem, "p", "a"))))):
        assert put("a")

    assert seen == [None]


def test_an_answer_is_changed() -> None:
    put("a")

    with faults(Fault("GetItem", answering(lambda answer: {**answer, "Item": None}))):
        unseen = get(LeaseItem, "p", "a")

    assert unseen is None
    assert get(LeaseItem, "p", "a")

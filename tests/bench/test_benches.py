"""Every bench in its smallest size: that it runs, what its tables look like, and the limits that do
not depend on the machine. None on time: those are for whoever reads the tables.
"""

import importlib
import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, cast

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from bench.__main__ import BENCHES, main
from bench.client import Answer
from bench.progress import Progress
from bench.statistic import percentile
from bench.table import Result, Table, Target, verdicts
from tests.calls import Call


@cache
def smallest(name: str) -> Result:
    bench = importlib.import_module(f"bench.{name}")
    result: Result = bench.run(Progress(name, io.StringIO()), bench.SMALLEST)
    return result


def made_once(name: str) -> pytest.MarkDecorator:
    """So that one process has all tests of a bench, and runs it once for them."""
    return pytest.mark.xdist_group(f"bench-{name}")


@pytest.mark.parametrize("name", [pytest.param(each, marks=made_once(each)) for each in BENCHES])
def test_each_bench_fills_its_tables_and_stays_within_what_does_not_depend_on_time(
    name: str,
) -> None:
    result = smallest(name)

    assert result.tables
    for table in result.tables:
        assert table.rows
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert isinstance(row[0], str)
        assert table.lines()[0] == table.title
    assert [target.what for target in result.targets if not target.timed and not target.met] == []


def test_a_capacity_table_tells_a_turns_units_calls_and_depth() -> None:
    from bench import capacity

    plan = replace(capacity.SMALLEST, shapes=capacity.SMALLEST.shapes[:1])
    table, _ = capacity.run(Progress("capacity", io.StringIO()), plan).tables

    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["conversation"] == "2 messages"
    assert row["peer's writes"] == 6
    assert row["one after another"] == 3  # the key, the conversation, the begin
    assert row["S3"] == 0


@made_once("capacity")
def test_a_begin_with_everything_is_told_for_every_way_of_asking() -> None:
    _, table = smallest("capacity").tables

    assert [row[0] for row in table.rows] == ["start", "send", "regenerate", "edit"]
    for cells in table.rows:
        row = dict(zip(table.columns, cells, strict=True))
        assert row["in writes"] == 1
        assert row["+ request count"] == 1


@made_once("following")
def test_readers_and_stops_are_told_beside_what_reading_costs() -> None:
    stops, readers, units = smallest("following").tables

    assert [row[0] for row in stops.rows][-1] == "the stream's end"
    assert [row[:2] for row in readers.rows] == [("3", 0)]
    assert units.rows[0][-2:] == (1, 2)  # while nothing comes, a look is for news and for the lease


def transaction(
    token: str, item: str, meanwhile: Callable[..., Any] = lambda *_: "written"
) -> Call:
    """One that writes an item; `meanwhile` is what the table does."""
    put = {"Put": {"Item": {"pk": {"S": "USER#u"}, "sk": {"S": item}}}}
    request = {"TransactItems": [put], "ClientRequestToken": token}
    return Call("TransactWriteItems", request, cast(BaseClient, None), meanwhile)


def test_transactions_conflict_for_as_long_as_one_of_them_has_the_item() -> None:
    from bench.limits import Conflicts

    conflicts = Conflicts(seconds=0)

    def others(*_: Any) -> str:
        with pytest.raises(ClientError, match="TransactionCanceled"):
            conflicts.answer(transaction("second", "BALANCE"))
        assert conflicts.answer(transaction("third", "PROFILE")) == "written"
        return "written first"

    assert conflicts.answer(transaction("first", "BALANCE", others)) == "written first"
    assert conflicts.answer(transaction("second", "BALANCE")) == "written"
    assert conflicts.met == {"second": 1}


@made_once("bytecode")
def test_functions_are_imported_with_bytecode_without_and_beside_the_bare_import() -> None:
    (table,) = smallest("bytecode").tables

    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["function"] == "conversations.create_conversation"
    assert row["asks models"] == "no"
    assert row["shipped"] < row["without bytecode"]


@made_once("runtime")
def test_the_runtimes_events_are_measured_beside_a_bare_sockets() -> None:
    (table,) = smallest("runtime").tables

    assert [row[0] for row in table.rows] == ["bare socket", "the runtime"]
    assert all(isinstance(cell, float) and cell > 0 for row in table.rows for cell in row[1:])


def test_an_unknown_bench_is_told_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["warm"]) == 2

    said = capsys.readouterr().err
    assert "no bench 'warm'" in said
    assert all(name in said for name in BENCHES)


def test_a_table_aligns_numbers_and_shows_what_was_not_measured() -> None:
    table = Table(
        "Colours", ("", "a", "long heading"), (("red", 1, 0.1234), ("blue", 1234.5, None))
    )

    assert table.lines() == [
        "Colours",
        "",
        "          a  long heading",
        "─────────────────────────",
        "red       1         0.123",
        "blue  1,234             –",
    ]


def test_a_target_is_reached_up_to_its_limit() -> None:
    table = verdicts([Target("at it", 3, 3), Target("over it", 3.5, 3)])

    assert [row[-1] for row in table.rows] == ["yes", "NO"]


def test_a_target_is_reached_from_its_least_on() -> None:
    table = verdicts([Target("at it", 3, least=3), Target("under it", 2.9, least=3)])

    assert [row[-1] for row in table.rows] == ["yes", "NO"]
    assert table.rows[0][2:4] == (3, None)  # and no most


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]

    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (
        51,
        100,
        100,
    )


def test_events_are_told_with_the_piece_that_completed_their_chunk_however_they_were_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    first, second = b"9\r\ndata: @1\n\r\n", b"15\r\n\ndata: two\n\ndata: 3\n\n\r\n"
    whole = head + first + second + b"0\r\n\r\n"
    pieces = tuple((float(at), whole[at : at + 7]) for at in range(0, len(whole), 7))

    events = Answer(0.0, pieces).events()

    assert [event.data for event in events] == [b"data: @1", b"data: two", b"data: 3"]
    last = len(head + first + second) - 1
    assert {event.at for event in events} == {float(last // 7 * 7)}

"""What wakes a worker, what it is given, and what happens when it fails."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from local import backend, filters, template
from local.delivery import Delivery
from local.expiry import Expiry
from local.moto import serve
from local.table_stream import Record, TableStream, as_lambda_has_it
from local.template import Function, Worker
from local.workers import Workers

OWN = template.load("us-east-1", {})
WORKER = Worker(
    Function("Purge", "workers.purge.handler", timeout=60, memory=512),
    table="things",
    filters=({"eventName": ["REMOVE"]},),
    start="TRIM_HORIZON",
    batch_size=10,
    bisect=True,
    retries=2,
)


def record(name: str = "REMOVE", sk: str = "META", **more: Any) -> Record:
    return {"eventName": name, "dynamodb": {"Keys": {"sk": {"S": sk}}}, **more}


class TestFilters:
    @pytest.mark.parametrize(
        ("rule", "given", "passes"),
        [
            (["a", "b"], "b", True),
            (["a", "b"], "c", False),
            ([1], 1, True),
            ([1], True, False),
            ([None], None, True),
            ([{"prefix": "MET"}], "META", True),
            ([{"prefix": "MET"}], "M#1", False),
            ([{"prefix": "1"}], 12, False),
            ([{"suffix": "LEASE"}], "META#LEASE", True),
            ([{"exists": True}], "any", True),
            ([{"exists": False}], "any", False),
            ([{"anything-but": ["a", "b"]}], "c", True),
            ([{"anything-but": ["a", "b"]}], "a", False),
            ([{"anything-but": "a"}], "a", False),
            ([{"anything-but": {"prefix": "M#"}}], "META", True),
            ([{"anything-but": {"prefix": "M#"}}], "M#1", False),
            (["x", {"prefix": "MET"}], "META", True),
        ],
    )
    def test_rules(self, rule: list[Any], given: Any, passes: bool) -> None:
        filters.check({"deep": {"name": rule}})

        assert filters.matches({"deep": {"name": rule}}, {"deep": {"name": given}}) is passes

    @pytest.mark.parametrize(
        ("rule", "passes"),
        [
            ([{"exists": False}], True),
            ([{"exists": True}], False),
            ([{"anything-but": ["a"]}], False),
            ([{"prefix": ""}], False),
            ([None], False),
        ],
    )
    def test_what_is_absent(self, rule: list[Any], passes: bool) -> None:
        assert filters.matches({"deep": {"name": rule}}, {"other": 1}) is passes

    def test_all_names_have_to_match_and_any_pattern(self) -> None:
        patterns = [{"a": [1], "b": [2]}, {"c": [3]}]

        assert filters.passes({"a": 1, "b": 2}, patterns)
        assert filters.passes({"c": 3}, patterns)
        assert not filters.passes({"a": 1, "b": 0}, patterns)
        assert filters.passes({"anything": 1}, [])

    @pytest.mark.parametrize(
        "pattern",
        [{"a": [{"numeric": ["<", 3]}]}, {"a": "text"}, {"a": {"b": [{"exists": 1, "x": 2}]}}],
    )
    def test_what_is_not_known_here_is_refused_at_the_start(self, pattern: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="filter"):
            filters.check(pattern)

    @pytest.mark.parametrize(
        ("given", "woken"),
        [
            (record(), ["purge_conversation"]),
            (record(sk="META#LEASE"), []),
            (record("MODIFY"), []),
            (
                record(
                    sk="META#LEASE",
                    userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"},
                ),
                ["repair_generation"],
            ),
        ],
    )
    def test_those_of_the_template(self, given: Record, woken: list[str]) -> None:
        found = [w for w in OWN.workers if filters.passes(given, w.filters)]

        assert [worker.function.handler.split(".")[1] for worker in found] == woken


class Handler:
    """A worker that fails for some records, so many times."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.batches: list[list[str]] = []

    def __call__(self, event: Any, context: Any) -> None:
        assert context.function_name == "Purge"
        names = [each["dynamodb"]["Keys"]["sk"]["S"] for each in event["Records"]]
        self.batches.append(names)
        for name in names:
            if self.failures.get(name, 0) > 0:
                self.failures[name] -= 1
                raise LookupError(name)


class TestDelivery:
    def deliver(self, handler: Handler, worker: Worker = WORKER, stop: bool = False) -> list[float]:
        waits: list[float] = []

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            return stop

        Delivery(worker, handler, wait).deliver([record(sk=name) for name in "abcd"])
        return waits

    def test_a_batch_is_one_call(self) -> None:
        handler = Handler()

        assert self.deliver(handler) == []
        assert handler.batches == [["a", "b", "c", "d"]]

    def test_a_failing_batch_is_halved_and_the_rest_is_spared(self) -> None:
        handler = Handler(c=3)

        waits = self.deliver(handler)

        assert handler.batches == [
            ["a", "b", "c", "d"],
            ["a", "b"],
            ["c", "d"],
            ["c"],
            ["c"],
            ["d"],
        ]
        assert waits == [1.0]

    def test_without_bisecting_the_whole_batch_is_tried_again(self) -> None:
        handler = Handler(c=2)

        waits = self.deliver(handler, replace(WORKER, bisect=False))

        assert handler.batches == [["a", "b", "c", "d"]] * 3
        assert waits == [1.0, 2.0]

    def test_it_is_given_up_when_the_retries_are_used_up(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        handler = Handler(b=99)

        self.deliver(handler)

        assert handler.batches.count(["b"]) == 1 + WORKER.retries
        assert handler.batches[-1] == ["c", "d"]
        assert "Purge: given up, 1 records lost" in caplog.text

    def test_it_ends_when_it_is_time_to_stop(self) -> None:
        handler = Handler(a=99)

        waits = self.deliver(handler, replace(WORKER, bisect=False), stop=True)

        assert waits == [1.0]
        assert len(handler.batches) == 1

    def test_only_what_passes_the_filters_is_brought(self) -> None:
        handler = Handler()
        delivery = Delivery(WORKER, handler, lambda seconds: False)
        delivery.offer([record("INSERT", "a"), record("REMOVE", "b"), record("MODIFY", "c")])
        delivery.end()

        delivery.run()

        assert handler.batches == [["b"]]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = serve()
    yield server.endpoint
    server.stop()


@pytest.fixture
def client(moto: str) -> Callable[[str], Any]:
    def make(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=moto,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return make


@pytest.fixture
def table(client: Callable[[str], Any]) -> str:
    """A new table, made as `make dev` makes the template's."""
    name = f"things-{uuid.uuid4()}"
    backend.create_table(client("dynamodb"), name, OWN.tables["reprise"])
    return name


@pytest.fixture
def stream(client: Callable[[str], Any], table: str) -> TableStream:
    arn = client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    return TableStream(client("dynamodbstreams"), arn, "TRIM_HORIZON")


def put(client: Any, table: str, sk: str, **attributes: Any) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": "p"}, "sk": {"S": sk}, **attributes})


def remove(client: Any, table: str, sk: str) -> None:
    client.delete_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"S": sk}})


class TestTable:
    def test_it_is_as_the_template_defines_it(
        self, client: Callable[[str], Any], table: str
    ) -> None:
        found = client("dynamodb").describe_table(TableName=table)["Table"]

        indexes = {index["IndexName"]: index for index in found["GlobalSecondaryIndexes"]}
        assert set(indexes) == {"by_owner", "by_agent", "by_end_user"}
        for name, index in indexes.items():
            keys = {name.removeprefix("by_"), "activity"}
            assert {key["AttributeName"] for key in index["KeySchema"]} == keys
            assert set(index["Projection"]["NonKeyAttributes"]) == {
                "id", "title", "model", "created", "kind", "agent", "end_user",
            } - keys  # fmt: skip
        assert found["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        expiry = client("dynamodb").describe_time_to_live(TableName=table)
        assert expiry["TimeToLiveDescription"]["AttributeName"] == "ttl"

    def test_one_that_exists_stays(self, client: Callable[[str], Any], table: str) -> None:
        put(client("dynamodb"), table, "kept")

        backend.create_table(client("dynamodb"), table, OWN.tables["reprise"])

        assert client("dynamodb").scan(TableName=table)["Count"] == 1


class TestStream:
    def test_records_are_as_lambda_has_them(
        self, client: Callable[[str], Any], table: str, stream: TableStream
    ) -> None:
        dynamodb = client("dynamodb")
        put(dynamodb, table, "META", hash={"B": b"\x00\xff"}, n={"N": "1"})
        remove(dynamodb, table, "META")

        made, removed = stream.read()

        assert json.loads(json.dumps(made)) == made
        assert made["eventName"] == "INSERT"
        assert made["eventSource"] == "aws:dynamodb"
        assert made["eventSourceARN"].endswith(stream._arn[-10:])
        assert made["dynamodb"]["Keys"] == {"pk": {"S": "p"}, "sk": {"S": "META"}}
        assert made["dynamodb"]["NewImage"]["hash"] == {"B": "AP8="}
        assert abs(made["dynamodb"]["ApproximateCreationDateTime"] - time.time()) < 60
        assert removed["eventName"] == "REMOVE"
        assert "NewImage" not in removed["dynamodb"]
        assert removed["dynamodb"]["OldImage"]["n"] == {"N": "1"}
        assert "userIdentity" not in removed
        assert stream.read() == []

    def test_the_identity_of_what_dynamodb_removed_is_kept(self) -> None:
        given = {
            "eventID": "1",
            "eventName": "REMOVE",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {"ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC)},
            "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
        }

        found = as_lambda_has_it(given, "arn")

        assert found["userIdentity"] == {
            "principalId": "dynamodb.amazonaws.com",
            "type": "Service",
        }


class TestExpiry:
    def test_what_has_expired_is_removed_and_marked(
        self, client: Callable[[str], Any], table: str, stream: TableStream
    ) -> None:
        dynamodb = client("dynamodb")
        put(dynamodb, table, "META#LEASE", ttl={"N": "1000"})
        put(dynamodb, table, "later", ttl={"N": "3000"})
        put(dynamodb, table, "never")
        put(dynamodb, table, "prolonged", ttl={"N": "1000"})
        expiry = Expiry(dynamodb, table, "ttl")
        expiry.follow(stream.read())
        put(dynamodb, table, "prolonged", ttl={"N": "3000"})

        expiry.sweep(now=2000.5)
        records = stream.read()
        expiry.follow(records)

        left = dynamodb.scan(TableName=table)["Items"]
        assert {item["sk"]["S"] for item in left} == {"later", "never", "prolonged"}
        [lease] = [each for each in records if each["eventName"] == "REMOVE"]
        assert lease["dynamodb"]["Keys"]["sk"] == {"S": "META#LEASE"}
        assert lease["userIdentity"] == {
            "type": "Service",
            "principalId": "dynamodb.amazonaws.com",
        }

    def test_what_others_remove_is_not_marked(
        self, client: Callable[[str], Any], table: str, stream: TableStream
    ) -> None:
        dynamodb = client("dynamodb")
        expiry = Expiry(dynamodb, table, "ttl")
        put(dynamodb, table, "META#LEASE", ttl={"N": "1000"})
        expiry.follow(stream.read())
        remove(dynamodb, table, "META#LEASE")

        expiry.sweep(now=2000)
        [record] = records = stream.read()
        expiry.follow(records)

        assert record["eventName"] == "REMOVE"
        assert "userIdentity" not in record


class TestWorkers:
    def test_workers_get_what_is_theirs_and_do_not_hold_each_other_up(
        self, client: Callable[[str], Any], table: str, stream: TableStream
    ) -> None:
        dynamodb = client("dynamodb")
        release, quick = threading.Event(), threading.Event()
        seen: list[str] = []

        def stuck(event: Any, context: Any) -> None:
            assert release.wait(5)

        def follow(event: Any, context: Any) -> None:
            seen.extend(each["dynamodb"]["Keys"]["sk"]["S"] for each in event["Records"])
            if len(seen) == 3:
                quick.set()

        workers = Workers(
            stream,
            [
                (replace(WORKER, filters=({"eventName": ["INSERT"]},)), stuck),
                (WORKER, follow),
            ],
            poll_every=0.02,
        )
        workers.start()
        for sk in ("a", "b", "c"):
            put(dynamodb, table, sk)
            remove(dynamodb, table, sk)

        assert quick.wait(5)
        release.set()
        workers.stop()
        assert seen == ["a", "b", "c"]

    def test_an_expired_lease_wakes_the_repair(
        self, client: Callable[[str], Any], table: str, stream: TableStream
    ) -> None:
        repair = next(w for w in OWN.workers if "repair" in w.function.handler)
        repaired = threading.Event()
        dynamodb = client("dynamodb")
        put(dynamodb, table, "META#LEASE", ttl={"N": "1000"})

        workers = Workers(
            stream,
            [(repair, lambda event, context: repaired.set())],
            Expiry(dynamodb, table, "ttl"),
            poll_every=0.02,
            sweep_every=0,
        )
        workers.start()

        assert repaired.wait(5)
        workers.stop()

    def test_an_outage_of_the_table_is_outlived(self, caplog: pytest.LogCaptureFixture) -> None:
        class Flaky:
            pages: list[list[Record] | Exception]

            def __init__(self) -> None:
                self.pages = [OSError("no route"), OSError("no route"), [record(sk="a")]]

            def read(self) -> list[Record]:
                page = self.pages.pop(0) if self.pages else []
                if isinstance(page, Exception):
                    raise page
                return page

        arrived = threading.Event()
        workers = Workers(
            Flaky(),  # type: ignore[arg-type]
            [(WORKER, lambda event, context: arrived.set())],
            poll_every=0.01,
        )
        workers.start()

        assert arrived.wait(5)
        workers.stop()
        assert caplog.text.count("reading what wakes workers failed") == 1

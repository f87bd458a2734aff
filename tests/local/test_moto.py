"""The patched moto behaves as DynamoDB does where Reprise relies on it, and in time."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws
from moto.dynamodb.models.dynamo_type import Item

from local import moto_changes
from local.moto import patch, serve
from local.moto_server import MotoServer

TABLE: dict[str, Any] = {
    "TableName": "t",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "PK", "AttributeType": "S"},
        {"AttributeName": "SK", "AttributeType": "S"},
        {"AttributeName": "owner", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-owner",
            "KeySchema": [
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


def attrs(**values: str | int | bytes) -> dict[str, Any]:
    kinds = {str: "S", int: "N", bytes: "B"}
    return {
        name: {kinds[type(value)]: str(value) if isinstance(value, int) else value}
        for name, value in values.items()
    }


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # moto does not know the names that streams have by account.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    patch()
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(**TABLE)
        yield client


@pytest.fixture
def server() -> Iterator[MotoServer]:
    running = serve()
    # What is stored belongs to the process, not to the server.
    urlopen(Request(f"{running.endpoint}/moto-api/reset", method="POST")).close()
    yield running
    running.stop()


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads give way to each other as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def client_of(server: MotoServer, service: str = "dynamodb", **config: Any) -> Any:
    return boto3.client(service, endpoint_url=server.endpoint, config=Config(**config))


def put(dynamodb: Any, pk: str, sk: str, **values: str | int | bytes) -> None:
    dynamodb.put_item(TableName="t", Item=attrs(PK=pk, SK=sk, **values))


def get(dynamodb: Any, pk: str, sk: str) -> dict[str, Any] | None:
    found: dict[str, Any] = dynamodb.get_item(TableName="t", Key=attrs(PK=pk, SK=sk))
    return found.get("Item")


def fill(dynamodb: Any, pk: str, count: int) -> None:
    for first in range(0, count, 25):
        numbers = range(first, min(first + 25, count))
        puts = [{"PutRequest": {"Item": attrs(PK=pk, SK=f"{n:05}")}} for n in numbers]
        dynamodb.batch_write_item(RequestItems={"t": puts})


def query(dynamodb: Any, condition: str, **kwargs: Any) -> Any:
    values = {k[1:]: kwargs.pop(k) for k in list(kwargs) if k.startswith("_")}
    return dynamodb.query(
        TableName="t",
        KeyConditionExpression=condition,
        ExpressionAttributeValues={f":{k}": v for k, v in attrs(**values).items()},
        **kwargs,
    )


def by_owner(dynamodb: Any, owner: str, **kwargs: Any) -> list[dict[str, Any]]:
    """All of an owner's items in the secondary index, through all pages."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName="t",
        IndexName="by-owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": owner}},
        **kwargs,
    )
    return [item for page in pages for item in page["Items"]]


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[Item]:
    """The items that a method of theirs is called on from now on."""
    calls: list[Item] = []
    stock = getattr(Item, method)

    def count(item: Item, *args: Any) -> Any:
        calls.append(item)
        return stock(item, *args)

    monkeypatch.setattr(Item, method, count)
    return calls


def sort_keys(page: dict[str, Any]) -> list[str]:
    return [item["SK"]["S"] for item in page["Items"]]


def put_op(pk: str, sk: str, absent: bool = False, **values: str | int) -> dict[str, Any]:
    op: dict[str, Any] = {"TableName": "t", "Item": attrs(PK=pk, SK=sk, **values)}
    if absent:
        op["ConditionExpression"] = "attribute_not_exists(PK)"
        op["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {"Put": op}


def update_op(pk: str, sk: str, expression: str, **values: str | int) -> dict[str, Any]:
    named = {f":{k}": v for k, v in attrs(**values).items()}
    op = {"TableName": "t", "Key": attrs(PK=pk, SK=sk), "UpdateExpression": expression}
    return {"Update": op | {"ExpressionAttributeValues": named}}


def delete_op(pk: str, sk: str) -> dict[str, Any]:
    return {"Delete": {"TableName": "t", "Key": attrs(PK=pk, SK=sk)}}


def stream_of(dynamodb: Any) -> tuple[Any, str]:
    """A client, and an iterator at the beginning of the table's stream."""
    streams = boto3.client("dynamodbstreams")
    arn = dynamodb.describe_table(TableName="t")["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    return streams, iterator["ShardIterator"]


def records(dynamodb: Any) -> list[tuple[str, Any, Any]]:
    """All there is in the table's stream: event name, old image, new image."""
    streams, iterator = stream_of(dynamodb)
    return [
        (r["eventName"], r["dynamodb"].get("OldImage"), r["dynamodb"].get("NewImage"))
        for r in streams.get_records(ShardIterator=iterator)["Records"]
    ]


# Transactions


def test_a_transaction_makes_all_its_changes(dynamodb: Any) -> None:
    put(dynamodb, "p", "old")
    put(dynamodb, "p", "count", n=1)

    dynamodb.transact_write_items(
        TransactItems=[
            put_op("p", "new", absent=True),
            update_op("p", "count", "ADD n :one", one=1),
            delete_op("p", "old"),
        ]
    )

    assert get(dynamodb, "p", "new") == attrs(PK="p", SK="new")
    assert get(dynamodb, "p", "count") == attrs(PK="p", SK="count", n=2)
    assert get(dynamodb, "p", "old") is None


def test_a_failed_transaction_gives_a_reason_for_each_item_in_order(dynamodb: Any) -> None:
    put(dynamodb, "p", "b", n=1)
    check = {
        "TableName": "t",
        "Key": attrs(PK="p", SK="c"),
        "ConditionExpression": "attribute_exists(PK)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                put_op("p", "a", absent=True),
                put_op("p", "b", absent=True),
                {"ConditionCheck": check},
            ]
        )

    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "None"},
        failed | {"Item": attrs(PK="p", SK="b", n=1)},
        failed,
    ]


def test_a_failed_transaction_leaves_table_index_and_stream_as_they_were(dynamodb: Any) -> None:
    put(dynamodb, "p", "a", owner="o", at=1)
    put(dynamodb, "p", "b", owner="o", at=2)
    before = by_owner(dynamodb, "o"), records(dynamodb)

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(
            TransactItems=[
                update_op("p", "a", "SET title = :t", t="new"),
                put_op("p", "c", owner="o", at=3),
                put_op("p", "b", absent=True),
                delete_op("p", "d"),
            ]
        )

    assert (by_owner(dynamodb, "o"), records(dynamodb)) == before
    assert sort_keys(query(dynamodb, "PK = :p", _p="p")) == ["a", "b"]
    assert get(dynamodb, "p", "a") == attrs(PK="p", SK="a", owner="o", at=1)


def test_what_cannot_be_applied_cancels_the_transaction(dynamodb: Any) -> None:
    put(dynamodb, "p", "a", title="text")

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(
            TransactItems=[put_op("p", "b"), update_op("p", "a", "ADD title :one", one=1)]
        )

    codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert codes == ["None", "ValidationError"]
    assert get(dynamodb, "p", "b") is None


def test_a_transaction_may_name_an_item_once(dynamodb: Any) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        dynamodb.transact_write_items(TransactItems=[put_op("p", "a"), delete_op("p", "a")])

    assert get(dynamodb, "p", "a") is None


def test_a_client_token_makes_a_retry_harmless(dynamodb: Any) -> None:
    once = {"ClientRequestToken": "k", "TransactItems": [update_op("p", "a", "ADD n :n", n=1)]}
    dynamodb.transact_write_items(**once)

    dynamodb.transact_write_items(**once)

    assert get(dynamodb, "p", "a") == attrs(PK="p", SK="a", n=1)


def test_a_client_token_stands_for_one_request(dynamodb: Any) -> None:
    dynamodb.transact_write_items(ClientRequestToken="k", TransactItems=[put_op("p", "a")])

    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(ClientRequestToken="k", TransactItems=[put_op("p", "b")])


def test_a_client_token_of_a_failed_transaction_may_be_tried_again(dynamodb: Any) -> None:
    once = {"ClientRequestToken": "k", "TransactItems": [put_op("p", "a", absent=True)]}
    put(dynamodb, "p", "a")
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(**once)
    dynamodb.delete_item(TableName="t", Key=attrs(PK="p", SK="a"))

    dynamodb.transact_write_items(**once)

    assert get(dynamodb, "p", "a")


def test_a_client_token_lapses(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto_changes, "TOKEN_SECONDS", 0)
    once = {"ClientRequestToken": "k", "TransactItems": [update_op("p", "a", "ADD n :n", n=1)]}
    dynamodb.transact_write_items(**once)

    dynamodb.transact_write_items(**once)

    assert get(dynamodb, "p", "a") == attrs(PK="p", SK="a", n=2)


def test_a_transaction_copies_only_the_items_it_names(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(dynamodb, "p", 200)
    copied = counted(monkeypatch, "__deepcopy__")

    dynamodb.transact_write_items(
        TransactItems=[update_op("p", "00000", "ADD n :n", n=1), delete_op("p", "00001")]
    )

    assert {item.attrs["SK"].value for item in copied} == {"00000", "00001"}
    assert len(copied) < 10


@pytest.mark.usefixtures("restless_threads")
def test_of_racing_transactions_one_wins_and_no_put_is_lost(dynamodb: Any) -> None:
    cancelled = dynamodb.exceptions.TransactionCanceledException

    def race(number: int) -> bool:
        put(dynamodb, "p", f"put-{number}")
        try:
            dynamodb.transact_write_items(
                TransactItems=[put_op("p", f"side-{number}"), put_op("p", "prize", absent=True)]
            )
        except cancelled:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(race, range(40)))

    stored = sort_keys(query(dynamodb, "PK = :p", _p="p"))
    assert won.count(True) == 1
    puts = [f"put-{n}" for n in range(40)]
    assert stored == sorted([*puts, "prize", f"side-{won.index(True)}"])


# Single changes


def test_a_failed_update_leaves_no_half_of_itself(dynamodb: Any) -> None:
    put(dynamodb, "p", "a", title="text")

    with pytest.raises(ClientError, match="incorrect data type"):
        dynamodb.update_item(**update_op("p", "a", "SET n = :n ADD title :n", n=1)["Update"])

    assert get(dynamodb, "p", "a") == attrs(PK="p", SK="a", title="text")


def test_binary_comes_back_as_it_was(dynamodb: Any) -> None:
    nested = {"L": [{"M": {"b": {"B": b"\x00\x01"}}}, {"BS": [b"\xff"]}]}
    item = attrs(PK="p", SK="a", b=b"\x00\xff") | {"nested": nested}

    dynamodb.put_item(TableName="t", Item=item)

    assert get(dynamodb, "p", "a") == item
    assert records(dynamodb) == [("INSERT", None, item)]


# Queries


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("SK = :a", {"_a": "b1"}, ["b1"]),
        ("SK < :a", {"_a": "b1"}, ["a"]),
        ("SK <= :a", {"_a": "b1"}, ["a", "b1"]),
        ("SK > :a", {"_a": "b1"}, ["b2", "c"]),
        ("SK >= :a", {"_a": "b2"}, ["b2", "c"]),
        ("SK BETWEEN :a AND :b", {"_a": "a1", "_b": "b2"}, ["b1", "b2"]),
        ("begins_with(SK, :a)", {"_a": "b"}, ["b1", "b2"]),
    ],
)
def test_a_range_condition(
    dynamodb: Any, condition: str, values: dict[str, Any], expected: list[str]
) -> None:
    for sk in ["c", "b2", "a", "b1"]:
        put(dynamodb, "p", sk)
        put(dynamodb, "other", sk)

    asked = {"condition": f"PK = :p AND {condition}", "_p": "p", **values}
    forwards, backwards = (query(dynamodb, **asked, ScanIndexForward=f) for f in (True, False))

    assert sort_keys(forwards) == expected
    assert sort_keys(backwards) == expected[::-1]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_of_a_limit(dynamodb: Any, forward: bool) -> None:
    fill(dynamodb, "p", 4)
    pages = []
    start: dict[str, Any] | None = {}

    while start is not None:
        page = query(dynamodb, "PK = :p", _p="p", Limit=2, ScanIndexForward=forward, **start)
        pages.append(sort_keys(page))
        last = page.get("LastEvaluatedKey")
        start = {"ExclusiveStartKey": last} if last else None

    ordered = [["00000", "00001"], ["00002", "00003"]]
    # A limit that is met ends a page, as it does in AWS, with or without more to come.
    assert pages == [*(ordered if forward else [p[::-1] for p in ordered[::-1]]), []]


def test_a_page_holds_at_most_1_mb(dynamodb: Any) -> None:
    for number in range(4):
        put(dynamodb, "p", str(number), text="x" * 300_000)

    first = query(dynamodb, "PK = :p", _p="p")
    second = query(dynamodb, "PK = :p", _p="p", ExclusiveStartKey=first["LastEvaluatedKey"])

    assert (sort_keys(first), sort_keys(second)) == (["0", "1", "2"], ["3"])
    assert "LastEvaluatedKey" not in second


def test_filter_projection_and_count(dynamodb: Any) -> None:
    for number in range(4):
        put(dynamodb, "p", str(number), n=number, title="t")

    found = query(
        dynamodb, "PK = :p", _p="p", _two=2, FilterExpression="n >= :two",
        ProjectionExpression="SK, title", Limit=3,
    )  # fmt: skip
    counted = query(dynamodb, "PK = :p", _p="p", Select="COUNT")

    assert found["Items"] == [attrs(SK="2", title="t")]
    assert (found["Count"], found["ScannedCount"]) == (1, 3)
    assert (counted["Count"], "Items" in counted) == (4, False)


def test_a_start_key_outside_the_query_is_refused(dynamodb: Any) -> None:
    put(dynamodb, "p", "b")

    with pytest.raises(ClientError, match="range key predicate"):
        query(dynamodb, "PK = :p AND SK > :a", _p="p", _a="a",
              ExclusiveStartKey=attrs(PK="p", SK="A"))  # fmt: skip
    with pytest.raises(ClientError, match="starting key is invalid"):
        query(dynamodb, "PK = :p", _p="p", ExclusiveStartKey=attrs(PK="other", SK="b"))


def test_a_query_looks_at_no_more_than_its_page(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(dynamodb, "p", 200)
    query(dynamodb, "PK = :p", _p="p")  # the index is built by the first that needs it
    sized = counted(monkeypatch, "size")
    copied = counted(monkeypatch, "__deepcopy__")

    query(dynamodb, "PK = :p", _p="p", Limit=5, ScanIndexForward=False)

    assert (len(sized), len(copied)) == (5, 0)


def test_a_secondary_index_is_sparse_sorted_and_projected(dynamodb: Any) -> None:
    put(dynamodb, "p", "late", owner="o", at=10, title="t", text="not projected")
    put(dynamodb, "p", "early", owner="o", at=9)
    put(dynamodb, "p", "absent", owner="o")
    put(dynamodb, "p", "theirs", owner="other", at=9)

    assert by_owner(dynamodb, "o") == [
        attrs(PK="p", SK="early", owner="o", at=9),
        attrs(PK="p", SK="late", owner="o", at=10, title="t"),
    ]


def test_a_secondary_index_follows_every_kind_of_change(dynamodb: Any) -> None:
    for sk in "abcd":
        put(dynamodb, "p", sk, owner="o", at=1)
    assert len(by_owner(dynamodb, "o")) == 4

    put(dynamodb, "p", "a", owner="o", at=5)
    dynamodb.delete_item(TableName="t", Key=attrs(PK="p", SK="b"))
    dynamodb.update_item(
        TableName="t",
        Key=attrs(PK="p", SK="c"),
        UpdateExpression="SET #a = :a",
        ExpressionAttributeNames={"#a": "at"},
        ExpressionAttributeValues={":a": {"N": "4"}},
    )
    dynamodb.transact_write_items(
        TransactItems=[delete_op("p", "d"), put_op("p", "e", owner="o", at=3)]
    )

    assert [item["SK"]["S"] for item in by_owner(dynamodb, "o")] == ["e", "c", "a"]


def test_equal_range_keys_of_a_secondary_index_are_all_paged_through(dynamodb: Any) -> None:
    for sk in "abc":
        put(dynamodb, "p", sk, owner="o", at=1)

    assert [item["SK"]["S"] for item in by_owner(dynamodb, "o", Limit=1)] == ["a", "b", "c"]


# The stream


def test_the_stream_tells_of_every_change_with_both_images(dynamodb: Any) -> None:
    new, changed = attrs(PK="p", SK="a", n=1), attrs(PK="p", SK="a", n=2)
    add_one = {"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}

    dynamodb.update_item(TableName="t", Key=attrs(PK="p", SK="a"), **add_one)
    dynamodb.update_item(TableName="t", Key=attrs(PK="p", SK="a"), **add_one)
    dynamodb.transact_write_items(TransactItems=[delete_op("p", "a"), put_op("p", "b")])

    assert records(dynamodb) == [
        ("INSERT", None, new),
        ("MODIFY", new, changed),
        ("REMOVE", changed, None),
        ("INSERT", None, attrs(PK="p", SK="b")),
    ]


def test_the_stream_tells_nothing_of_what_changed_nothing(dynamodb: Any) -> None:
    put(dynamodb, "p", "a", n=1)

    put(dynamodb, "p", "a", n=1)
    dynamodb.delete_item(TableName="t", Key=attrs(PK="p", SK="absent"))
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(**put_op("p", "a", absent=True)["Put"])

    assert records(dynamodb) == [("INSERT", None, attrs(PK="p", SK="a", n=1))]


def test_the_stream_is_read_on_from_where_it_was_left(dynamodb: Any) -> None:
    streams, iterator = stream_of(dynamodb)
    numbers: list[int] = []

    for _ in range(3):
        put(dynamodb, "p", "a", n=len(numbers))
        page = streams.get_records(ShardIterator=iterator)
        numbers += [int(r["dynamodb"]["SequenceNumber"]) for r in page["Records"]]
        iterator = page["NextShardIterator"]

    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


def test_the_stream_forgets_its_oldest_records(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moto_changes, "STREAM_RECORDS", 2)
    streams, oldest = stream_of(dynamodb)

    for number in range(5):
        put(dynamodb, "p", str(number))

    assert [new["SK"]["S"] for _, _, new in records(dynamodb)] == ["2", "3", "4"]
    with pytest.raises(streams.exceptions.TrimmedDataAccessException):
        streams.get_records(ShardIterator=oldest)


# The server


@pytest.mark.usefixtures("restless_threads")
def test_the_server_keeps_every_count_of_many_threads(server: MotoServer) -> None:
    dynamodb = client_of(server)
    dynamodb.create_table(**TABLE)

    def count(_: int) -> None:
        dynamodb.transact_write_items(TransactItems=[update_op("p", "a", "ADD n :n", n=1)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(80)))

    assert get(dynamodb, "p", "a") == attrs(PK="p", SK="a", n=80)


def test_the_server_keeps_objects_too(server: MotoServer) -> None:
    s3 = client_of(server, "s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="bucket")

    s3.put_object(Bucket="bucket", Key="k", Body=b"x" * 300_000)

    assert s3.head_object(Bucket="bucket", Key="k")["ContentLength"] == 300_000
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"x" * 300_000


def test_the_server_keeps_a_connection_open(server: MotoServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", "/moto-api/")
    connection.getresponse().read()
    first = connection.sock

    connection.request("POST", "/moto-api/reset", body=b"")

    assert connection.getresponse().read() == b'{"status": "ok"}'
    assert connection.sock is first
    connection.close()


def test_a_stopped_server_answers_nobody(server: MotoServer) -> None:
    dynamodb = client_of(server, retries={"total_max_attempts": 1})
    dynamodb.list_tables()

    server.stop()

    with pytest.raises(BotoCoreError):
        dynamodb.list_tables()


# The reason for all this

STOCK = """
import boto3
from moto import mock_aws
from moto.dynamodb.models.dynamo_type import Item

with mock_aws():
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
    )
    for number in range(50):
        dynamodb.put_item(TableName="t", Item={"PK": {"S": str(number)}})
    copied = 0
    stock = Item.__deepcopy__

    def counted(item, memo):
        global copied
        copied += 1
        return stock(item, memo)

    Item.__deepcopy__ = counted
    put = {"TableName": "t", "Item": {"PK": {"S": "new"}}}
    dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    print(copied)
"""


def test_stock_moto_still_copies_the_whole_table_in_a_transaction() -> None:
    stock = subprocess.run(
        [sys.executable, "-c", STOCK], capture_output=True, text=True, check=True
    )

    assert int(stock.stdout) >= 50, (
        "moto has mended its transactions: see whether local/moto_changes.py, "
        "and the rest of local/moto.py's patches, can go"
    )

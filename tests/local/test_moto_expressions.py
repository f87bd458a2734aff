"""Expressions mean, and say of what is wrong in them, what they do in moto as it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

ITEM = {
    "PK": {"S": "a"},
    "SK": {"S": "b"},
    "n": {"N": "1"},
    "t": {"S": "text"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "3"}]},
    "m": {"M": {"x": {"M": {"y": {"N": "5"}}}}},
    "s": {"SS": ["one", "two"]},
}
NAMES = {"#n": "n", "#t": "t", "#new": "new", "#m": "m", "#x": "x", "#pk": "PK"}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":text": {"S": "other"},
    ":list": {"L": [{"S": "more"}]},
    ":set": {"SS": ["two", "three"]},
    ":map": {"M": {"z": {"S": "z"}}},
    ":much": {"S": "x" * 410_000},
    ":empty": {"S": ""},
}
UPDATES = [
    "SET #n = #n + :one",
    "SET #n = #n - :one, #t = :text",
    "set #n=:one,#t=:text  REMOVE l[0], l[2], s",
    "SET #new = if_not_exists(#new, :one)",
    "SET #n = if_not_exists(#n, :one) + :one",
    "SET l = list_append(l, :list)",
    "SET l = list_append(:list, l), #m.#x.y = :one ADD #n :one",
    "SET l[1] = :text",
    "SET l[9] = :text",
    "SET m.#x = :map",
    "ADD #n :one, s :set",
    "ADD #new :one",
    "DELETE s :set",
    "REMOVE #t, #new, #m.#x.y",
    # what is wrong
    "SET #n = :one SET #t = :text",
    "ADD #n :one ADD #new :one",
    "REMOVE #n REMOVE #t",
    "SET #n = :one, #n = :text",
    "SET #m.#x = :one, #m.#x.y = :one",
    "SET #m.no.y = :one",
    "SET #n = #new",
    "SET #n = #new + :one",
    "SET #t = #t + :one",
    "SET #n = :nobody",
    "SET #nobody = :one",
    "SET #pk = :text",
    "SET name = :text",
    "SET #n.y = :one",
    "SET l = list_append(#t, :list)",
    "SET l = list_append(#new, :list)",
    "SET l = list_append(#new, #new)",
    "SET #new = :much",
    "SET owner = :empty",
    "SET owner = :one",
    "ADD #t :one",
    "DELETE #n :set",
    "SET #n",
    "WHAT #n = :one",
    "SET #n = = :one",
]
CONDITIONS = [
    "attribute_exists(#n) AND #n = :one",
    "attribute_not_exists(#new) OR (NOT #n <> :one)",
    "#n BETWEEN :one AND :one AND #t IN (:text, :empty)",
    "contains(s, :text) or begins_with(#t, :text) or size(l) > :one",
    "#m.#x.y >= :one and l[1] = :one",
    "#n = :nobody",
    "#nobody = :one",
    "name = :text",
    "((#n = :one))",
    "#n = ",
    "#n ? :one",
]


def play(client: Any) -> list[Any]:
    """What each update and each condition leads to, twice: the second time all has been seen."""
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "owner")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    asked = [{"UpdateExpression": text} for text in UPDATES]
    asked += [
        {"UpdateExpression": "REMOVE #new", "ConditionExpression": text} for text in CONDITIONS
    ]
    told: list[Any] = []
    for each in asked * 2:
        text = " ".join(each.values())
        request = {
            "TableName": "t",
            "Key": {"PK": ITEM["PK"], "SK": ITEM["SK"]},
            "ExpressionAttributeNames": {n: to for n, to in NAMES.items() if n in text},
            "ExpressionAttributeValues": {n: to for n, to in VALUES.items() if n in text},
            **each,
        }
        if not request["ExpressionAttributeValues"]:
            del request["ExpressionAttributeValues"]
        if not request["ExpressionAttributeNames"]:
            del request["ExpressionAttributeNames"]
        client.put_item(TableName="t", Item=ITEM)
        try:
            found = client.update_item(ReturnValues="ALL_NEW", **request)["Attributes"]
            told.append([text, {**found, "s": sorted(found.get("s", {}).get("SS", ()))}])
        except Exception as error:  # what moto does not foresee comes as it is
            told.append([text, repr(error)])
    return told


def main() -> None:
    """In moto as it is."""
    with mock_aws():
        print(json.dumps(play(boto3.client("dynamodb", region_name="us-east-1"))))  # noqa: T201


@pytest.fixture(scope="module")
def stock() -> list[Any]:
    script = "import runpy, sys; runpy.run_path(sys.argv[1])['main']()"
    done = subprocess.run(
        [sys.executable, "-c", script, __file__],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[Any] = json.loads(done.stdout)
    return told


def test_expressions_are_understood_as_in_moto_as_it_is(stock: list[Any]) -> None:
    with mock_aws():
        told = json.loads(json.dumps(play(boto3.client("dynamodb", region_name="us-east-1"))))

    assert told == stock
    assert sum(isinstance(answer, dict) for _, answer in told) > len(told) // 4
    assert len({answer for _, answer in told if isinstance(answer, str)}) > 15

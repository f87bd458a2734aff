"""What functions may do by their roles, and what they do, in the same words.

A `Grant` is one action on one resource, for one pattern of keys; an `Access` is one such deed.
`grants_of("ConversationsGetMessage")` reads the template, `accesses_of(call)` a call to AWS.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.calls import Call
from tests.template.deployed import resources

TABLE, BUCKET = "table", "bucket"
_BY_KEYS = "dynamodb:LeadingKeys"
_BY_PREFIX = "s3:prefix"
_OF_ITEM = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_FIRST_EQUATION = re.compile(r"(#\w+) = (:\w+)")
# AWS's own, which SAM attaches: logs, traces, reading the table's stream.
AWS_OWN = {
    "AWSLambdaBasicExecutionRole",
    "AWSXrayWriteOnlyAccess",
    "AWSLambdaDynamoDBExecutionRole",
}


@dataclass(frozen=True, order=True)
class Access:
    """`key` is an item's partition key; in the bucket the object's, or the prefix of a listing."""

    action: str
    resource: str
    key: str


@dataclass(frozen=True, order=True)
class Grant:
    """`keys` is a pattern of IAM's: `*` is any text, `?` any character."""

    action: str
    resource: str
    keys: str

    def covers(self, access: Access) -> bool:
        return (self.action, self.resource) == (access.action, access.resource) and like(
            self.keys, access.key
        )


def like(pattern: str, text: str) -> bool:
    """IAM's StringLike."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text, re.DOTALL) is not None


# --- What the template allows ---------------------------------------------------------------------


def statements_of(function: str) -> Iterator[Mapping[str, Any]]:
    """All statements of a function's role but those of AWS's own policies."""
    role = resources("AWS::IAM::Role")[f"{function}Role"]
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", ())]
    for managed in role["ManagedPolicyArns"]:
        if isinstance(managed, str):
            assert managed.rpartition("/")[2] in AWS_OWN, managed
        else:
            named = resources("AWS::IAM::ManagedPolicy")[managed["Ref"]]
            documents.append(named["PolicyDocument"])
    for document in documents:
        yield from _listed(document["Statement"])


def grants_of(function: str) -> frozenset[Grant]:
    """What a function may do with the table and the bucket."""
    return frozenset(grant for statement in statements_of(function) for grant in _grants(statement))


def actions_of(function: str) -> frozenset[str]:
    """Every action that a function's role names."""
    return frozenset(
        action for statement in statements_of(function) for action in _listed(statement["Action"])
    )


def _grants(statement: Mapping[str, Any]) -> Iterator[Grant]:
    assert statement["Effect"] == "Allow"
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            if action.startswith("dynamodb:"):
                for keys in statement["Condition"]["ForAllValues:StringLike"][_BY_KEYS]:
                    yield Grant(action, _table_or_index(resource), keys)
            elif action == "s3:ListBucket":
                yield Grant(action, BUCKET, statement["Condition"]["StringLike"][_BY_PREFIX])
            elif action.startswith("s3:"):
                yield Grant(action, BUCKET, _in_bucket(resource))


def _table_or_index(resource: Mapping[str, Any]) -> str:
    match resource:
        case {"Fn::GetAtt": ["Table", "Arn"]}:
            return TABLE
        case {"Fn::Sub": str(text)} if text.startswith("${Table.Arn}/"):
            return text.replace("${Table.Arn}", TABLE)
    raise AssertionError(f"{resource} is not the table")


def _in_bucket(resource: Mapping[str, Any]) -> str:
    text = str(resource["Fn::Sub"])
    assert text.startswith("${Bucket.Arn}/"), text
    return text.removeprefix("${Bucket.Arn}/")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- What a call needs ----------------------------------------------------------------------------


def accesses_of(call: Call) -> Iterable[Access]:
    """What a call has to be allowed. Transactions are allowed item by item, batches as a whole."""
    request, operation = call.request, call.operation
    match operation:
        case "GetItem" | "UpdateItem" | "DeleteItem":
            return [_of_item(operation, request["Key"])]
        case "PutItem":
            return [_of_item(operation, request["Item"])]
        case "TransactWriteItems":
            writes = [write for item in request["TransactItems"] for write in item.items()]
            return [
                _of_item(_OF_ITEM[kind], asked.get("Item") or asked["Key"])
                for kind, asked in writes
            ]
        case "BatchGetItem":
            keys = [key for asked in request["RequestItems"].values() for key in asked["Keys"]]
            return [_of_item(operation, key) for key in keys]
        case "BatchWriteItem":
            asked = [each for writes in request["RequestItems"].values() for each in writes]
            return [_of_item(operation, _written(each)) for each in asked]
        case "Query":
            index = request.get("IndexName")
            resource = f"{TABLE}/index/{index}" if index else TABLE
            return [Access("dynamodb:Query", resource, _asked_for(request))]
        case "GetObject" | "PutObject":
            return [Access(f"s3:{operation}", BUCKET, request["Key"])]
        case "DeleteObjects":
            objects = request["Delete"]["Objects"]
            return [Access("s3:DeleteObject", BUCKET, each["Key"]) for each in objects]
        case "ListObjectsV2":
            return [Access("s3:ListBucket", BUCKET, request["Prefix"])]
    raise AssertionError(f"{operation} is new: say here what it has to be allowed")


def _of_item(operation: str, item: Mapping[str, Any]) -> Access:
    return Access(f"dynamodb:{operation}", TABLE, item["pk"]["S"])


def _written(write: Mapping[str, Any]) -> Mapping[str, Any]:
    item: Mapping[str, Any] = (
        write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]
    )
    return item


def _asked_for(request: Mapping[str, Any]) -> str:
    """The partition that a Query names, which has to come first in its condition."""
    found = _FIRST_EQUATION.search(request["KeyConditionExpression"])
    assert found, request["KeyConditionExpression"]
    return str(request["ExpressionAttributeValues"][found[2]]["S"])

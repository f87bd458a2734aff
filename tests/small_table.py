"""A table in memory that answers as DynamoDB does, some ten times as fast as moto: for tests that
make calls by the ten thousand.

    table = SmallTable()
    with intercept(lambda call: table.answer(call.operation, call.request)):
        ...
    table.items["USER#1"]["PROFILE"]

It knows what `reprise.store` asks of its table and refuses the rest: no index, no scan, no nested
path. That it answers as moto does is tested in `tests/engine/test_credit_histories.py`, call by
call.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

Value = dict[str, Any]  # as on the wire: {"S": "text"}
Item = dict[str, Value]
Request = dict[str, Any]
Outcome = tuple[Item | None, Request | None]  # the new item (None: none), or why it is refused
Evaluate = Callable[[Item, Request], Any]

FAILED = "ConditionalCheckFailed"
_WORD = re.compile(r"\s*(#\w+|:\w+|\w+|<=|>=|<>|[=<>(),+-])")
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class SmallTable:
    """`items` by partition and sort key. An item that lies there never changes: it is replaced."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Item]] = {}
        self._tokens: dict[str, Any] = {}

    def answer(self, operation: str, request: Request) -> Any:
        """Raises botocore's ClientError, as the client does."""
        return getattr(self, f"_{operation}")(request)

    def get(self, partition: str, sort: str) -> Item | None:
        return self.items.get(partition, {}).get(sort)

    def _GetItem(self, request: Request) -> Any:  # noqa: N802
        item = self._at(request["Key"])
        return {"Item": item} if item else {}

    def _BatchGetItem(self, request: Request) -> Any:  # noqa: N802
        ((name, asked),) = request["RequestItems"].items()
        found = [item for key in asked["Keys"] if (item := self._at(key))]
        return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def _Query(self, request: Request) -> Any:  # noqa: N802
        assert "IndexName" not in request
        fits, values = _condition(request["KeyConditionExpression"]), request
        (partition,) = (
            value["S"]
            for name, value in _equal(request["KeyConditionExpression"], request)
            if name == "pk"
        )
        there = self.items.get(partition, {})
        sorts = sorted(there, reverse=not request.get("ScanIndexForward", True))
        if start := request.get("ExclusiveStartKey"):
            behind = sorts.index(start["sk"]["S"]) + 1
            sorts = sorts[behind:]
        found = [there[sort] for sort in sorts if fits(there[sort], values)]
        limit = request.get("Limit") or len(found) + 1
        page = found[:limit]
        answer: dict[str, Any] = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if len(found) >= limit:
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in ("pk", "sk")}
        return answer

    def _PutItem(self, request: Request) -> Any:  # noqa: N802
        self._write("Put", request)
        return {}

    def _DeleteItem(self, request: Request) -> Any:  # noqa: N802
        self._write("Delete", request)
        return {}

    def _UpdateItem(self, request: Request) -> Any:  # noqa: N802
        return {"Attributes": self._write("Update", request)}

    def _BatchWriteItem(self, request: Request) -> Any:  # noqa: N802
        ((_, asked),) = request["RequestItems"].items()
        for write in asked:
            ((kind, of),) = write.items()
            self._write(kind.removesuffix("Request"), of)
        return {"UnprocessedItems": {}}

    def _TransactWriteItems(self, request: Request) -> Any:  # noqa: N802
        token, writes = request["ClientRequestToken"], request["TransactItems"]
        if token in self._tokens:
            assert self._tokens[token] == writes, "another request under the same token"
            return {}
        outcomes = [self._outcome(kind, of) for write in writes for kind, of in write.items()]
        if any(refusal for _, refusal in outcomes):
            raise _error(
                "TransactionCanceledException", [r or {"Code": "None"} for _, r in outcomes]
            )
        for write, (item, _) in zip(writes, outcomes, strict=True):
            ((kind, of),) = write.items()
            if kind != "ConditionCheck":
                self._place(of.get("Item") or of["Key"], item)
        self._tokens[token] = writes
        return {}

    def _write(self, kind: str, request: Request) -> Item | None:
        item, refusal = self._outcome(kind, request)
        if refusal:
            code = "ValidationException"
            if refusal["Code"] == FAILED:
                code = "ConditionalCheckFailedException"
            raise _error(code)
        self._place(request.get("Item") or request["Key"], item)
        return item

    def _outcome(self, kind: str, request: Request) -> Outcome:
        before = self._at(request.get("Item") or request["Key"])
        condition = request.get("ConditionExpression")
        if condition and not _condition(condition)(before or {}, request):
            refusal: Request = {"Code": FAILED}
            if before and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
                refusal["Item"] = before
            return None, refusal
        match kind:
            case "Put":
                return dict(request["Item"]), None
            case "Update":
                try:
                    return _updated(before or dict(request["Key"]), request), None
                except LookupError:
                    return None, {"Code": "ValidationError"}
            case "Delete":
                return None, None
        return before, None

    def _at(self, key: Item) -> Item | None:
        return self.get(key["pk"]["S"], key["sk"]["S"])

    def _place(self, key: Item, item: Item | None) -> None:
        partition, sort = key["pk"]["S"], key["sk"]["S"]
        if item is None:
            self.items.get(partition, {}).pop(sort, None)
        else:
            self.items.setdefault(partition, {})[sort] = item


def _error(code: str, reasons: list[Request] | None = None) -> ClientError:
    response: Request = {"Error": {"Code": code, "Message": code}}
    if reasons is not None:
        response["CancellationReasons"] = reasons
    return ClientError(response, "SmallTable")


# Expressions, compiled once each: what they say, with names and values left out.


class _Words:
    """The words of an expression, to be taken one by one."""

    def __init__(self, text: str) -> None:
        self.words = [*_WORD.findall(text), ""]
        assert "".join(self.words) == re.sub(r"\s", "", text), text

    def peek(self) -> str:
        return self.words[0]

    def take(self, *wanted: str) -> str:
        assert not wanted or self.words[0] in wanted, (self.words[0], wanted)
        return self.words.pop(0)

    def took(self, word: str) -> bool:
        return self.words[0] == word and bool(self.take())


@lru_cache(maxsize=1000)
def _condition(text: str) -> Callable[[Item, Request], bool]:
    words = _Words(text)
    either = _either(words)
    assert not words.peek(), text
    return either


def _either(words: _Words) -> Evaluate:
    some = [_all(words)]
    while words.took("OR"):
        some.append(_all(words))
    return some[0] if len(some) == 1 else lambda item, of: any(each(item, of) for each in some)


def _all(words: _Words) -> Evaluate:
    every = [_one(words)]
    while words.took("AND"):
        every.append(_one(words))
    return every[0] if len(every) == 1 else lambda item, of: all(each(item, of) for each in every)


def _one(words: _Words) -> Evaluate:
    if words.took("NOT"):
        denied = _one(words)
        return lambda item, of: not denied(item, of)
    if words.took("("):
        inner = _either(words)
        words.take(")")
        return inner
    if words.peek() in ("attribute_exists", "attribute_not_exists", "contains", "begins_with"):
        return _asked(words)
    left = _operand(words)
    sign = words.take("BETWEEN", *_COMPARE)
    if sign == "BETWEEN":
        low = _operand(words)
        words.take("AND")
        high = _operand(words)
        return lambda item, of: (
            _holds("<=", low(item, of), left(item, of))
            and _holds("<=", left(item, of), high(item, of))
        )
    right = _operand(words)
    return lambda item, of: _holds(sign, left(item, of), right(item, of))


def _asked(words: _Words) -> Evaluate:
    what = words.take()
    words.take("(")
    name = words.take()
    argument = _operand(words) if words.took(",") else None
    words.take(")")

    def evaluate(item: Item, of: Request) -> bool:
        value = item.get(of["ExpressionAttributeNames"][name])
        if what == "attribute_not_exists":
            return value is None
        if value is None or argument is None:
            return value is not None
        ((_, there),), ((_, wanted),) = value.items(), argument(item, of).items()
        return there.startswith(wanted) if what == "begins_with" else wanted in there

    return evaluate


def _operand(words: _Words) -> Evaluate:
    word = words.take()
    if word.startswith(":"):
        return lambda item, of: of["ExpressionAttributeValues"][word]
    if word.startswith("#"):
        return lambda item, of: item.get(of["ExpressionAttributeNames"][word])
    words.take("(")
    first = _operand(words)
    second = _operand(words) if words.took(",") else None
    words.take(")")
    if word == "size":
        return lambda item, of: _size(first(item, of))
    assert second, word
    if word == "if_not_exists":
        return lambda item, of: _if_not_exists(first(item, of), second(item, of))
    assert word == "list_append", word
    return lambda item, of: {"L": first(item, of)["L"] + second(item, of)["L"]}


def _if_not_exists(value: Value | None, other: Value | None) -> Value | None:
    return other if value is None else value


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    ((_, content),) = value.items()
    return {"N": str(len(content))}


def _holds(sign: str, left: Value | None, right: Value | None) -> bool:
    """Whether a comparison does; with what is not there, or of another type, only `<>` does."""
    if left is None or right is None or left.keys() != right.keys():
        return sign == "<>"
    return _COMPARE[sign](_comparable(left), _comparable(right))


def _comparable(value: Value) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return Decimal(content)
        case "SS":
            return frozenset(content)
    return content


def _equal(text: str, request: Request) -> Iterator[tuple[str, Value]]:
    """What an expression says is equal."""
    for name, value in re.findall(r"(#\w+) = (:\w+)", text):
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        yield names[name], values[value]


Change = Callable[[Item, Item, Request], None]  # of the new item, by what the old one had


@lru_cache(maxsize=1000)
def _changes(text: str) -> list[Change]:
    words, changes = _Words(text), []
    while words.peek():
        make: Mapping[str, Callable[[_Words], Change]] = {
            "SET": _set,
            "REMOVE": _remove,
            "ADD": _add,
            "DELETE": _delete,
        }
        clause = words.take(*_CLAUSES)
        changes.append(make[clause](words))
        while words.took(","):
            changes.append(make[clause](words))
    return changes


def _updated(before: Item, request: Request) -> Item:
    """Raises LookupError where the expression reckons with what is not there."""
    after = dict(before)
    for change in _changes(request["UpdateExpression"]):
        change(after, before, request)
    return after


def _set(words: _Words) -> Change:
    name = words.take()
    words.take("=")
    left = _operand(words)
    sign = words.take() if words.peek() in ("+", "-") else ""
    right = _operand(words) if sign else None

    def change(after: Item, before: Item, of: Request) -> None:
        value = left(before, of)
        if value is None:
            raise LookupError
        if right:
            number = Decimal(right(before, of)["N"])
            value = _number(Decimal(value["N"]) + (number if sign == "+" else -number))
        after[of["ExpressionAttributeNames"][name]] = value

    return change


def _remove(words: _Words) -> Change:
    name = words.take()
    return lambda after, before, of: after.pop(of["ExpressionAttributeNames"][name], None) and None


def _add(words: _Words) -> Change:
    name, value = words.take(), words.take()

    def change(after: Item, before: Item, of: Request) -> None:
        attribute, more = of["ExpressionAttributeNames"][name], _given(of, value)
        there = before.get(attribute)
        if "N" in more:
            after[attribute] = _number(Decimal(there["N"] if there else 0) + Decimal(more["N"]))
        else:
            after[attribute] = {"SS": sorted({*(there["SS"] if there else ()), *more["SS"]})}

    return change


def _delete(words: _Words) -> Change:
    name, value = words.take(), words.take()

    def change(after: Item, before: Item, of: Request) -> None:
        attribute = of["ExpressionAttributeNames"][name]
        if there := before.get(attribute):
            left = sorted(set(there["SS"]) - set(_given(of, value)["SS"]))
            if left:
                after[attribute] = {"SS": left}
            else:
                del after[attribute]

    return change


def _given(of: Request, value: str) -> Value:
    given: Value = of["ExpressionAttributeValues"][value]
    return given


def _number(value: Decimal) -> Value:
    return {"N": format(value, "f")}

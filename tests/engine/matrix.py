"""The fault matrix: which calls a generation makes, and what can go wrong at each.

A `Scenario` is one request of one client, a `Strike` one fault at one of its calls. Which calls
there are is found out by a play without a fault (`tests.engine.plays.record`), so a new call joins
the matrix by itself, under a name without ids: `TransactWriteItems:begin#1` is the first of its
kind.

| fault               | at                 | what happens                                          |
|---------------------|--------------------|-------------------------------------------------------|
| `throttled`         | every call         | refused, once                                         |
| `conflict`          | writes             | another transaction is at the item, once              |
| `condition_…`       | conditional writes | somebody else was faster: see `Play`                  |
| `timeout_before`    | every call         | no answer, and no effect                              |
| `timeout_after`     | writes             | no answer, but the effect                             |
| `timeout_twice`     | transactions       | the same, and again when it is tried again            |
| `disconnected`      | every call         | no connection from this call on                       |
| `death_before`      | every call         | the process ends, before the call                     |
| `death_after`       | writes             | the process ends, after the call                      |
| `overtaken`         | the admission      | the same request, with the same key, is under way     |
| `torn`, `defect`    | the model          | a failure amid the answer, one that nobody foresaw    |
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

from reprise.store import keys
from tests.calls import Call

Way = Literal["send", "say", "start", "edit", "redo", "worker"]
WAYS: tuple[Way, ...] = ("send", "say", "start", "edit", "redo")

ASK = "Ask"  # the call of the model


@dataclass(frozen=True)
class Scenario:
    """How an answer is asked for: streamed or not (`say`), in a new conversation, as an edit or a
    redo; or how a crashed one is repaired, by the `worker`. `large`: what is said has to go to the
    bucket. `story` is what happens beside the request: see `Play`.
    """

    way: Way
    plan: str = "limited"
    keyed: bool = False
    large: bool = False
    story: str = ""

    def __str__(self) -> str:
        told = [self.way, self.story, self.plan, "keyed" * self.keyed, "large" * self.large]
        return "-".join(filter(None, told))


# Two values of each in every pair, in a quarter of the combinations.
PLAIN = [
    Scenario(way, plan, keyed, large)
    for way in WAYS
    for plan, keyed, large in (
        ("limited", True, False),
        ("limited", False, True),
        ("unlimited", True, True),
        ("unlimited", False, False),
    )
]
STORIES = [
    Scenario("send", keyed=True, story="stopped"),
    Scenario("redo", "unlimited", story="stopped"),
    Scenario("send", keyed=True, story="deleted"),
    Scenario("edit", story="deleted"),
    Scenario("redo", keyed=True, story="refused"),
    Scenario("edit", "unlimited", story="refused"),
    Scenario("send", keyed=True, story="crashed"),
    Scenario("say", "unlimited", large=True, story="crashed"),
    Scenario("send", keyed=True, story="released"),
    Scenario("send", keyed=True, story="replayed"),
    Scenario("say", keyed=True, large=True, story="replayed"),
    Scenario("worker", story="crashed"),
    Scenario("worker", large=True, story="crashed"),
]


@dataclass(frozen=True)
class Strike:
    """One case. `call` is a call's name and its number among those of the name."""

    scenario: Scenario
    call: str
    kind: str

    def __str__(self) -> str:
        return f"{self.scenario}-{self.call}-{self.kind}"

    @property
    def name(self) -> str:
        return self.call.partition("#")[0]

    @property
    def number(self) -> int:
        return int(self.call.partition("#")[2])


def choose(cases: Iterable[Strike]) -> list[Strike]:
    """Each fault at each call of each way and of each story once, in one of the scenarios where it
    can happen: which one is a matter of its name, so they all get their share.
    """
    same: dict[tuple[str, ...], list[Strike]] = {}
    for case in cases:
        story = case.scenario.story
        told = story and case.scenario.way != "worker"
        what = story if told else case.scenario.way
        same.setdefault((what, case.call, case.kind), []).append(case)
    chosen = [each[crc32(repr(what).encode()) % len(each)] for what, each in same.items()]
    return sorted(chosen, key=str)


# Calls


def name_of(call: Call) -> str:
    match call.operation:
        case "PutObject" | "GetObject":
            return call.operation
        case "TransactWriteItems":
            return f"{call.operation}:{_phase(call)}"
        case "Query":
            return f"{call.operation}:{_asked(call)}"
    return f"{call.operation}:{'+'.join(sorted({_kind(key) for key in call.sort_keys}))}"


def _kind(sort_key: str) -> str:
    return "LEASE" if sort_key == keys.LEASE else sort_key.partition("#")[0]


def _phase(call: Call) -> str:
    """What a transaction is for, by what it does to the lease, or else what it is about."""
    done = {(how, _target(write)) for how, write in _writes(call)}
    if ("Put", "LEASE") in done:
        return "begin"
    if ("Delete", "META") in done:
        return "delete"
    if ("Delete", "LEASE") in done:
        return "end"
    return "+".join(sorted({target for _, target in done}))


def _asked(call: Call) -> str:
    """What a Query is after: the kind of its sort keys, GEN for a chunk log."""
    values = [each["S"] for each in call.request["ExpressionAttributeValues"].values()]
    if any(value.startswith(keys.generation("")) for value in values):
        return "GEN"
    return next((_kind(value) for value in values if not value.startswith("USER#")), "ALL")


def _writes(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """The writes of a call, with what each does."""
    if call.operation == "TransactWriteItems":
        for item in call.request["TransactItems"]:
            yield from item.items()
    else:
        yield call.operation.removesuffix("Item"), call.request


def _target(write: dict[str, Any]) -> str:
    key: dict[str, Any] = write.get("Item") or write["Key"]
    return _kind(key["sk"]["S"])


# Made again and again while a model speaks, so how often is a matter of time: the first ones count.
FIRST = {"PutItem:CHUNK": 2, "GetItem:LEASE": 1, "UpdateItem:LEASE": 1}

# Faults

READ = ("throttled", "timeout_before", "disconnected", "death_before")
WRITE = (*READ, "timeout_after", "death_after")
ASKED = (*WRITE, "torn", "defect")
RIVALS = {
    "begin IDEM": "twin",
    "begin META": "moved",
    "begin LEASE": "running",
    "begin BALANCE": "spent",
    "end M": "repaired",
    "end LEASE": "succeeded",
    "end META": "succeeded",
    "end BALANCE": "released",
    "end LEDGER": "released",
    "BALANCE+LEDGER BALANCE": "released",
    "BALANCE+LEDGER LEDGER": "released",
    "UpdateItem LEASE": "repaired",
}


def kinds_at(scenario: Scenario, call: Call) -> tuple[str, ...]:
    """The faults that a call may meet."""
    match call.operation:
        case "Query" if scenario.keyed and not scenario.story and _asked(call) == "M":
            return (*READ, "overtaken")
        case "GetItem" | "BatchGetItem" | "Query" | "GetObject":
            return READ
        case "PutObject":
            return WRITE
    rivals = dict.fromkeys(f"condition_{rival}" for rival in _rivals(call))
    if scenario.way == "start":
        rivals.pop("condition_running", None)  # there is nothing yet to run in
    twice = ("timeout_twice",) if call.operation == "TransactWriteItems" else ()
    return (*WRITE, *twice, "conflict", *rivals)


def _rivals(call: Call) -> Iterator[str]:
    """Who may be faster than a write, so that a condition of it fails; for those that nobody can
    have been faster than here it fails all the same: `refused`.
    """
    transaction = call.operation == "TransactWriteItems"
    phase = _phase(call) if transaction else call.operation
    for _, write in _writes(call):
        if "ConditionExpression" in write:
            rival = RIVALS.get(f"{phase} {_target(write)}")
            if rival or not transaction:
                yield rival or "refused"

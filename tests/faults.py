"""Faults of AWS, struck at chosen calls.

    with faults(Fault("TransactWriteItems", conflict, on=2)) as struck:
        ...
    assert struck

An operation has AWS's name; ANY stands for all of them. Calls are counted from 1, per fault, from
the beginning of the `with`; `on` is a number, a range (`onward(3)`, `EVERY`), or a set. With
`where` only calls for which it is true are counted: `where=writing("META#LEASE")`. What the `with`
gives is a list of the calls that were struck so far. Where two faults match, the first strikes.

A fault is what is left after botocore's own retries, so each is final for one call of our code:

| kind            | before it strikes              | what the code sees                         |
|-----------------|--------------------------------|--------------------------------------------|
| `throttled`     | nothing happened               | ThrottlingException; of S3, SlowDown       |
| `conflict`      | nothing happened               | another transaction is at the same item    |
| `cancelled(…)`  | nothing happened               | a cancelled transaction, with that reason  |
| `refused`       | nothing happened               | the condition of a single write failed     |
| `internal`      | nothing happened               | InternalServerError                        |
| `timeout`       | nothing happened               | a read timeout: it may have happened       |
| `lost_answer`   | it happened                    | the same read timeout                      |
| `repeated`      | it happened                    | what it says the second time: botocore     |
|                 |                                | retried by itself after a lost answer      |
| `disconnected`  | nothing happened               | no connection can be made                  |
| `killed`        | nothing happened               | Killed, a BaseException: no code runs on   |
| `killed_after`  | it happened                    | Killed                                     |
| `meanwhile(do)` | `do()`, then it happened       | the answer: somebody else was faster       |
| `answering(to)` | it happened                    | `to(answer)`                               |

Any function from a `tests.calls.Call` to its answer is a kind too. `from_there(fault)` strikes what
the fault would, and then every call of whatever operation: an outage, or the end of a process.
"""

import sys
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.calls import Call, intercept

ANY = "*"
EVERY = range(1, sys.maxsize)

Kind = Callable[[Call], Any]


def onward(first: int) -> range:
    """That call and all that follow: what a dead process or a cut network looks like."""
    return range(first, sys.maxsize)


def writing(sort_key: str) -> Callable[[Call], bool]:
    """For `where`: calls that write, or get, an item whose sort key begins so."""
    return lambda call: any(key.startswith(sort_key) for key in call.sort_keys)


@dataclass(frozen=True)
class Fault:
    operation: str
    kind: Kind
    on: int | Container[int] = 1
    where: Callable[[Call], bool] = lambda _: True

    def concerns(self, call: Call) -> bool:
        return self.operation in (ANY, call.operation) and self.where(call)

    def strikes(self, count: int) -> bool:
        return count == self.on if isinstance(self.on, int) else count in self.on


def from_there(first: Fault, then: Kind | None = None) -> Fault:
    """The first call that a fault strikes, and all that follow, whatever they are; those by `then`,
    if given. It can be used once.
    """
    count, struck = 0, None

    def begun(call: Call) -> bool:
        nonlocal count, struck
        if struck is None and first.concerns(call):
            count += 1
            struck = call if first.strikes(count) else None
        return struck is not None

    def kind(call: Call) -> Any:
        return (first.kind if call is struck else then or first.kind)(call)

    return Fault(ANY, kind, EVERY, begun)


@contextmanager
def faults(*planned: Fault) -> Iterator[list[Call]]:
    """Strike as planned until the end of the `with`; the calls that were struck so far."""
    lock = threading.Lock()
    counts = dict.fromkeys(range(len(planned)), 0)
    struck: list[Call] = []

    def due(call: Call) -> Kind | None:
        with lock:
            kind: Kind | None = None
            for number, fault in enumerate(planned):
                if fault.concerns(call):
                    counts[number] += 1
                    if kind is None and fault.strikes(counts[number]):
                        kind = fault.kind
                        struck.append(call)
            return kind

    def handle(call: Call) -> Any:
        kind = due(call)
        return kind(call) if kind else call.proceed()

    with intercept(handle):
        yield struck


class Killed(BaseException):
    """The process is no more. Not an Exception, so that nothing tidies up after it."""


def throttled(call: Call) -> Any:
    s3 = call.operation.endswith("Object")
    raise _error(call, "SlowDown" if s3 else "ThrottlingException", "Rate exceeded")


def internal(call: Call) -> Any:
    raise _error(call, "InternalServerError", "Internal server error")


def conflict(call: Call) -> Any:
    if call.operation == "TransactWriteItems":
        return cancelled("TransactionConflict")(call)
    raise _error(call, "TransactionConflictException", "Transaction is ongoing for the item")


def cancelled(code: str, at: int = 0) -> Kind:
    """A transaction that is cancelled because of its write number `at`, counted from 0."""

    def kind(call: Call) -> Any:
        reasons = [{"Code": "None"} for _ in call.request["TransactItems"]]
        reasons[at] = {"Code": code, "Message": code}
        raise _error(call, "TransactionCanceledException", "Transaction cancelled", reasons)

    return kind


def refused(call: Call) -> Any:
    raise _error(call, "ConditionalCheckFailedException", "The conditional request failed")


def timeout(call: Call) -> Any:
    raise ReadTimeoutError(endpoint_url="https://aws")


def lost_answer(call: Call) -> Any:
    call.proceed()
    raise ReadTimeoutError(endpoint_url="https://aws")


def repeated(call: Call) -> Any:
    with suppress(ClientError):
        call.proceed()
    return call.proceed()


def disconnected(call: Call) -> Any:
    raise EndpointConnectionError(endpoint_url="https://aws")


def killed(call: Call) -> Any:
    raise Killed


def killed_after(call: Call) -> Any:
    call.proceed()
    raise Killed


def meanwhile(do: Callable[[], Any]) -> Kind:
    """Calls that `do` makes are counted as well, but `on=1` strikes only once."""

    def kind(call: Call) -> Any:
        do()
        return call.proceed()

    return kind


def answering(to: Callable[[Any], Any]) -> Kind:
    """Another answer, made of the true one: a read that does not show everything yet, say."""
    return lambda call: to(call.proceed())


def _error(
    call: Call, code: str, message: str, reasons: list[dict[str, Any]] | None = None
) -> ClientError:
    response: dict[str, Any] = {"Error": {"Code": code, "Message": message}}
    if reasons is not None:
        response["CancellationReasons"] = reasons
    return ClientError(response, call.operation)

"""How many calls a model has to wait for: those that begin before it is asked, and the longest
chain of them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.calls import Call, intercept
from tests.capacity import Cost

CALL_SECONDS = 0.05  # of a call before the model's: so long that what goes side by side overlaps
BODIES = {"PutObject", "GetObject"}


@contextmanager
def slow(asked: list[float]) -> Iterator[None]:
    """Have every call take its time until the model is asked: until `asked` has a time in it."""

    def handle(call: Call) -> Any:
        if not asked:
            time.sleep(CALL_SECONDS)
        return call.proceed()

    with intercept(handle):
        yield


def before(cost: Cost, asked: float, *, bodies: bool = False) -> Cost:
    """The calls that began before the model's did: of DynamoDB, or to S3 as well."""
    return Cost(
        calls=[
            timed
            for timed in cost.calls
            if timed.began < asked and (bodies or timed.call.operation not in BODIES)
        ]
    )

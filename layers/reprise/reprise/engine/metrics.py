"""What is counted, as CloudWatch metrics in the namespace `Reprise`: a line of Embedded Metric
Format on stdout for each event, and for each generation as it ends.

Their dimensions are `service`, the `reason` of an end and the `cause` of a refusal, which have a
few values each; no line has an id or what somebody wrote. Outside of Lambda nothing is written,
unless POWERTOOLS_METRICS_DISABLED says false. A line takes a fifth of a millisecond, so an event
loop may write it itself; and what it takes of Powertools has been loaded with its logger.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from reprise.chat.errors import (
    Conflict,
    IdempotencyMismatch,
    NoCredits,
    RateLimited,
    TooManyRunning,
)
from reprise.chat.events import Produced
from reprise.chat.messages import Hold, Message

NAMESPACE = "Reprise"
CAUSES: Mapping[type[Exception], str] = {
    RateLimited: "rate",
    NoCredits: "credits",
    TooManyRunning: "concurrency",
    IdempotencyMismatch: "idempotency",
    Conflict: "conflict",
}


def ended(answer: Message, produced: Sequence[Produced] = ()) -> None:
    """A generation has ended, and `answer` is stored. `produced`: what its writer saw come; the
    time to the first of it counts from when the answer's id was made, right before it was begun.
    """
    if not _wanted():
        return
    by_reason = _new(reason=str(answer.finish_reason))
    by_reason.add_metric("Generations", MetricUnit.Count, 1)
    lines = [by_reason]
    of_all = _new()
    if produced:
        waited = max(0, produced[0].at - answer.created)
        of_all.add_metric("TimeToFirstToken", MetricUnit.Milliseconds, waited)
    if answer.usage:
        of_all.add_metric("InputTokens", MetricUnit.Count, answer.usage.input)
        of_all.add_metric("OutputTokens", MetricUnit.Count, answer.usage.output)
    if of_all.metric_set:
        lines.append(of_all)
    _write(*lines)


def refused(error: Exception) -> None:
    """A request was refused, where that is one of the causes that are counted."""
    if cause := CAUSES.get(type(error)):
        _count("Refusals", cause=cause)


def overtaken() -> None:
    """A turn met another at its conversation, and was tried again."""
    _count("Conflicts")


def stopped() -> None:
    """The end of a running answer was asked for."""
    _count("Stops")


def resumed() -> None:
    """A reader follows what was begun by another request."""
    _count("Resumes")


def not_settled(hold: Hold | None) -> None:
    """What is held for an answer could not be settled with it."""
    if hold and hold.unit is not None:
        _count("CreditFailures")


def _count(name: str, **dimensions: str) -> None:
    if _wanted():
        event = _new(**dimensions)
        event.add_metric(name, MetricUnit.Count, 1)
        _write(event)


def _wanted() -> bool:
    disabled = os.environ.get("POWERTOOLS_METRICS_DISABLED")
    if disabled:
        return disabled.lower() in ("0", "n", "no", "f", "false", "off")
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _new(**dimensions: str) -> EphemeralMetrics:
    metrics = EphemeralMetrics(namespace=NAMESPACE)  # its service is POWERTOOLS_SERVICE_NAME
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    return metrics


def _write(*sets: EphemeralMetrics) -> None:
    """One line for all of them. Not Powertools' own flush: that has one set of dimensions for all
    metrics, does not flush stdout, and writes the line's end by itself, so that the lines of two
    threads may mix.
    """
    line: dict[str, Any] = {}
    directives: list[Any] = []
    for each in sets:
        line |= each.serialize_metric_set()
        directives += line["_aws"]["CloudWatchMetrics"]
    line["_aws"]["CloudWatchMetrics"] = directives
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()

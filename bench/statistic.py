"""Middles and tails of what was measured."""

from collections.abc import Iterable, Sequence
from statistics import median

__all__ = ["median", "percentile"]


def percentile(values: Iterable[float], percent: float) -> float:
    """The value that so many percent of them do not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

"""Lambda's event filters: which records of a stream a worker gets.

A pattern has the shape of a record. At its leaves are lists of what may stand there: values, or
rules. Source: Lambda developer guide, "Filter rule syntax".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_ABSENT = object()


def _anything_but(given: Any, refused: Any) -> bool:
    if isinstance(refused, dict):
        return given is not _ABSENT and not _allows(refused, given)
    values = refused if isinstance(refused, list) else [refused]
    return given is not _ABSENT and given not in values


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "anything-but": _anything_but,
    "exists": lambda given, wanted: (given is not _ABSENT) is wanted,
    "prefix": lambda given, start: isinstance(given, str) and given.startswith(start),
    "suffix": lambda given, end: isinstance(given, str) and given.endswith(end),
}


def check(pattern: Mapping[str, Any]) -> None:
    """Raise ValueError for a pattern with a rule that is not known here."""
    for name, wanted in pattern.items():
        if isinstance(wanted, dict):
            check(wanted)
        elif not isinstance(wanted, list):
            raise ValueError(f"filter: {name!r} is neither an object nor a list")
        else:
            for rule in (each for each in wanted if isinstance(each, dict)):
                if len(rule) != 1 or next(iter(rule)) not in _RULES:
                    raise ValueError(f"filter: {rule} is no rule that is known here")


def passes(record: Mapping[str, Any], patterns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of the patterns matches; without patterns, everything passes."""
    chosen = list(patterns)
    return not chosen or any(matches(pattern, record) for pattern in chosen)


def matches(pattern: Mapping[str, Any], record: Any) -> bool:
    for name, wanted in pattern.items():
        given = record.get(name, _ABSENT) if isinstance(record, dict) else _ABSENT
        if isinstance(wanted, dict):
            if not matches(wanted, given):
                return False
        elif not any(_allows(each, given) for each in wanted):
            return False
    return True


def _allows(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_RULES[name](given, argument) for name, argument in wanted.items())
    return type(wanted) is type(given) and bool(wanted == given)

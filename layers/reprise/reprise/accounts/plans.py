"""The plans that accounts are on, and the one of nobody's sessions. `plans.toml` is read when first
asked for.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprise.store.balances import Allowance

DEFAULT_PLAN = "standard"
ANONYMOUS = "anonymous"  # of sessions without an account, and never an account's


@dataclass(frozen=True)
class Plan:
    """What an account may do: `requests` by scope in each of the `windows`, whose seconds are by
    scope too.
    """

    name: str
    api: bool
    allowance: "Allowance"
    requests: Mapping[str, int]
    windows: Mapping[str, int]


@lru_cache(maxsize=1)
def load() -> Mapping[str, Plan]:
    """All plans by name. Not read at import: what only reads needs none."""
    return parse(_text())


def find(name: str) -> Plan:
    """Raises KeyError for a plan that an account is on and that there is no more."""
    return load()[name]


def names() -> list[str]:
    """Of the plans that an account may be on. Does not load the store: the command line asks before
    it knows its table.
    """
    return [name for name in _toml(_text())["plans"] if name != ANONYMOUS]


def parse(text: str) -> Mapping[str, Plan]:
    """Plans in the form that `plans.toml` describes. Raises ValueError, which says what is wrong
    with which: a limit that is misspelt would be none.
    """
    data = _toml(text)
    _check(data, "the file", {"windows", "plans"})
    windows = {name: _whole(each, f"windows.{name}", 1) for name, each in data["windows"].items()}
    plans = {name: _plan(name, entry, windows) for name, entry in data["plans"].items()}
    if DEFAULT_PLAN not in plans:
        raise ValueError(f"there is no plan {DEFAULT_PLAN}, which accounts are on by default")
    return plans


def _plan(name: str, entry: Any, windows: Mapping[str, int]) -> Plan:
    from reprise.store.balances import Allowance

    where = f"plans.{name}"
    _check(entry, where, {"api", "requests"}, {"credits", "concurrent"})
    _check(entry["requests"], f"{where}.requests", windows.keys())
    if not isinstance(entry["api"], bool):
        raise ValueError(f"{where}.api is neither true nor false")
    requests = {
        scope: _whole(most, f"{where}.requests.{scope}", 0)
        for scope, most in entry["requests"].items()
    }
    limits = {
        limit: _whole(entry[limit], f"{where}.{limit}", least)
        for limit, least in (("credits", 0), ("concurrent", 1))
        if limit in entry
    }
    allowance = Allowance(limits.get("credits"), limits.get("concurrent"))
    return Plan(name, entry["api"], allowance, requests, windows)


def _check(entry: Any, where: str, needed: Set[str], possible: Set[str] = frozenset()) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no table")
    if missing := needed - entry.keys():
        raise ValueError(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := entry.keys() - needed - possible:
        raise ValueError(f"{where} has {', '.join(sorted(unknown))}, which nothing reads")


def _whole(value: Any, where: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{where} is no whole number of {least} or more")
    return value


def _text() -> str:
    return Path(__file__).with_name("plans.toml").read_text("utf-8")


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)

"""Values of JSON that others made and that everybody shall be able to read again."""

import json
from typing import Any

DEEPEST = 100  # levels: every reader gives up at some depth


def check(value: Any) -> str:
    """The value as JSON. Raises ValueError, with a text for whoever sent it, where it has more than
    `DEEPEST` levels or holds what JSON does not have.
    """
    _check_depth(value)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except ValueError:
        raise ValueError("holds what JSON does not have") from None
    return text


def tool_input(text: str) -> dict[str, Any]:
    """What a model calls a tool with, where nothing at all is an empty object. Raises
    ValueError.
    """
    value = load(text or "{}")
    if not isinstance(value, dict):
        raise ValueError("is no object")
    _check_depth(value)
    # Escapes within the text can make lone surrogates, which no store takes.
    mended: dict[str, Any] = load(mend(json.dumps(value, ensure_ascii=False)))
    return mended


def load(text: str) -> Any:
    """The value of JSON by its standard. Raises ValueError."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("has too many levels") from None


def mend(text: str) -> str:
    """Surrogate pairs joined, lone surrogates replaced with U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return
    raise ValueError(f"has more than {DEEPEST} levels")


def _within(value: Any) -> list[Any]:
    match value:
        case list():
            return value
        case dict():
            return list(value.values())
    return []


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")  # though Python reads NaN and Infinity


_DECODER = json.JSONDecoder(parse_constant=_no_constant)

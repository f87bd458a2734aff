"""Prompts as values: texts with placeholders that an account keeps, or that everybody finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_CONTENT = 100_000  # characters


@dataclass(frozen=True)
class Draft:
    """What somebody says of a prompt. `metadata` is any JSON object, and theirs alone."""

    title: str
    content: str
    scenario: str
    description: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Prompt:
    """An account's own prompt, or a `template`, which all accounts have and none can change. `uses`
    counts the account's previews of it by its number. Times are milliseconds since the Unix epoch.
    """

    number: int
    said: Draft
    created: int
    updated: int
    uses: int = 0
    template: bool = False

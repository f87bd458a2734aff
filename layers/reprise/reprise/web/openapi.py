"""What an endpoint answers, as its surface's `openapi.py` says it. Not imported at run time."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stream:
    """Server-sent events, told in words."""

    description: str


@dataclass(frozen=True)
class Answers:
    """`success` is a type that Pydantic knows, or a Stream; `error` the model of all `errors`;
    `empty` are statuses without a body.
    """

    status: int
    success: Any
    error: Any
    errors: tuple[int, ...]
    empty: tuple[int, ...] = ()

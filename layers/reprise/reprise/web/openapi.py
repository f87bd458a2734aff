"""What an endpoint answers, as its surface's `openapi.py` says it. Not imported at run time."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stream:
    """Server-sent events, or what else has another type, told in words."""

    description: str
    type: str = "text/event-stream"


@dataclass(frozen=True)
class Answers:
    """`success` is a type that Pydantic knows, or a Stream; `error` the model of all `errors`,
    None where they are sentences; `empty` are statuses without a body. `events` are the words of
    the stream that is there in place of the type where it is asked for. `public`: without
    credentials.
    """

    status: int
    success: Any
    error: Any
    errors: tuple[int, ...]
    empty: tuple[int, ...] = ()
    events: str | None = None
    public: bool = False

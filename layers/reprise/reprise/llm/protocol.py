"""What a provider is given and what it yields: the whole contract between the engine and a
model.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reprise.chat.messages import FinishReason, Message, Text, ToolCall, Usage


@dataclass(frozen=True)
class Tool:
    """A function that the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class ModelRequest:
    """One call of a model. `model` is the provider's own id; `messages` are oldest first."""

    model: str
    messages: Sequence[Message]
    instructions: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The last thing a provider yields: `stop`, `length` or `tool-calls`, and usage if it was
    reported.
    """

    reason: FinishReason
    usage: Usage | None = None


ModelEvent = Text | ToolCall | Finished


class Provider(Protocol):
    """Something that answers.

    `stream` yields non-empty texts and whole tool calls as they come, then exactly one `Finished`.
    It raises `UpstreamFailed` for anything else: `retryable` only where asking again cannot bill or
    answer twice. Closing the generator ends the upstream call. It makes one attempt: retries are
    the engine's.
    """

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]: ...

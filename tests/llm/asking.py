"""Short ways to put a question to a provider and to look at what comes back."""

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from reprise.chat.messages import Message, Part, Role, Text
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest, Provider


def message(role: Role, *parts: Part | str) -> Message:
    typed = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Message(
        "m", role, typed, parent=None, depth=0, path=b"", state="done", created=0, updated=0
    )


def question(*parts: Part | str, model: str = "openai/gpt-4o-mini", **more: Any) -> ModelRequest:
    """A request with one user message."""
    return ModelRequest(model=model, messages=[message("user", *parts)], **more)


async def ask(provider: Provider, request: ModelRequest) -> list[ModelEvent]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


def text_of(events: Iterable[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def finish_of(events: list[ModelEvent]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]

"""The wire of this surface: its apps, its errors, its objects. See also `streams`."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI

from reprise.accounts.callers import Caller
from reprise.chat import ids
from reprise.chat.errors import NotFound
from reprise.chat.messages import Conversation, Message
from reprise.web.app import create_app
from reprise.web.callers import bearer
from reprise.web.detail import errors
from reprise.web.streams import compact
from reprise.web.times import iso

UNTITLED = "New Chat"


def surface(limit: str | None = None) -> FastAPI:
    """An app for one endpoint of this surface; those that generate are limited."""
    return create_app(errors(400), bearer, limit)


def session_number(session_id: int | str) -> int:
    """The conversation that is meant. Raises NotFound for what is no number of one."""
    number = ids.parse_number(str(session_id))
    if number is None:
        raise NotFound("Conversation")
    return number


def message_object(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def title_of(conversation: Conversation) -> str:
    """Conversations of other surfaces may have none."""
    return conversation.title or UNTITLED


def session_object(
    conversation: Conversation, messages: Iterable[Message], caller: Caller
) -> Iterator[str]:
    return with_messages(
        {
            "id": conversation.number,
            "user_id": ids.number_of(caller.account_id),
            "application_id": None,
            "model": conversation.model,
            "title": title_of(conversation),
        },
        messages,
        {"created_at": iso(conversation.created), "updated_at": iso(conversation.activity)},
    )


def with_messages(
    before: dict[str, Any], messages: Iterable[Message], after: dict[str, Any]
) -> Iterator[str]:
    """An object whose `messages` stand between its other fields, as JSON bit by bit: a session may
    have more of them than fit in memory.
    """
    yield compact(before)[:-1] + ',"messages":['
    comma = ""
    for message in messages:
        yield comma + compact(message_object(message))
        comma = ","
    yield "]," + compact(after)[1:]

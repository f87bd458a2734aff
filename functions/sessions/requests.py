"""What this surface's clients send. Apart from `wire`, because endpoints that read need little of
it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from reprise.chat.messages import MAX_TEXT, Role, Said
from sessions.wire import UNTITLED

MOST_MESSAGES = 20_000  # of a request: any that is as long as a request may be has fewer words
MOST_TOKENS = 1_000_000
TITLE_WORDS = 5
LONGEST_TITLE = 100  # characters: a word has no end in some languages
_ISO = re.compile(r"\d{4}-?\d\d-?\d\d([T ][\d:.,]{2,20}(Z|[+-][\d:]{2,8})?)?", re.ASCII)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

ModelName = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """Of a request: what has the wrong type is refused, what is unknown is ignored."""

    model_config = ConfigDict(strict=True)


class SentMessage(Body):
    role: Role
    content: str = Field(max_length=MAX_TEXT)


class StreamRequest(Body):
    """`messages` are the whole history, the new message last."""

    model: ModelName
    messages: list[SentMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    stream: bool = True
    session_id: int | None = None

    @property
    def said(self) -> list[Said]:
        return [Said(each.role, each.content) for each in self.messages]


class ModelSwitch(Body):
    session_id: int
    model: ModelName


def title_of(said: Sequence[Said]) -> str:
    """How a new session is called: by the first words of its user."""
    asked = next((each.text for each in said if each.role == "user"), "")
    words = asked.split(maxsplit=TITLE_WORDS)[:TITLE_WORDS]
    title = " ".join(words)[:LONGEST_TITLE] or UNTITLED
    return f"{title}..." if len(words) == TITLE_WORDS else title


def _moment(value: object) -> datetime | None:
    """A time in ISO 8601, taken for UTC where it does not say its zone."""
    if value is None:
        return None
    try:
        if not _ISO.fullmatch(str(value)):
            raise ValueError  # Python takes much more for one
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError("iso", "is no date or time in ISO format") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime | None, BeforeValidator(_moment), Query()]


def milliseconds(moment: datetime | None, *, up: bool = False) -> int | None:
    """Since the Unix epoch, rounded down, or `up`."""
    if moment is None:
        return None
    since, millisecond = moment - _BEGINNING, timedelta(milliseconds=1)
    return -(-since // millisecond) if up else since // millisecond

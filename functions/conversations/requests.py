"""What this surface's clients send. Apart from `wire`, because endpoints that read need none of
it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from reprise.chat.messages import MAX_TEXT, Role

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class Body(BaseModel):
    """Of a request: what has the wrong type is refused, what is unknown is ignored."""

    model_config = ConfigDict(strict=True)


class Regeneration(Body):
    model: str | None = Field(default=None, min_length=1, max_length=200)
    temperature: float = Field(default=0.7, ge=0, le=2)


class Question(Regeneration):
    content: str = Field(min_length=1, max_length=MAX_TEXT)


class NewMessage(Question):
    role: Role = "user"


class NewConversation(Body):
    title: Title | None = None


class StartedConversation(Question):
    title: Title | None = None


class Rename(Body):
    title: Title

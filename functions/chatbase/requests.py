"""What this surface's clients send. Apart from `wire`, because endpoints that read need little of
it.
"""

from typing import Annotated, Any

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from reprise.chat.messages import MAX_TEXT, Feedback
from reprise.chat.values import check

Cursor = Annotated[str | None, Query()]
Limit = Annotated[int, Query(ge=1, le=100)]
EndUser = Annotated[str, StringConstraints(max_length=128, pattern=r"^[a-zA-Z0-9._-]+$")]


def _json(value: Any) -> Any:
    check(value)
    return value


class Body(BaseModel):
    """Of a request: what has the wrong type is refused, what is unknown is ignored."""

    model_config = ConfigDict(strict=True)


class ChatRequest(Body):
    message: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    conversation_id: str | None = Field(None, alias="conversationId")
    stream: bool = True
    user_id: EndUser | None = Field(None, alias="userId")


class RetryRequest(Body):
    message_id: str = Field(min_length=1, alias="messageId")
    stream: bool = True


class ToolOutput(Body):
    model_config = ConfigDict(strict=True, extra="forbid")

    tool_call_id: str = Field(min_length=1, alias="toolCallId")
    output: Annotated[Any, AfterValidator(_json)] = None


class FeedbackRequest(Body):
    feedback: Feedback | None

"""What the endpoints of this surface answer, for `docs/openapi.json`.

Nothing imports this at run time: making these models takes as long as a quarter of a cold start.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reprise.chat.messages import FinishReason, Role, State
from reprise.web.openapi import Answers, Stream

TITLE = "Conversations"
T = TypeVar("T")


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Conversation(Shape):
    id: str
    title: str | None
    user_id: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Message(Shape):
    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    content: str
    model: str | None
    state: State
    finish_reason: FinishReason | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ConversationWithMessages(Conversation):
    chatMessages: list[Message] = Field(description="The shown branch, oldest first.")  # noqa: N815


class Meta(Shape):
    total: int
    page: int
    limit: int
    totalPages: int  # noqa: N815


class Success(Shape, Generic[T]):
    success: Literal[True]
    data: T
    message: str
    request_id: str
    timestamp: AwareDatetime


class Listing(Success[T], Generic[T]):
    meta: Meta


class Problem(BaseModel):
    """`details` of a VALIDATION_001 are texts by field, of a CONFLICT_001 the `generation_id`."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class Failure(BaseModel):
    """What went wrong. API Gateway's own errors have this shape, too, without `timestamp`."""

    success: Literal[False]
    error: Problem
    request_id: str
    timestamp: AwareDatetime | None = None


EVENTS = """Server-sent events, each `data: {"type": …, "data": …}`, in this order: %s;
any number of `ai_chunk` (a piece of the answer's text); `ai_complete` (the stored answer) or
`error` (a text). Then `data: [DONE]`.
"""


def _answers(success: Any, status: int = 200, *more: int) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    return Answers(status, success, Failure, (400, 401, 403, 404, 413, 500, *more))


ANSWERS = {
    "create_conversation": _answers(Success[Conversation], 201),
    "list_conversations": _answers(Listing[list[Conversation]]),
    "get_conversation": _answers(Success[ConversationWithMessages]),
    "rename_conversation": _answers(Success[Conversation]),
    "delete_conversation": _answers(Success[None]),
    "send_message": _answers(Success[list[Message]], 201, 409),
    "stream_message": _answers(Stream(EVENTS % "`user_message` (the stored message)"), 200, 409),
    "start_conversation": _answers(Stream(EVENTS % "`conversation_created`")),
    "list_messages": _answers(Success[list[Message]]),
    "get_message": _answers(Success[Message]),
    "delete_message": _answers(Success[None]),
}

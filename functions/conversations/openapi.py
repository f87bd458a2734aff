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
    usage_estimated: Literal[True] = Field(
        True, description="Where the provider did not report the tokens."
    )
    version: int = Field(description="From 1 among the `versions` of this answer or message.")
    versions: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Stopped(Shape):
    generation_id: str | None = Field(description="The id of the answer that ends, if one does.")
    stopped: bool


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
    """`details` of a VALIDATION_001 are texts by field, of a CONFLICT_001 the `generation_id`, of a
    RATE_001 the seconds to wait as `retry_after`.
    """

    code: str
    message: str
    details: dict[str, Any] | None = None


class Failure(BaseModel):
    """What went wrong. API Gateway's own errors have this shape, too, without `timestamp`."""

    success: Literal[False]
    error: Problem
    request_id: str
    timestamp: AwareDatetime | None = None


EVENTS = """Server-sent events, each `data: {"type": …, "data": …}`, in this order: %sany number
of `ai_chunk` (a piece of the answer's text); `ai_complete` (the stored answer) or `error` (a text).
Then `data: [DONE]`.
"""
ASKED = "`user_message` (the stored message); "
RESUMED = """The same events as the answer's own stream had or has, but for those that were seen,
each with a line `id: …` before its `data: …`. Then `data: [DONE]`.
"""
REFUSALS = (402, 422, 429)  # of what makes an answer


def _answers(success: Any, status: int = 200, *more: int, empty: tuple[int, ...] = ()) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    return Answers(status, success, Failure, (400, 401, 403, 404, 413, 500, *more), empty)


ANSWERS = {
    "create_conversation": _answers(Success[Conversation], 201, 422),
    "list_conversations": _answers(Listing[list[Conversation]]),
    "get_conversation": _answers(Success[ConversationWithMessages]),
    "rename_conversation": _answers(Success[Conversation]),
    "delete_conversation": _answers(Success[None]),
    "send_message": _answers(Success[list[Message]], 201, 409, *REFUSALS),
    "stream_message": _answers(Stream(EVENTS % ASKED), 200, 409, *REFUSALS),
    "start_conversation": _answers(Stream(EVENTS % "`conversation_created`; "), 200, *REFUSALS),
    "stop_generation": _answers(Success[Stopped]),
    "resume_stream": _answers(Stream(RESUMED), empty=(204,)),
    "list_messages": _answers(Success[list[Message]]),
    "get_message": _answers(Success[Message]),
    "edit_message": _answers(Stream(EVENTS % ASKED), 200, 409, *REFUSALS),
    "delete_message": _answers(Success[None]),
    "regenerate_message": _answers(Stream(EVENTS % ""), 200, 409, *REFUSALS),
    "list_versions": _answers(Success[list[Message]]),
    "select_version": _answers(Success[list[Message]], 200, 409),
}

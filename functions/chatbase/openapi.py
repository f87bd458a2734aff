"""What the endpoints of this surface answer, for `docs/openapi.json`.

Nothing imports this at run time: making these models takes as long as a quarter of a cold start.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from reprise.chat.messages import Feedback
from reprise.web.openapi import Answers

TITLE = "Chatbase"
T = TypeVar("T")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


class Object(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=camel)


class TextPart(Object):
    type: Literal["text"]
    text: str


class ToolCallPart(Object):
    type: Literal["tool-call"]
    tool_call_id: str
    tool_name: str
    input: Any


class ToolResultPart(Object):
    type: Literal["tool-result"]
    tool_call_id: str
    tool_name: str
    output: Any


MessagePart = TextPart | ToolCallPart | ToolResultPart


class ScoreMetadata(Object):
    score: float | None


class ChatMessage(Object):
    id: str
    role: Literal["user", "assistant"]
    parts: list[MessagePart]
    created_at: int
    feedback: Feedback | None
    metadata: ScoreMetadata


class AgentConversation(Object):
    id: str
    title: str | None
    created_at: int
    updated_at: int
    user_id: str | None
    status: Literal["ongoing"]


class AgentConversationWithMessages(AgentConversation):
    messages: list[ChatMessage] = Field(description="The newest ones, or those before the cursor.")


class CreditsUsed(Object):
    credits: int


class ChatMetadata(Object):
    user_message_id: str
    conversation_id: str
    user_id: str | None
    finish_reason: Literal["stop", "error", "tool-calls"]
    usage: CreditsUsed


class ChatResponse(Object):
    id: str
    role: Literal["assistant"]
    parts: list[MessagePart]
    metadata: ChatMetadata


class Pagination(Object):
    cursor: str | None
    has_more: bool
    total: int


class Data(Object, Generic[T]):
    data: T


class PageOf(Data[T], Generic[T]):
    pagination: Pagination


class ToolResultTaken(Object):
    success: Literal[True]


class ChatbaseHealth(Object):
    status: Literal["ok"]
    timestamp: int


class ChatbaseProblem(BaseModel):
    code: str
    message: str
    details: dict[str, str] | None = None


class ChatbaseError(BaseModel):
    """What went wrong; API Gateway's own errors have more fields."""

    error: ChatbaseProblem


EVENTS = """A JSON object, or with `stream` server-sent events, each `data: {"type": …}`: the AI
SDK's UI message stream, version 1. `start`, then of each step `start-step`, any number of
`text-start`, `text-delta`, `text-end`, `tool-input-start`, `tool-input-available`,
`tool-output-available`, and `finish-step`; then `finish`, before it `error` where the answer could
not be completed. Every 15 seconds of silence an empty `message-metadata`. Then `data: [DONE]`.
"""


def _answers(success: Any, *more: int, events: str | None = None) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    errors = (400, 401, 403, 404, 413, 429, 500, *more)
    return Answers(200, success, ChatbaseError, errors, events=events)


ANSWERS = {
    "chat": _answers(Data[ChatResponse], 402, 409, 422, events=EVENTS),
    "retry": _answers(Data[ChatResponse], 402, 409, 422, events=EVENTS),
    "list_conversations": _answers(PageOf[list[AgentConversation]]),
    "get_conversation": _answers(PageOf[AgentConversationWithMessages]),
    "list_messages": _answers(PageOf[list[ChatMessage]]),
    "list_user_conversations": _answers(PageOf[list[AgentConversation]]),
    "submit_tool_result": _answers(Data[ToolResultTaken], 409),
    "give_feedback": _answers(Data[ChatMessage], 422),
    "health": Answers(200, ChatbaseHealth, ChatbaseError, (404, 500), public=True),
}

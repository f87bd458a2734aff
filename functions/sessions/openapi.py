"""What the endpoints of this surface answer, for `docs/openapi.json`. See `chatbase.openapi`."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reprise.chat.messages import Role
from reprise.web.openapi import Answers

TITLE = "Sessions"


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SessionMessage(Exact):
    role: Role
    content: str


class TokenUsage(Exact):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class SessionAnswer(Exact):
    session_id: int
    model: str
    message: SessionMessage
    usage: TokenUsage | None


class SwitchedSession(Exact):
    session_id: int
    model: str
    messages: list[SessionMessage]
    title: str


class ChatSession(Exact):
    id: int
    user_id: int
    application_id: None
    model: str | None = Field(description="Null where no model was asked for an answer yet.")
    title: str
    messages: list[SessionMessage] = Field(description="The shown branch, oldest first.")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ChatHistory(Exact):
    total: int
    page: int
    page_size: int
    sessions: list[ChatSession]


class SessionDeleted(Exact):
    message: Literal["Session deleted successfully"]


class SessionError(BaseModel):
    """What went wrong, in one sentence; API Gateway's own errors have more fields."""

    detail: str


TOKENS = """Where `stream` is not false, server-sent events: each `data: ` is a piece of the
answer's text, as it is; one of several lines has a `data: ` for each. Then `data: [DONE]`.
"""


def _answers(success: Any, *more: int, events: str | None = None) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    errors = (400, 401, 403, 404, 413, 500, *more)
    return Answers(200, success, SessionError, errors, events=events)


ANSWERS = {
    "stream": _answers(SessionAnswer, 402, 409, 422, 429, events=TOKENS),
    "switch_model": _answers(SwitchedSession),
    "get_history": _answers(ChatHistory),
    "delete_session": _answers(SessionDeleted),
}

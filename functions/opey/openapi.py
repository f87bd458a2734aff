"""What the endpoints of this surface answer, for `docs/openapi.json`.

Nothing imports this at run time: making these models takes as long as a quarter of a cold start.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reprise.web.openapi import Answers, Stream

TITLE = "Opey"
SECURITY = "cookie"


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UsageLimits(Frozen):
    token_limit: int | None = None
    request_limit: int | None = None


class SessionCreated(Frozen):
    message: str
    session_type: Literal["authenticated", "anonymous"]
    usage_limits: UsageLimits


class StreamStopped(Frozen):
    status: Literal["cancellation_requested"]
    thread_id: str
    message: str


class ThreadToolCall(Frozen):
    name: str
    args: dict[str, Any]
    id: str
    type: Literal["tool_call"]


class ThreadMessage(Frozen):
    id: str
    type: Literal["human", "ai", "tool", "system"]
    content: Any
    timestamp: None
    tool_calls: list[ThreadToolCall]
    tool_call_id: str | None
    tool_status: Literal["success", "error"] | None


class ThreadMessages(Frozen):
    thread_id: str
    messages: list[ThreadMessage]
    message_count: int


class SessionUsage(Frozen):
    session_type: Literal["authenticated", "anonymous"]
    unlimited_usage: bool
    tokens_used: int
    token_limit: int | None
    tokens_remaining: int | None
    requests_made: int
    request_limit: int | None
    requests_remaining: int | None
    approaching_token_limit: bool
    approaching_request_limit: bool


class Component(Frozen):
    up: bool


class OpeyStatus(Frozen):
    status: Literal["ok"]
    overall: Literal["ok"]
    version: str
    uptime_seconds: float
    components: dict[str, Component]


class OpeyHealth(Frozen):
    status: Literal["ok"]


class OpeyError(BaseModel):
    """Either `detail`, a sentence, or of a 422 what is wrong with each field; or `error`,
    `error_code`, `message` and, with some, more. API Gateway's own errors have both.
    """

    detail: Any = None
    error: Any = None
    error_code: str | None = None
    message: str | None = None
    action_required: str | None = None
    generation_id: str | None = None


EVENTS = """Server-sent events, each `data: {"timestamp": …, "type": …}`: `thread_sync`%s; of each
reply `assistant_start`, any number of `assistant_token`, `assistant_complete`; between replies
`tool_start` and `tool_complete`; `error` where the answer could not be completed. Every 15 seconds
of silence a `keep_alive`. Then `data: [DONE]`, unless somebody stopped it.
"""


def _answers(success: Any, *more: int, public: bool = False) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    return Answers(200, success, OpeyError, (401, 403, 404, 413, 429, 500, *more), public=public)


ANSWERS = {
    "create_session": _answers(SessionCreated, public=True),
    "delete_session": _answers(Stream("The session has ended.", "text/plain")),
    "stream": _answers(Stream(EVENTS % "; `user_message_confirmed`"), 400, 402, 409, 422),
    "regenerate": _answers(Stream(EVENTS % ""), 400, 402, 409, 422),
    "stop": _answers(StreamStopped),
    "list_messages": _answers(ThreadMessages),
    "get_usage": _answers(SessionUsage),
    "get_status": _answers(OpeyStatus, public=True),
    "health": _answers(OpeyHealth, public=True),
}

"""The opey surface in the words of its tests: sessions, paths, the commonest calls, its shapes."""

import os
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

from tests.api import DONE, Api, Response, new_key
from tests.shapes import AN_ID

ORIGIN = "https://portal.example.com"  # listed, where a test says so
UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
ENVIRONMENT = {"ALLOWED_ORIGINS": f"http://localhost:5174 {ORIGIN}"}

# A body that each route takes, by its method and its path in `template.yaml`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {("POST", "/stream"): {"message": "Hello"}}


class Visitor(Api):
    """A client that has a session cookie. Without `secret` it gets one for an account of its own;
    `Visitor.anonymous_session()` for nobody.
    """

    def __init__(self, secret: str | None = None, *, key: str | None = None) -> None:
        if secret is None:
            key = key or new_key()[1]
            secret = secret_of(Api(key).post("/create-session"))
        super().__init__(headers={"Cookie": f"session={secret}"})
        self.secret = secret
        self.key = key

    @classmethod
    def anonymous_session(cls) -> "Visitor":
        """Where ALLOW_ANONYMOUS_SESSIONS is true."""
        assert os.environ["ALLOW_ANONYMOUS_SESSIONS"] == "true"
        return cls(secret_of(Api.anonymous().post("/create-session")))


def morsel_of(answer: Response) -> Any:
    """The cookie that an answer sets, with its attributes."""
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert morsel.key == "session"
    return morsel


def secret_of(answer: Response) -> str:
    assert answer.status == 200, answer.text
    secret: str = morsel_of(answer).value
    return secret


def regenerate(thread_id: str, message_id: str) -> str:
    return f"/stream/{quote(thread_id, safe='')}/regenerate?message_id={quote(message_id)}"


def stop(thread_id: str) -> str:
    return f"/stream/{quote(thread_id, safe='')}/stop"


def messages(thread_id: str) -> str:
    return f"/threads/{quote(thread_id, safe='')}/messages"


def say(visitor: Api, message: str, thread: str | None = None, **more: Any) -> Response:
    """The stream of an answer."""
    told = visitor.post("/stream", json={"message": message, "thread_id": thread, **more})
    assert told.status == 200, told.text
    return told


def turn(visitor: Api, message: str, thread: str | None = None) -> tuple[str, str, str]:
    """The thread's id, the message's and its answer's."""
    sync, confirmed, *_ = events = say(visitor, message, thread).events()
    (complete,) = of_type(events, "assistant_complete")
    return sync["thread_id"], confirmed["message_id"], complete["message_id"]


def of_type(events: list[Any], kind: str) -> list[Any]:
    return [each for each in events if each != DONE and each["type"] == kind]


def types(answer: Response) -> list[str]:
    """What kinds of events a stream has; `[DONE]` has itself."""
    return [each if each == DONE else each["type"] for each in answer.events()]


def untimed(answer: Response) -> list[Any]:
    """The events without their times."""
    told: list[Any] = []
    for each in answer.events():
        if each != DONE:
            assert next(iter(each)) == "timestamp"
            assert isinstance(each.pop("timestamp"), float)
        told.append(each)
    return told


def texts(visitor: Api, thread_id: str) -> list[str]:
    """What a thread shows, oldest first."""
    return [each["content"] for each in visitor.get(messages(thread_id)).json()["messages"]]


def listed(kind: str, content: Any, **more: Any) -> Mapping[str, Any]:
    """A message as it is listed."""
    return {
        "id": AN_ID,
        "type": kind,
        "content": content,
        "timestamp": None,
        "tool_calls": [],
        "tool_call_id": None,
        "tool_status": None,
        **more,
    }


LOG_IN = "Authentication required: Please log in to use Opey"
AT_THE_PORTAL = "Please authenticate with the OBP Portal to continue using Opey"
NO_COOKIE = {
    "error": LOG_IN,
    "error_code": "authentication_failed",
    "message": "No session provided",
    "action_required": AT_THE_PORTAL,
}
UNKNOWN_SESSION = {
    "error": LOG_IN,
    "error_code": "session_invalid",
    "message": "Your session has expired or is invalid. Please refresh the page and log in again.",
    "action_required": AT_THE_PORTAL,
}
TAMPERED = {"detail": "Invalid session provided"}
BROKEN = {
    "error": "Internal server error occurred",
    "error_code": "internal_error",
    "message": "An unexpected error occurred. Please try again later.",
    "action_required": "Please refresh the page and try again",
}
NO_THREAD = {"detail": "No conversation history found for this thread"}
NOTHING_AFTER = {"detail": "No messages to regenerate - target message is already the last message"}


def no_message(message_id: str) -> dict[str, str]:
    return {"detail": f"Message with ID {message_id} not found in conversation"}

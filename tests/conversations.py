"""The conversations surface in the words of its tests: paths, the commonest calls, its shapes."""

from typing import Any

from tests.api import Api, Response
from tests.shapes import A_REQUEST_ID, A_TIME

CONVERSATIONS = "/v1/chat/conversations"
START = f"{CONVERSATIONS}/stream"
UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed

# What each route takes as a body, by its method and its path in `template.yaml`.
BODIES: dict[tuple[str, str], dict[str, str]] = {
    ("POST", "/v1/chat/conversations"): {"title": "Trip"},
    ("POST", "/v1/chat/conversations/stream"): {"content": "Hello"},
    ("PATCH", "/v1/chat/conversations/{conversation_id}"): {"title": "Trip"},
    ("POST", "/v1/chat/conversations/{conversation_id}/messages"): {"content": "Hello"},
    ("POST", "/v1/chat/conversations/{conversation_id}/messages/stream"): {"content": "Hello"},
    ("POST", "/v1/chat/conversations/{conversation_id}/stop"): {},
    ("PATCH", "/v1/chat/messages/{message_id}"): {"content": "Hello"},
    ("POST", "/v1/chat/messages/{message_id}/regenerate"): {},
    ("POST", "/v1/chat/messages/{message_id}/select"): {},
}


def conversation(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{conversation_id}"


def messages(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{conversation_id}/messages"


def stream(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{conversation_id}/messages/stream"


def message(message_id: str) -> str:
    return f"/v1/chat/messages/{message_id}"


def stop(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{conversation_id}/stop"


def regenerate(message_id: str) -> str:
    return f"/v1/chat/messages/{message_id}/regenerate"


def versions(message_id: str) -> str:
    return f"/v1/chat/messages/{message_id}/versions"


def select(message_id: str) -> str:
    return f"/v1/chat/messages/{message_id}/select"


def message_for(path: str, user_id: str, answer_id: str) -> str:
    """Which message a path of `template.yaml` takes: an answer, but where only a user's will do."""
    return user_id if path == "/v1/chat/messages/{message_id}" else answer_id


def fill(path: str, conversation_id: str, user_id: str, answer_id: str) -> str:
    """A path of this surface with ids."""
    message_id = message_for(path, user_id, answer_id)
    return path.format(conversation_id=conversation_id, message_id=message_id)


def create(api: Api, title: str = "Trip") -> str:
    """The id of a new conversation."""
    created: str = api.post(CONVERSATIONS, json={"title": title}).data["id"]
    return created


def send(api: Api, conversation_id: str, content: str, **more: Any) -> list[dict[str, Any]]:
    """What is stored when a message is sent: the message and the answer to it."""
    answer = api.post(messages(conversation_id), json={"content": content, **more})
    assert answer.status == 201, answer.text
    stored: list[dict[str, Any]] = answer.data
    return stored


def contents(api: Api, conversation_id: str) -> list[str]:
    """The texts of a conversation, oldest first."""
    found = api.get(conversation(conversation_id)).data["chatMessages"]
    return [each["content"] for each in found]


def envelope(data: Any, message: str, **meta: Any) -> dict[str, Any]:
    """What a body looks like that says it worked."""
    return {
        "success": True,
        "data": data,
        "message": message,
        **meta,
        "request_id": A_REQUEST_ID,
        "timestamp": A_TIME,
    }


def refusal(code: str, message: str, **details: Any) -> dict[str, Any]:
    """What a body looks like that says it did not."""
    error = {"code": code, "message": message} | ({"details": details} if details else {})
    return {"success": False, "error": error, "request_id": A_REQUEST_ID, "timestamp": A_TIME}


def assert_not_found(answer: Response, what: str) -> None:
    assert answer.status == 404
    assert answer.json() == refusal("NOT_FOUND_001", f"{what} not found")

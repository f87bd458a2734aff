"""The Fixie surface in the words of its tests: paths, the commonest calls, its shapes."""

import json
from typing import Any

from tests.api import Api, Response

BASE = "/api/v1"
UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
NOT_LAST = "The message was not the most recent generation in the conversation, or was in-progress."
NO_AGENT = "The agent does not exist or is private."
TERMINAL = ("done", "stopped", "error")

_C = "conversations/{conversation_id}"
_SENT: dict[str, dict[str, Any]] = {
    "conversations": {"message": "Hello"},
    f"{_C}/messages": {"message": "Hello"},
    f"{_C}/messages/{{message_id}}/regenerate": {"runtimeParameters": {"systemPrompt": "Rhyme"}},
    f"{_C}/messages/{{message_id}}/stop": {"any": "thing"},
}

# A body that each route takes, by its method and its path in `template.yaml`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{BASE}{agent}/{path}"): body
    for agent in ("", "/agents/{agent_id}")
    for path, body in _SENT.items()
}


def conversations(agent_id: str | None) -> str:
    """The conversations of an agent; None is the default one."""
    return f"{BASE}/agents/{agent_id}/conversations" if agent_id else f"{BASE}/conversations"


def conversation(agent_id: str | None, conversation_id: str) -> str:
    return f"{conversations(agent_id)}/{conversation_id}"


def messages(agent_id: str | None, conversation_id: str) -> str:
    return f"{conversation(agent_id, conversation_id)}/messages"


def regenerate(agent_id: str | None, conversation_id: str, message_id: str) -> str:
    return f"{messages(agent_id, conversation_id)}/{message_id}/regenerate"


def stop(agent_id: str | None, conversation_id: str, message_id: str) -> str:
    return f"{messages(agent_id, conversation_id)}/{message_id}/stop"


def snapshots(answer: Response) -> list[Any]:
    """The values of a stream's lines. Fails for a blank line, or one that does not end."""
    *lines, rest = answer.text.split("\n")
    assert rest == "", f"the stream ends amid a line: {rest!r}"
    assert all(lines), "a blank line"
    return [json.loads(line) for line in lines]


def last(answer: Response) -> Any:
    """The value that a stream ends with."""
    assert answer.status == 200, answer.text
    return snapshots(answer)[-1]


def begin(api: Api, agent_id: str | None, message: str | None = "Hello", **more: Any) -> Any:
    """A new conversation, as its stream ends."""
    said = {} if message is None else {"message": message}
    return last(api.post(conversations(agent_id), json={**said, **more}))


def send(api: Api, agent_id: str | None, conversation_id: str, message: str, **more: Any) -> Any:
    """The turn that answers a message."""
    return last(api.post(messages(agent_id, conversation_id), json={"message": message, **more}))


def turns(api: Api, agent_id: str | None, conversation_id: str) -> list[dict[str, Any]]:
    """The turns of a conversation."""
    found = api.get(conversation(agent_id, conversation_id))
    assert found.status == 200, found.text
    said: list[dict[str, Any]] = found.json()["turns"]
    return said


def text(turn: dict[str, Any]) -> str:
    return "".join(each["content"] for each in turn["messages"] if each["kind"] == "text")


def texts(api: Api, agent_id: str | None, conversation_id: str) -> list[str]:
    return [text(each) for each in turns(api, agent_id, conversation_id)]

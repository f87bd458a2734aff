"""The Chatbase surface in the words of its tests: paths, the commonest calls, its shapes."""

import itertools
import time
from typing import Any

from reprise.accounts import accounts, agents, keys
from reprise.accounts.callers import Caller
from reprise.chat.agents import Agent, AgentTool
from reprise.chat.ids import Mint
from tests.api import DONE, Api, Response

BASE = "/api/v2"
UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
CLOCK = AgentTool("clock", "Tells the time", {"type": "object", "properties": {}})

_A, _C = "/api/v2/agents/{agent_id}", "/api/v2/agents/{agent_id}/conversations/{conversation_id}"

# A body that each route takes, by its method and its path in `template.yaml`; so far as it depends
# on what is there, see `body_for`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{_A}/chat"): {"message": "Hello"},
    ("POST", f"{_C}/retry"): {"messageId": "{message_id}"},
    ("POST", f"{_C}/tool-result"): {"toolCallId": "call-1", "output": "noon"},
    ("PATCH", f"{_C}/messages/{{message_id}}/feedback"): {"feedback": "positive"},
}

_numbers = itertools.count(1)


def agent(agent_id: str) -> str:
    return f"{BASE}/agents/{agent_id}"


def chat(agent_id: str) -> str:
    return f"{agent(agent_id)}/chat"


def conversations(agent_id: str) -> str:
    return f"{agent(agent_id)}/conversations"


def conversation(agent_id: str, conversation_id: str) -> str:
    return f"{conversations(agent_id)}/{conversation_id}"


def messages(agent_id: str, conversation_id: str) -> str:
    return f"{conversation(agent_id, conversation_id)}/messages"


def retry(agent_id: str, conversation_id: str) -> str:
    return f"{conversation(agent_id, conversation_id)}/retry"


def tool_result(agent_id: str, conversation_id: str) -> str:
    return f"{conversation(agent_id, conversation_id)}/tool-result"


def feedback(agent_id: str, conversation_id: str, message_id: str) -> str:
    return f"{messages(agent_id, conversation_id)}/{message_id}/feedback"


def of_user(agent_id: str, user_id: str) -> str:
    return f"{agent(agent_id)}/users/{user_id}/conversations"


def body_for(method: str, path: str, message_id: str) -> dict[str, Any] | None:
    """The body that a route of `template.yaml` takes for a message that is there."""
    body = BODIES.get((method, path))
    if body is None:
        return None
    return {name: message_id if value == "{message_id}" else value for name, value in body.items()}


def new_client(plan: str) -> Api:
    """A client of a new account on a plan; the one of `local` has hardly any limits."""
    account = accounts.create(Mint(), f"{plan}-{next(_numbers)}", plan)
    return Api(keys.create(Mint(), account)[1])


def caller_of(api: Api) -> Caller:
    """Whom a client's key stands for."""
    secret = api.headers["Authorization"].removeprefix("Bearer ")
    return keys.authenticate(secret, time.time())[0]


def put_agent(api: Api, agent_id: str | None = None, **changes: Any) -> str:
    """The id of an agent of a client's account; `default=True` makes it that."""
    caller, default = caller_of(api), changes.pop("default", False)
    made = Agent(
        agent_id or f"agent-{next(_numbers)}",
        changes.pop("name", "Support"),
        caller.owner,
        caller.account_id,
        caller.plan,
        **changes,
    )
    return agents.put(made, default=default).id


def ask(api: Api, agent_id: str, message: str | None = "Hello", **more: Any) -> dict[str, Any]:
    """The answer to a message, in one piece; None goes on behind tools' results."""
    said = {} if message is None else {"message": message}
    answer = api.post(chat(agent_id), json={**said, "stream": False, **more})
    assert answer.status == 200, answer.text
    data: dict[str, Any] = answer.data
    return data


def begin(api: Api, agent_id: str, message: str = "Hello", **more: Any) -> tuple[str, str, str]:
    """Ids of a new conversation, of its message and of the answer."""
    answer = ask(api, agent_id, message, **more)
    told = answer["metadata"]
    return told["conversationId"], told["userMessageId"], answer["id"]


def texts(api: Api, agent_id: str, conversation_id: str) -> list[str]:
    """The texts of a conversation's first page, oldest first."""
    found = api.get(messages(agent_id, conversation_id) + "?limit=100").data
    return ["".join(part.get("text", "") for part in each["parts"]) for each in found]


def types(answer: Response) -> list[str]:
    """What kinds of events a stream has; `[DONE]` has itself."""
    return [each if each == DONE else each["type"] for each in answer.events()]


def finish_of(answer: Response) -> dict[str, Any]:
    """The last event of a stream before `[DONE]`."""
    *_, finish, done = answer.events()
    assert done == DONE
    assert finish["type"] == "finish"
    told: dict[str, Any] = finish
    return told


def refusal(code: str, message: str, /, **details: str) -> dict[str, Any]:
    """What a body looks like that says it did not work."""
    error = {"code": code, "message": message} | ({"details": details} if details else {})
    return {"error": error}


INVALID = "VALIDATION_INVALID_BODY", "Invalid request"
NOT_FOUND = refusal("RESOURCE_NOT_FOUND", "The requested item could not be found")
NO_AGENT = refusal("AGENT_NOT_FOUND", "Agent not found")
NO_MESSAGE = refusal(
    "RESOURCE_MESSAGE_NOT_FOUND", "The specified message could not be found in this conversation"
)

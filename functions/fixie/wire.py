"""The wire of this surface: its objects and its errors. See also `requests` and `snapshots`."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from reprise.chat.errors import (
    Conflict,
    Expired,
    Forbidden,
    IdempotencyMismatch,
    NoCredits,
    NoneGiven,
    NotFound,
    PlanRestricted,
    RateLimited,
    TooManyRunning,
    Unauthorized,
)
from reprise.chat.messages import Message, Part, Text, ToolCall, ToolResult
from reprise.web.agents import bearer_or_public
from reprise.web.app import ErrorResponse, InvalidRequest, create_app
from reprise.web.streams import compact
from reprise.web.times import iso

AGENTS = "/api/v1/agents/{agent_id}/conversations"
DEFAULT_AGENT = "/api/v1/conversations"
CORPUS = "runtimeParameters.corpusId"
FAILED = "The answer could not be completed"

# --- Errors ---------------------------------------------------------------------------------------


def error_response(request: Request, error: Exception) -> PlainTextResponse:
    """An error as this surface has it: a sentence."""
    headers: dict[str, str] = {}
    match error:
        case InvalidRequest(problems={"model": _}):  # the agent's: requests name none
            status, text = 403, "The agent's model is not to be had at present."
        case InvalidRequest(problems=problems):
            status, text = 400, f"Invalid request: {_told(problems)}."
        case Unauthorized():
            status, text = 401, _unauthorized(error)
            headers["WWW-Authenticate"] = "Bearer"
        case NoCredits():
            status, text = 402, "This month's credits are used up."
        case PlanRestricted():
            status, text = 403, "The account's plan does not include the API."
        case Forbidden():
            status, text = 403, "The API key does not have the scope that this takes."
        case NotFound(what="Agent"):
            status, text = 404, "The agent does not exist or is private."
        case NotFound(what=what):
            status, text = 404, f"{what} not found."
        case Conflict(generation=str()):
            status, text = 409, "The conversation's last message is still in progress."
        case Conflict():
            status, text = 409, "The conversation has just been changed."
        case IdempotencyMismatch():
            status, text = 422, "This Idempotency-Key was used for another request."
        case RateLimited(retry_after=seconds) | TooManyRunning(retry_after=seconds):
            status, text = 429, "Query limit exceeded."
            headers["Retry-After"] = str(seconds)
        case _:
            status, text = 500, "Something went wrong, please try again."
    return PlainTextResponse(text, status, headers)


def _told(problems: dict[str, str]) -> str:
    named = {"message" if field == "content" else field: said for field, said in problems.items()}
    return "; ".join(f"{field}: {said}" for field, said in named.items())


def _unauthorized(error: Unauthorized) -> str:
    match error:
        case NoneGiven():
            return "An API key is required."
        case Expired():
            return "The API key has expired."
    return "The API key is not valid."


def surface(limit: str | None = None, errors: ErrorResponse = error_response) -> FastAPI:
    """An app for one endpoint of this surface; those that generate are limited."""
    return create_app(errors, bearer_or_public, limit)


# --- Objects --------------------------------------------------------------------------------------


def turns(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """The turns of a branch, the oldest first. Messages of neither a user nor an assistant have no
    place in it.
    """
    question = None
    for message in messages:
        if message.role in ("user", "assistant"):
            yield turn(message, question)
        if message.role == "user":
            question = message.id


def turn(message: Message, question: str | None) -> dict[str, Any]:
    """A message; `question` is the id of the user's that an answer is to, if there was one."""
    last = len(message.parts) - 1
    whole = message.state == "done"
    return {
        **head(message, question),
        "state": message.state,
        "messages": [
            fragment(part, whole=whole or at < last) for at, part in enumerate(message.parts)
        ],
        **({"errorDetail": FAILED} if message.state == "error" else {}),
    }


def head(message: Message, question: str | None) -> dict[str, Any]:
    """What is said of a message that stays as it is while it is generated."""
    answers = question is not None and message.role == "assistant"
    return {
        "id": message.id,
        "timestamp": iso(message.created),
        "role": message.role,
        **({"inReplyToId": question} if answers else {}),
    }


def fragment(part: Part, *, whole: bool = True) -> dict[str, Any]:
    """A part; one that is a text has a state: `whole`, or still growing."""
    match part:
        case Text(text):
            return {"kind": "text", "content": text, "state": "done" if whole else "in-progress"}
        case ToolCall(_, name, input):
            return {"kind": "functionCall", "name": name, "args": input}
        case ToolResult(_, name, output, failed):
            response = output if isinstance(output, str) else compact(output)
            told = {"kind": "functionResponse", "name": name, "response": response}
            return {**told, **({"failed": True} if failed else {})}

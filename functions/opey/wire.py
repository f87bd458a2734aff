"""The wire of this surface: its apps, its errors, its messages. See also `streams`."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from reprise.accounts.sessions import REQUEST_LIMIT, TOKEN_LIMIT, Malformed, UsedUp
from reprise.chat.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    NoCredits,
    NoneGiven,
    NotFound,
    NothingToRedo,
    RateLimited,
    TooManyRunning,
    Unauthorized,
)
from reprise.chat.messages import Message, Part, Text, ToolCall, ToolResult
from reprise.web.app import ErrorResponse, Identify, InvalidRequest, create_app
from reprise.web.cookies import OriginNotListed, cookie, listed_origins

LOG_IN = "Authentication required: Please log in to use Opey"
AT_THE_PORTAL = "Please authenticate with the OBP Portal to continue using Opey"
NO_SESSION = "No session provided"
SESSION_GONE = "Your session has expired or is invalid. Please refresh the page and log in again."
NO_THREAD = "No conversation history found for this thread"
EMPTY_THREAD = "No messages found in conversation"
NOTHING_AFTER = "No messages to regenerate - target message is already the last message"
LONGEST_INPUT = 200  # characters of a request that an error repeats

# Where the layer has another word for a field, or for where it is.
PLACES = {
    "content": ("body", "message"),
    "body": ("body",),
    "Idempotency-Key": ("header", "idempotency-key"),
}


# --- Errors ---------------------------------------------------------------------------------------


def detail(status: int, detail: Any, **more: Any) -> JSONResponse:
    return JSONResponse({"detail": detail, **more}, status)


def refusal(
    status: int,
    error: str,
    code: str,
    message: str,
    /,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    body = {"error": error, "error_code": code, "message": message, **more}
    return JSONResponse(body, status, headers)


def error_response(request: Request, error: Exception) -> JSONResponse:
    """This surface's shape of an error, with its status."""
    match error:
        case Unauthorized():
            return _unauthorized(error)
        case OriginNotListed():
            return refusal(403, "Origin not allowed", "origin_not_allowed", str(error))
        case Forbidden():
            return refusal(
                403, LOG_IN, "authentication_failed", str(error), action_required=AT_THE_PORTAL
            )
        case InvalidRequest(problems={"model": _}):  # the agent's: requests name none
            return detail(400, "The agent's model is not to be had at present")
        case InvalidRequest():
            return detail(422, _problems(error))
        case NothingToRedo(why="empty"):
            return detail(400, EMPTY_THREAD)
        case NothingToRedo():
            return detail(400, NOTHING_AFTER)
        case NoCredits():
            return detail(402, "This month's credits are used up")
        case NotFound(what="Message") if "message_id" in request.query_params:
            named = request.query_params["message_id"]
            return detail(404, f"Message with ID {named} not found in conversation")
        case NotFound(what="Conversation" | "Message"):  # a message: what a retried stream began
            return detail(404, NO_THREAD)
        case NotFound():
            return detail(404, "Not Found")
        case Conflict(generation=str(generation)):
            return refusal(
                409,
                "Generation in progress",
                "generation_in_progress",
                "An answer is being generated in this thread. Wait for its end, or stop it.",
                generation_id=generation,
            )
        case Conflict():
            return refusal(
                409,
                "Conversation changed",
                "conversation_changed",
                "The thread has just been changed by another request. Please try again.",
                generation_id=None,
            )
        case IdempotencyMismatch():
            return detail(422, "This Idempotency-Key was used for another request")
        case UsedUp():
            return _used_up(error)
        case RateLimited(limit=limit, retry_after=seconds):
            return _too_many(f"Rate limit exceeded: {limit} per 1 minute", seconds)
        case TooManyRunning(limit=limit, retry_after=seconds):
            return _too_many(f"Rate limit exceeded: {limit} at once", seconds)
    return refusal(
        500,
        "Internal server error occurred",
        "internal_error",
        "An unexpected error occurred. Please try again later.",
        action_required="Please refresh the page and try again",
    )


def _unauthorized(error: Unauthorized) -> JSONResponse:
    """Front ends take 401 for "ask for another session", 403 for "ask the user to log in"."""
    match error:
        case Malformed():
            return detail(401, "Invalid session provided")
        case NoneGiven():
            code, message = "authentication_failed", NO_SESSION
        case _:
            code, message = "session_invalid", SESSION_GONE
    return refusal(403, LOG_IN, code, message, action_required=AT_THE_PORTAL)


def _too_many(what: str, seconds: int) -> JSONResponse:
    return refusal(
        429,
        what,
        "rate_limit_exceeded",
        "Too many requests. Please try again later.",
        {"Retry-After": str(seconds)},
    )


def _used_up(error: UsedUp) -> JSONResponse:
    """Told twice: as the original does, and where front ends look for it."""
    session, limit = error.session, TOKEN_LIMIT if error.of == "tokens" else REQUEST_LIMIT
    told = {
        "error": "Token limit exceeded" if error.of == "tokens" else "Request limit exceeded",
        "message": f"Anonymous sessions are limited to {limit} {error.of}. "
        "Please authenticate to continue.",
        "usage": {
            "tokens_used": session.tokens,
            "token_limit": TOKEN_LIMIT,
            "requests_made": min(session.requests, REQUEST_LIMIT),
            "request_limit": REQUEST_LIMIT,
        },
    }
    response = detail(429, told, error=told["error"], message=told["message"])
    response.headers["Retry-After"] = str(max(1, session.expires - int(time.time())))
    return response


def _problems(error: InvalidRequest) -> list[dict[str, Any]]:
    """What is wrong as FastAPI says it, without `ctx`, and with no more of the input than fits a
    line.
    """
    if not error.found:
        return [
            {
                "type": "value_error",
                "loc": list(PLACES.get(field, ("body", field))),
                "msg": problem,
                "input": None,
            }
            for field, problem in error.problems.items()
        ]
    return [
        {
            "type": each["type"],
            "loc": [str(part) if isinstance(part, str) else part for part in each["loc"]],
            "msg": str(each["msg"]),
            "input": _repeatable(each.get("input")),
        }
        for each in error.found
    ]


def _repeatable(value: Any) -> Any:
    """An input if it is short and JSON has it, else None."""
    match value:
        case bool() | None:
            return value
        case int() if abs(value) < 1 << 53:
            return value
        case float() if math.isfinite(value):
            return value
        case str() if len(value) <= LONGEST_INPUT and _encodable(value):
            return value
    return None


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def surface(
    limit: str | None = None,
    identify: Identify = cookie,
    errors: ErrorResponse = error_response,
) -> FastAPI:
    """An app for one endpoint of this surface; those that generate are limited."""
    return create_app(errors, identify, limit, cross_origin=listed_origins)


# --- Messages -------------------------------------------------------------------------------------


@dataclass
class Piece:
    """What one reply of the model, or one of its tools, is here: an answer that uses tools has
    several. The first has the answer's own id, the others that and their number.
    """

    answer: str
    number: int

    @property
    def id(self) -> str:
        return self.answer if self.number == 0 else f"{self.answer}.{self.number}"


def message_of(piece_id: str) -> str:
    """The id of the message that a piece is of."""
    message_id, dot, number = piece_id.partition(".")
    return message_id if dot and number.isascii() and number.isdigit() else piece_id


def message_objects(message: Message) -> Iterator[dict[str, Any]]:
    """A message as this surface lists it, an answer that uses tools as several."""
    if message.role != "assistant":
        kind = "human" if message.role == "user" else message.role
        yield _listed(message.id, kind, message.text)
        return
    for piece, parts in _pieces(message):
        match parts:
            case [ToolResult(id, _, output, failed)]:
                status = "error" if failed else "success"
                yield _listed(piece.id, "tool", output, tool_call_id=id, tool_status=status)
            case _:
                text = "".join(part.text for part in parts if isinstance(part, Text))
                calls = [call_object(part) for part in parts if isinstance(part, ToolCall)]
                yield _listed(piece.id, "ai", text, tool_calls=calls)


def _pieces(answer: Message) -> Iterator[tuple[Piece, Sequence[Part]]]:
    """Every tool's result is one, and so is what the model says between them."""
    number, said = 0, list[Part]()
    for part in answer.parts:
        if isinstance(part, ToolResult):
            if said:
                yield Piece(answer.id, number), said
                number, said = number + 1, []
            yield Piece(answer.id, number), [part]
            number += 1
        else:
            said.append(part)
    if said or number == 0:
        yield Piece(answer.id, number), said


def call_object(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "args": call.input, "id": call.id, "type": "tool_call"}


def _listed(message_id: str, kind: str, content: Any, **more: Any) -> dict[str, Any]:
    listed: Mapping[str, Any] = {
        "id": message_id,
        "type": kind,
        "content": content,
        "timestamp": None,
        "tool_calls": [],
        "tool_call_id": None,
        "tool_status": None,
    }
    return {**listed, **more}

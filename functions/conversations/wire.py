"""The wire of this surface: its envelope, its objects, its errors, its events. See also
`requests`.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from reprise.accounts.callers import Caller
from reprise.chat.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    NoCredits,
    NotFound,
    RateLimited,
    TooManyRunning,
    Unauthorized,
)
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Conversation, Message, Text
from reprise.web.app import InvalidRequest, create_app, request_id
from reprise.web.callers import bearer
from reprise.web.streams import DONE, compact, json_list, sse
from reprise.web.times import iso

MODEL_FAILED = "Failed to generate AI response"


def surface(limit: str | None = None) -> FastAPI:
    """An app for one endpoint of this surface; those that generate are limited."""
    return create_app(error_response, bearer, limit)


def conversation_object(conversation: Conversation, caller: Caller) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "user_id": caller.account_id,
        "created_at": iso(conversation.created),
        "updated_at": iso(conversation.activity),
    }


def message_object(message: Message, conversation: Conversation) -> dict[str, Any]:
    usage = message.usage
    return {
        "id": message.id,
        "conversation_id": conversation.id,
        "parent_id": message.parent,
        "role": message.role,
        "content": message.text,
        "model": message.model,
        "state": message.state,
        "finish_reason": message.finish_reason,
        "prompt_tokens": usage.input if usage else None,
        "completion_tokens": usage.output if usage else None,
        "total_tokens": usage.total if usage else None,
        **({"usage_estimated": True} if usage and usage.estimated else {}),
        "version": message.version,
        "versions": message.versions,
        "created_at": iso(message.created),
        "updated_at": iso(message.updated),
    }


def _frame(request: Request) -> dict[str, Any]:
    """What every body says of its request."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"request_id": request_id(request), "timestamp": now}


def success(
    request: Request, data: Any, message: str, status: int = 200, **meta: Any
) -> JSONResponse:
    body = {"success": True, "data": data, "message": message, **meta, **_frame(request)}
    return JSONResponse(body, status)


def around(request: Request, message: str, **data: Any) -> tuple[str, str]:
    """The envelope before and behind a list that is written piece by piece: the list is `data`, or,
    where there is `data`, its last field `chatMessages`.
    """
    after = "," + compact({"message": message, **_frame(request)})[1:]
    before = '{"success":true,"data":'
    if data:
        return before + compact(data)[:-1] + ',"chatMessages":[', "]}" + after
    return before + "[", "]" + after


def listing(
    request: Request, said: str, conversation: Conversation, messages: Iterable[Message]
) -> StreamingResponse:
    """Messages of a conversation, in whatever number."""
    before, after = around(request, said)
    return json_list(before, (message_object(each, conversation) for each in messages), after)


def error_response(request: Request, error: Exception) -> JSONResponse:
    """This surface's shape of an error, with its status."""
    details: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    match error:
        case InvalidRequest(problems=problems):
            status, code, text, details = 400, "VALIDATION_001", "Invalid request", problems
        case Unauthorized():
            status, code, text = 401, "AUTH_001", "A valid API key is required"
        case Forbidden():
            status, code, text = 403, "AUTH_002", str(error)
        case NotFound(what=what):
            status, code, text = 404, "NOT_FOUND_001", f"{what} not found"
        case Conflict(generation=str(generation)):
            status, code, text = 409, "CONFLICT_001", "An answer is being generated"
            details = {"generation_id": generation}
        case Conflict():
            status, code, text = 409, "CONFLICT_001", "The conversation has just been changed"
        case IdempotencyMismatch():
            status, code = 422, "IDEMPOTENCY_001"
            text = "This Idempotency-Key was used for another request"
        case NoCredits():
            status, code, text = 402, "CREDITS_001", "This month's credits are used up"
        case RateLimited(limit=limit, retry_after=seconds):
            status, code, details = 429, "RATE_001", {"retry_after": seconds}
            text = f"Too many requests: {limit} are allowed; try again in {seconds} seconds"
        case TooManyRunning(limit=limit, retry_after=seconds):
            status, code, details = 429, "RATE_001", {"retry_after": seconds}
            text = f"Only {limit} answers may be generated at once"
        case _:
            status, code, text = 500, "INTERNAL_001", "Something went wrong, please try again"
    body: dict[str, Any] = {"code": code, "message": text}
    if details is not None:
        body["details"] = details
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if details and "retry_after" in details:
        headers["Retry-After"] = str(details["retry_after"])
    return JSONResponse({"success": False, "error": body, **_frame(request)}, status, headers)


def answered(answer: Message) -> bool:
    """Whether an answer that has ended is one: what failed is not shown as such, though its text is
    kept.
    """
    return answer.shown and answer.state != "error"


def encode(event: Event, conversation: Conversation) -> bytes:
    """An event of a generation on this surface's stream; empty for what it has no word for."""
    match event:
        case Begun(created=True, user=Message() as user):
            said = message_object(user, conversation)
            opened = {
                "conversation_id": conversation.id,
                "conversationId": conversation.id,
                "user_message": said,
                "userMessage": said,
            }
            return sse({"type": "conversation_created", "data": opened})
        case Begun(user=Message() as user):
            return sse({"type": "user_message", "data": message_object(user, conversation)})
        case Produced(part=Text(text)):
            return sse({"type": "ai_chunk", "data": text})
        case Ended(message=Message() as answer) if answer.state != "error":
            return sse({"type": "ai_complete", "data": message_object(answer, conversation)})
        case Ended():
            return sse({"type": "error", "data": MODEL_FAILED})
    return b""


async def stream(events: AsyncIterator[Event], conversation: Conversation) -> AsyncIterator[bytes]:
    """A generation as this surface streams it. One that breaks off has no `[DONE]`."""
    async for event in events:
        if written := encode(event, conversation):
            yield written
        if isinstance(event, Ended):
            yield DONE


async def unanswered(conversation: Conversation, message: Message) -> AsyncIterator[bytes]:
    """The stream of a message that nobody shall answer."""
    yield sse({"type": "user_message", "data": message_object(message, conversation)})
    yield DONE

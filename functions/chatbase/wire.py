"""The wire of this surface: its objects and its errors. See also `requests` and `answers`."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from reprise.chat.errors import (
    Conflict,
    Expired,
    Forbidden,
    IdempotencyMismatch,
    NoCredits,
    NoneGiven,
    NotAnAnswer,
    NotFound,
    NothingToRedo,
    OtherEndUser,
    PlanRestricted,
    RateLimited,
    TooManyRunning,
    Unauthorized,
)
from reprise.chat.messages import Conversation, Message, Part, Text, ToolCall, ToolResult
from reprise.engine import reading
from reprise.engine.pages import Page
from reprise.store.listings import Listed
from reprise.web.agents import beside
from reprise.web.app import ErrorResponse, InvalidRequest, NotJson, create_app
from reprise.web.callers import bearer
from reprise.web.streams import compact, json_list

IN_LAYER = {"content": "message"}  # its word for a field of a request, and ours
IN_PATHS = {"user_id": "userId"}
MISSING = "Field required"  # Pydantic's words


# --- Errors ---------------------------------------------------------------------------------------


def refusal(
    status: int, code: str, message: str, details: dict[str, str] | None = None, **headers: str
) -> JSONResponse:
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = details
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": error}, status, named)


def error_response(request: Request, error: Exception) -> JSONResponse:
    """This surface's shape of an error, with its status."""
    match error:
        case NotJson():
            return refusal(400, "VALIDATION_INVALID_JSON", "Request body is not valid JSON")
        case InvalidRequest(problems={"model": _}, found=[]):  # the agent's: requests name none
            return refusal(
                403, "CHAT_MODEL_NOT_ALLOWED", "The agent's model is not to be had at present"
            )
        case InvalidRequest(problems=problems, found=found):
            named = _details(problems, IN_PATHS if found else IN_LAYER)
            return refusal(400, "VALIDATION_INVALID_BODY", "Invalid request", named)
        case NothingToRedo():
            return refusal(400, "CHAT_RETRY_NO_USER_MESSAGE", "No user message to retry from")
        case Unauthorized():
            return _unauthorized(error)
        case NoCredits():
            return refusal(402, "CHAT_CREDITS_EXHAUSTED", "Message limit reached")
        case Forbidden():
            return _forbidden(error)
        case NotFound(what=what):
            return _not_found(what)
        case Conflict(generation=generation):
            details = {"generationId": generation} if generation else None
            return refusal(
                409, "CHAT_CONVERSATION_BUSY", "The conversation is being written to", details
            )
        case IdempotencyMismatch():
            return refusal(
                422,
                "VALIDATION_IDEMPOTENCY_MISMATCH",
                "This Idempotency-Key was used for another request",
            )
        case NotAnAnswer():
            return refusal(
                422,
                "RESOURCE_MESSAGE_NOT_ASSISTANT",
                "Only assistant messages support metadata updates",
            )
        case RateLimited(retry_after=seconds) | TooManyRunning(retry_after=seconds):
            return refusal(
                429,
                "RATE_LIMIT_TOO_MANY_REQUESTS",
                "Too many requests, please try again later",
                Retry_After=str(seconds),
            )
    return refusal(500, "INTERNAL_SERVER_ERROR", "Something went wrong, please try again")


def _details(problems: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    return {
        ours.get(field, field): "Required" if problem == MISSING else problem
        for field, problem in problems.items()
    }


def _unauthorized(error: Unauthorized) -> JSONResponse:
    match error:
        case NoneGiven():
            code, message = "AUTH_MISSING_API_KEY", "Authentication required"
        case Expired():
            code, message = "AUTH_EXPIRED_API_KEY", "API key has expired"
        case _:
            code, message = "AUTH_INVALID_API_KEY", "Invalid API key"
    return refusal(401, code, message, WWW_Authenticate="Bearer")


def _forbidden(error: Forbidden) -> JSONResponse:
    match error:
        case PlanRestricted():
            code = "SUBSCRIPTION_API_RESTRICTED_PLAN"
            message = "A Standard plan or higher is required to access the API"
        case OtherEndUser():
            code = "CHAT_CONVERSATION_MISMATCH"
            message = "The conversation belongs to another user"
        case _:
            code = "AUTH_INSUFFICIENT_PERMISSIONS"
            message = "The API key does not have the permission that this takes"
    return refusal(403, code, message)


def _not_found(what: str) -> JSONResponse:
    match what:
        case "Agent":
            code, message = "AGENT_NOT_FOUND", "Agent not found"
        case "Message":
            code = "RESOURCE_MESSAGE_NOT_FOUND"
            message = "The specified message could not be found in this conversation"
        case "Tool call":
            code, message = "RESOURCE_TOOL_CALL_NOT_FOUND", "Tool call not found or expired"
        case _:
            code, message = "RESOURCE_NOT_FOUND", "The requested item could not be found"
    return refusal(404, code, message)


def surface(errors: ErrorResponse = error_response) -> FastAPI:
    """An app for one endpoint of this surface, under an agent: whatever is asked is counted."""
    return create_app(errors, beside(bearer), "chatbase", count_all=True)


# --- Objects --------------------------------------------------------------------------------------


def conversation_object(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "createdAt": conversation.created // 1000,
        "updatedAt": conversation.activity // 1000,
        "userId": conversation.end_user,
        "status": "ongoing",
    }


def message_object(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "role": message.role,
        "parts": [part_object(part) for part in message.parts],
        "createdAt": message.created // 1000,
        "feedback": message.feedback,
        "metadata": {"score": None},
    }


def part_object(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case ToolCall(id, name, input):
            return {"type": "tool-call", "toolCallId": id, "toolName": name, "input": input}
        case ToolResult(id, name, output):
            return {"type": "tool-result", "toolCallId": id, "toolName": name, "output": output}


def listing(listed: Listed) -> JSONResponse:
    data = [conversation_object(each) for each in listed.conversations]
    return JSONResponse({"data": data, "pagination": _pagination(listed.cursor, listed.total)})


def messages_of(page: Page, *, within: bool = False) -> StreamingResponse:
    """A page of messages as `data`, or `within` their conversation. Each may have megabytes, so
    they leave one by one.
    """
    before, after = '{"data":[', "]"
    if within:
        conversation = compact(conversation_object(page.conversation))
        before, after = f'{{"data":{conversation[:-1]},"messages":[', "]}"
    after += f',"pagination":{compact(_pagination(page.cursor, page.total))}}}'
    loaded = (message_object(reading.load(message)) for message in page.messages)
    return json_list(before, loaded, after)


def _pagination(cursor: str | None, total: int) -> dict[str, Any]:
    return {"cursor": cursor, "hasMore": cursor is not None, "total": total}

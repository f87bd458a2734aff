"""Errors as `{"detail": …}`, always one sentence: the shape that sessions, uploads and prompts
share.
"""

from itertools import islice

from fastapi import Request
from fastapi.responses import JSONResponse

from reprise.chat.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    NoCredits,
    NotFound,
    PlanRestricted,
    RateLimited,
    TooManyRunning,
    Unauthorized,
)
from reprise.web.app import ErrorResponse, InvalidRequest

MOST = 10  # problems that are told: a request may have thousands
# Where the layer has another word. A message that is gone went with its session.
NAMES = {"Conversation": "Chat session", "Message": "Chat session"}


def refusal(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


def errors(schema_error: int) -> ErrorResponse:
    """How a surface answers errors; `schema_error` is its status for a request of the wrong
    form.
    """

    def error_response(request: Request, error: Exception) -> JSONResponse:
        match error:
            case InvalidRequest(problems=problems):
                told = islice(problems.items(), MOST)
                said = "; ".join(f"{field}: {problem}" for field, problem in told)
                return refusal(schema_error, said)
            case Unauthorized():
                return refusal(
                    401,
                    "Invalid or missing authentication token",
                    {"WWW-Authenticate": "Bearer"},
                )
            case NoCredits():
                return refusal(402, "This month's credits are used up")
            case PlanRestricted():
                return refusal(403, str(error))
            case Forbidden():
                return refusal(403, "Insufficient permissions")
            case NotFound(what="Route"):
                return refusal(404, "Not found")
            case NotFound(what=what):
                return refusal(404, f"{NAMES.get(what, what)} not found")
            case Conflict(generation=str(generation)):
                return refusal(409, f"An answer is being generated: {generation}")
            case Conflict():
                return refusal(409, "The chat session has just been changed, please try again")
            case IdempotencyMismatch():
                return refusal(422, "This Idempotency-Key was used for another request")
            case RateLimited(retry_after=seconds) | TooManyRunning(retry_after=seconds):
                return refusal(429, "Rate limit exceeded", {"Retry-After": str(seconds)})
        return refusal(500, "Something went wrong, please try again")

    return error_response

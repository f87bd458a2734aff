"""The wire of this surface: its objects and its errors. See also `requests`."""

from typing import Any

from fastapi import FastAPI, Request, Response

from reprise.chat.errors import Conflict, NotFound, ReadOnly, UpstreamFailed
from reprise.chat.ids import parse_number
from reprise.chat.prompts import Prompt
from reprise.web.app import create_app
from reprise.web.callers import bearer
from reprise.web.detail import errors, refusal
from reprise.web.times import iso

_others = errors(422)


def surface(limit: str | None = None) -> FastAPI:
    """An app for one endpoint of this surface; what asks a model is limited."""
    return create_app(error_response, bearer, limit)


def prompt_object(prompt: Prompt) -> dict[str, Any]:
    said = prompt.said
    return {
        "id": prompt.number,
        "title": said.title,
        "content": said.content,
        "scenario": said.scenario,
        "description": said.description,
        "metadata": said.metadata,
        "is_template": prompt.template,
        "usage_count": prompt.uses,
        "created_at": iso(prompt.created),
        "updated_at": iso(prompt.updated),
    }


def number_of(prompt_id: str) -> int:
    """The number in a path. Raises NotFound for what is none."""
    number = parse_number(prompt_id)
    if number is None:
        raise NotFound("Prompt")
    return number


def error_response(request: Request, error: Exception) -> Response:
    """This surface's shape of an error, with its status."""
    match error:
        case ReadOnly():
            return refusal(403, str(error))
        case Conflict():
            return refusal(409, "This preview is still being generated")
        case UpstreamFailed():
            return refusal(500, "Failed to generate the preview, please try again")
    return _others(request, error)

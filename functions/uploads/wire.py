"""The wire of this surface: its app, its errors, its file. See also `forms` and `requests`."""

from typing import Any

from fastapi import FastAPI, Request, Response

from reprise.engine.uploads import BadFile, Read
from reprise.web.app import create_app
from reprise.web.callers import bearer
from reprise.web.detail import errors, refusal

UPLOADED = "File uploaded successfully"

_others = errors(schema_error=422)


def surface(limit: str | None = None) -> FastAPI:
    """An app for one endpoint of this surface; those that take files are limited."""
    return create_app(error_response, bearer, limit)


def error_response(request: Request, error: Exception) -> Response:
    """This surface's shape of an error, with its status."""
    if isinstance(error, BadFile):
        return refusal(400, str(error))
    return _others(request, error)


def file_object(read: Read) -> dict[str, Any]:
    """A file that is ready."""
    upload = read.upload
    return {
        "id": upload.number,
        "filename": upload.name,
        "file_size": upload.size,
        "mime_type": "application/pdf",
        "extracted_text": "\n\n".join(filter(None, read.pages)),
        "metadata": {"page_count": upload.pages},
    }

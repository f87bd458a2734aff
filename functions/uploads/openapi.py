"""What the endpoints of this surface answer, for `docs/openapi.json`. See `chatbase.openapi`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reprise.web.openapi import Answers

TITLE = "Uploads"


class Object(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileMetadata(Object):
    page_count: int


class UploadedFile(Object):
    id: int
    filename: str
    file_size: int = Field(description="Bytes.")
    mime_type: Literal["application/pdf"]
    extracted_text: str
    metadata: FileMetadata


class Uploaded(Object):
    file: UploadedFile
    message: str


class Form(Object):
    """Where the file goes, by a POST of `multipart/form-data`: these fields, then `file`."""

    url: str
    fields: dict[str, str]


class UploadOffer(Object):
    id: int
    upload: Form


class UploadState(Object):
    """`file` where it is ready, `detail` where it failed."""

    id: int
    status: Literal["pending", "ready", "failed"]
    file: UploadedFile | None = None
    detail: str | None = None


class UploadError(BaseModel):
    """What went wrong; API Gateway's own errors have more fields."""

    detail: str


def _answers(status: int, success: Any, *more: int) -> Answers:
    return Answers(status, success, UploadError, (401, 403, 404, 413, 500, *more))


ANSWERS = {
    "upload": _answers(200, Uploaded, 400, 422, 429),
    "offer_upload": _answers(201, UploadOffer, 400, 422, 429),
    "get_upload": _answers(200, UploadState),
}

"""The uploads surface in the words of its tests: paths, forms, the commonest calls."""

import os
from collections.abc import Sequence
from typing import Any

import httpx
import requests

from local.bucket_stream import BucketStream
from reprise.chat.ids import number_of
from reprise.store import keys
from tests.api import Api, Response, aws_client, call
from tests.conversations import create
from tests.knowledge.pdfs import document
from workers import extract_upload

SESSIONS = "/api/chat/sessions"
UNKNOWN = 7_654_321_987_654_321  # of the form of a session's or a file's
HELLO = document("Hello from page one", "And from page two")
LIMIT = 10 * 1_048_576  # bytes
File = tuple[str, tuple[str, bytes, str]]

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{SESSIONS}/{{session_id}}/upload"): {},
    ("POST", f"{SESSIONS}/{{session_id}}/uploads"): {"filename": "a.pdf", "size": 1000},
}


def session(api: Api) -> int:
    """The number of a new session, which is a conversation."""
    number = number_of(create(api))
    assert number
    return number


def upload(session_id: object) -> str:
    return f"{SESSIONS}/{session_id}/upload"


def uploads(session_id: object) -> str:
    return f"{SESSIONS}/{session_id}/uploads"


def one(session_id: object, upload_id: object) -> str:
    return f"{uploads(session_id)}/{upload_id}"


def file(data: bytes, name: str = "document.pdf", field: str = "file") -> File:
    return field, (name, data, "application/pdf")


def form(files: Sequence[File], **fields: str) -> dict[str, Any]:
    """A request's body and headers, as HTTP clients make forms."""
    made = httpx.Request("POST", "https://any", files=list(files), data=fields)
    return {"body": made.read(), "headers": {"Content-Type": made.headers["content-type"]}}


def send(
    api: Api, session_id: object, data: bytes = HELLO, name: str = "document.pdf", **headers: str
) -> Response:
    """Upload by the first way."""
    request = form([file(data, name)])
    request["headers"] |= headers
    return api.post(upload(session_id), **request)


def sent(api: Api, session_id: object, data: bytes = HELLO, name: str = "document.pdf") -> Any:
    """The same, where it is fine: the file's object."""
    answer = send(api, session_id, data, name)
    assert answer.status == 200, answer.text
    return answer.json()["file"]


def offer(api: Api, session_id: object, name: str = "document.pdf", size: int = 1000) -> Any:
    """An offer to upload by the second way."""
    answer = api.post(uploads(session_id), json={"filename": name, "size": size})
    assert answer.status == 201, answer.text
    return answer.json()


def put(offered: Any, data: bytes = HELLO) -> None:
    """Do as an offer says, as a browser would."""
    where = offered["upload"]
    answer = requests.post(
        where["url"], data=where["fields"], files={"file": ("any.pdf", data)}, timeout=30
    )
    assert answer.status_code in (200, 201, 204), answer.text


def state(api: Api, session_id: object, upload_id: object) -> Any:
    answer = api.get(one(session_id, upload_id))
    assert answer.status == 200, answer.text
    return answer.json()


def deliver() -> list[str]:
    """Have the worker take over what was put into the bucket, as the bucket tells it. Returns the
    keys.
    """
    stream = BucketStream(aws_client("s3"), os.environ["BUCKET_NAME"], [keys.PENDING_UPLOADS])
    events = stream.read()
    for event in events:
        call(extract_upload.handler, event, None)
    return [event["detail"]["object"]["key"] for event in events]

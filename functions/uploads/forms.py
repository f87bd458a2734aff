"""The one file of a form, as `multipart/form-data` (RFC 7578).

A request is in memory as a whole before anybody sees it, so nothing is gained by reading it bit by
bit, and no package is needed to find its parts.
"""

from email.message import Message
from email.parser import HeaderParser

from reprise.web.app import InvalidRequest

FIELD = "file"
_MOST_PARTS = 100


def file_of(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and content of the file in the field `file`; other fields are ignored. Raises
    InvalidRequest where there is not exactly one.
    """
    found = [
        (head.get_filename(), data)
        for head, data in _parts(content_type, body)
        if head.get_param("name", header="content-disposition") == FIELD
    ]
    if not found:
        raise InvalidRequest({FIELD: "Field required"})
    if len(found) > 1:
        raise InvalidRequest({FIELD: "must be one file only"})
    ((name, data),) = found
    if not name:
        raise InvalidRequest({FIELD: "must be a file, sent with its name"})
    return name, data


def said(content_type: str, body: bytes) -> bytes:
    """A form without the boundary, which clients choose anew each time that they send it."""
    boundary = _boundary(content_type)
    return body.replace(boundary, b"") if boundary else body


def _boundary(content_type: str) -> bytes | None:
    """None where it is no form's type."""
    kind = Message()
    kind["content-type"] = content_type
    boundary = kind.get_boundary()
    if kind.get_content_type() != "multipart/form-data" or not boundary:
        return None
    return boundary.encode("latin-1", "replace")


def _parts(content_type: str, body: bytes) -> list[tuple[Message, bytes]]:
    """The headers and the content of each part."""
    boundary = _boundary(content_type)
    if boundary is None:
        raise InvalidRequest({"body": "must be multipart/form-data, with its boundary"})
    between = b"\r\n--" + boundary
    _, *pieces = (b"\r\n" + body).split(between, _MOST_PARTS + 1)
    parts: list[tuple[Message, bytes]] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return parts
        head, blank, data = piece.partition(b"\r\n\r\n")
        if not blank:
            break
        text = head.lstrip(b" \t").removeprefix(b"\r\n").decode(errors="replace")
        parts.append((HeaderParser().parsestr(text), data))
    raise InvalidRequest({"body": "is not a whole form of a few fields"})

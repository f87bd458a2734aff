"""HTTP responses as API Gateway makes them: from a function's result, or by itself."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.template import Cors, GatewayResponse

Header = tuple[str, str]

# The kinds of gateway responses that can come about here: default status and message. Those in
# lower case have no name of their own at API Gateway, only the default of their class.
KINDS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "bad_request": (400, "Bad Request"),
    "function_failed": (502, "Internal server error"),
}

# Developer guide, "Important notes": a function's own ones are renamed or made anew.
_REMAPPED = frozenset(("authorization", "connection", "date", "server", "www-authenticate"))
_DROPPED = frozenset(("content-length", "transfer-encoding", "trailer", "upgrade"))
_CONTEXT = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Malformed(ValueError):
    """What a function returned is not a proxy response."""


class Refused(Exception):
    """API Gateway answers by itself, with the gateway response of this kind (one of `KINDS`)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Response:
    """A whole response; its length is added when it is sent."""

    status: int
    headers: tuple[Header, ...]
    body: bytes = b""


def proxy_response(result: Any, request_id: str, binary: bool) -> Response:
    """The response that a buffered function's result means. `binary`: whether the client accepts
    binary types; a result in base64 reaches any other client as base64. Raises Malformed.
    """
    if not isinstance(result, dict):
        raise Malformed("not an object")
    body = result.get("body")
    if not isinstance(body, str | None):
        raise Malformed("body is not a string")
    content = (body or "").encode()
    if result.get("isBase64Encoded") and binary:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise Malformed("body is not base64") from error
    headers = merged(result.get("headers"), result.get("multiValueHeaders"))
    return Response(status_of(result), pass_headers(headers, request_id), content)


def status_of(result: Mapping[str, Any]) -> int:
    """The status code. Raises Malformed."""
    try:
        status = int(result["statusCode"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("no statusCode") from error
    if not 200 <= status <= 599:
        raise Malformed(f"statusCode {status}")
    return status


def merged(headers: Any, multi_value_headers: Any) -> list[Header]:
    """Both forms of headers as one list; of one name, the multiple form wins. Raises Malformed."""
    single, multi = headers or {}, multi_value_headers or {}
    if not isinstance(single, dict) or not isinstance(multi, dict):
        raise Malformed("headers are not objects")
    several = {name.lower() for name in multi}
    pairs = [(name, str(value)) for name, value in single.items() if name.lower() not in several]
    return pairs + [(name, str(value)) for name, values in multi.items() for value in values]


def pass_headers(headers: Iterable[Header], request_id: str) -> tuple[Header, ...]:
    """A function's headers as clients get them. Raises Malformed for what no header can hold."""
    passed = [("x-amzn-requestid", request_id)]
    for name, value in headers:
        name = name.lower()
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise Malformed(f"header {name!r}")
        if name in _REMAPPED:
            passed.append((f"x-amzn-remapped-{name}", value))
        elif name not in _DROPPED:
            passed.append((name, value))
    return tuple(passed)


def gateway_response(
    kind: str, configured: Mapping[str, GatewayResponse], context: Mapping[str, Any]
) -> Response:
    """What API Gateway says by itself. `context` is the event's requestContext, or what there is of
    it.
    """
    status, message = KINDS[kind]
    fallback = configured.get(f"DEFAULT_{status // 100}XX", GatewayResponse(None, {}, None))
    own = configured.get(kind, fallback)
    values = dict(context) | {
        "error.message": message,
        "error.messageString": json.dumps(message),
        "error.responseType": kind.upper(),
    }
    template = own.body or '{"message":$context.error.messageString}'
    body = _CONTEXT.sub(lambda found: str(values.get(found[1], "")), template)
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", str(context["requestId"])),
        *((name.lower(), _expression(text, values)) for name, text in own.headers.items()),
    ]
    return Response(own.status or status, tuple(headers), body.encode())


def _expression(text: str, values: Mapping[str, Any]) -> str:
    """A mapping expression: a constant in quotes, or a variable of the context."""
    if text.startswith("'"):
        return text.strip("'")
    return str(values.get(text.removeprefix("context."), ""))


def preflight(cors: Cors, methods: Iterable[str]) -> Response:
    """What the mock integration answers that SAM adds to a path; `methods` are the path's own."""
    listed = cors.methods or ",".join(sorted({*methods, "OPTIONS"}))
    headers = [
        ("content-type", "application/json"),
        ("access-control-allow-origin", cors.origin),
        ("access-control-allow-methods", listed),
    ]
    if cors.headers is not None:
        headers.append(("access-control-allow-headers", cors.headers))
    if cors.max_age is not None:
        headers.append(("access-control-max-age", cors.max_age))
    if cors.credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return Response(200, tuple(headers))

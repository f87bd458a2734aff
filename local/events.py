"""API Gateway REST proxy events (payload format 1.0), made of HTTP requests.

Fields and forms: API Gateway developer guide, "Input format of a Lambda function for proxy
integration". As there, the path is as it was sent and query parameters are decoded.
"""

import base64
import re
import time
import uuid
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.cloudformation import ACCOUNT

_API = "local"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_HOP_BY_HOP = frozenset(
    ("connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
_IDENTITY = (
    "accessKey", "accountId", "apiKey", "apiKeyId", "caller", "cognitoAuthenticationProvider",
    "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId",
    "user", "userArn",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """An HTTP request. `path` and `query` are percent-encoded, header names in lower case, `time`
    in seconds since the Unix epoch.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client: str
    server: tuple[str, int]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: float = field(default_factory=time.time)

    def header(self, name: str) -> str | None:
        """The last one of that name."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


def proxy_event(
    request: Request,
    resource: str,
    variables: dict[str, str],
    stage: str,
    binary_types: Container[str],
) -> dict[str, Any]:
    """The event that a function is called with. `variables` are the path's."""
    headers = _headers(request)
    query = parse_qsl(request.query, keep_blank_values=True)
    body, is_base64 = _body(request, binary_types)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _grouped(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query) or None,
        "pathParameters": variables or None,
        "stageVariables": None,
        "requestContext": request_context(request, resource, stage),
        "body": body,
        "isBase64Encoded": is_base64,
    }


def request_context(request: Request, resource: str, stage: str) -> dict[str, Any]:
    moment = time.gmtime(request.time)
    domain = _host(request).partition(":")[0]
    identity = dict.fromkeys(_IDENTITY)
    return {
        "accountId": ACCOUNT,
        "apiId": _API,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": request.id,
        "httpMethod": request.method,
        "identity": identity
        | {"sourceIp": request.client, "userAgent": request.header("user-agent")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request.id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", moment),
        "requestTimeEpoch": int(request.time * 1000),
        "resourceId": _API,
        "resourcePath": resource,
        "stage": stage,
    }


def _headers(request: Request) -> list[tuple[str, str]]:
    """The client's, without those of its connection, and what API Gateway adds."""
    came = [
        (name, value)
        for name, value in request.headers
        if name not in _HOP_BY_HOP and name != "host" and not name.startswith("x-forwarded-")
    ]
    hops = [value for name, value in request.headers if name == "x-forwarded-for"]
    return [
        *came,
        ("Host", _host(request)),
        ("X-Amzn-Trace-Id", f"Root=1-{int(request.time):08x}-{request.id.replace('-', '')[:24]}"),
        ("X-Forwarded-For", ", ".join([*hops, request.client])),
        ("X-Forwarded-Port", str(request.server[1])),
        ("X-Forwarded-Proto", "http"),
    ]


def _host(request: Request) -> str:
    """API Gateway knows its own name. Here it is what the client says, if that can be one."""
    host = request.header("host") or ""
    return host if _HOST.fullmatch(host) else f"{request.server[0]}:{request.server[1]}"


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def accepts_binary(request: Request, binary_types: Container[str]) -> bool:
    """Whether API Gateway decodes a result in base64: it looks at the first type in Accept."""
    accepted = (request.header("accept") or "").partition(",")[0].partition(";")[0].strip().lower()
    return accepted in binary_types


def _body(request: Request, binary_types: Container[str]) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type in binary_types:
        return base64.b64encode(request.body).decode(), True
    return request.body.decode(errors="replace"), False

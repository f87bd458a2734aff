"""The Runtime API: asking for events, answering them, reporting errors.

Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes", and the OpenAPI
specification that it links to (2018-06-01).
"""

import time

from streaming import http1
from streaming.context import Invocation
from streaming.report import Report
from streaming.response import LambdaResponse

_RUNTIME = "/2018-06-01/runtime"
_LONGEST = 900.0  # seconds that a function may run at most


class Refused(Exception):
    """The Runtime API did not accept a request; `status` says why. Later ones may go well."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"{what}: {status}")
        self.status = status


class ContainerFailed(Refused):
    """A 5xx: "Container error. Non-recoverable state. Runtime should exit promptly."."""


class RuntimeApi:
    """At `address`, which is `host:port`. One connection is kept for all but streamed responses."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._kept: http1.Connection | None = None

    async def next(self) -> Invocation:
        """Wait for the next event, without limit: the container may be frozen meanwhile.

        Raises Refused, OSError or ValueError. After any of them, there is nothing left to serve.
        """
        reply = await self._ask("GET", f"{_RUNTIME}/invocation/next", {}, b"")
        if reply.status != 200:
            raise _refusal("next", reply.status)
        header = {
            name.removeprefix("lambda-runtime-"): value for name, value in reply.headers.items()
        }
        if not header.get("aws-request-id"):
            raise ValueError("an event without a request id")
        deadline = header.get("deadline-ms", "")
        return Invocation(
            request_id=header["aws-request-id"],
            body=reply.body,
            deadline=int(deadline) / 1000 if deadline.isdigit() else time.time() + _LONGEST,
            function_arn=header.get("invoked-function-arn"),
            trace_id=header.get("trace-id"),
            client_context=header.get("client-context"),
            identity=header.get("cognito-identity"),
            tenant_id=header.get("aws-tenant-id"),
            invocation_id=header.get("invocation-id"),
        )

    def response(self, invocation: Invocation) -> LambdaResponse:
        """The streamed response to an event; nothing is sent before it starts."""
        path = f"{_RUNTIME}/invocation/{invocation.request_id}/response"
        return LambdaResponse(self._address, path, _identifying(invocation))

    async def error(self, invocation: Invocation, report: Report) -> None:
        """Say that an event failed, in place of a response. Raises Refused, OSError, ValueError."""
        path = f"{_RUNTIME}/invocation/{invocation.request_id}/error"
        await self._post_error(path, report, _identifying(invocation))

    async def init_error(self, report: Report) -> None:
        """Say that there will be no `next`. Raises Refused, OSError or ValueError."""
        await self._post_error(f"{_RUNTIME}/init/error", report, {})

    async def _post_error(self, path: str, report: Report, headers: dict[str, str]) -> None:
        body = report.to_json()
        reply = await self._ask(
            "POST",
            path,
            headers
            | {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "Lambda-Runtime-Function-Error-Type": report.kind,
            },
            body,
        )
        check(path.rpartition("/")[2], reply.status)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> http1.Reply:
        request = http1.request_head(method, path, self._address, headers) + body
        if self._kept:
            try:
                return await self._exchange(self._kept, request)
            except ConnectionError:
                pass  # closed while it was idle, or frozen: that says nothing about a new one
        return await self._exchange(await http1.connect(self._address), request)

    async def _exchange(self, connection: http1.Connection, request: bytes) -> http1.Reply:
        reader, writer = connection
        self._kept = None  # until it has proved itself: nobody may go on after half a reply
        try:
            writer.write(request)
            await writer.drain()
            reply = await http1.read_reply(reader)
        except BaseException:
            writer.transport.abort()
            raise
        if reply.last:
            writer.close()
        else:
            self._kept = connection
        return reply


def check(what: str, status: int) -> None:
    """Raises Refused if the status is not one of success; ContainerFailed if that is final."""
    if not 200 <= status < 300:
        raise _refusal(what, status)


def _refusal(what: str, status: int) -> Refused:
    return (ContainerFailed if status >= 500 else Refused)(what, status)


def _identifying(invocation: Invocation) -> dict[str, str]:
    """What Lambda's own runtimes echo where an event carried it."""
    if invocation.invocation_id is None:
        return {}
    return {"Lambda-Runtime-Invocation-Id": invocation.invocation_id}

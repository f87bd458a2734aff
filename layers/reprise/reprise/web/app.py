"""The app factory: one FastAPI app per endpoint, with the headers and errors that every answer
needs.
"""

import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import fastapi.utils
from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders, State
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reprise.accounts.callers import Caller
from reprise.chat.errors import Invalid, NotFound, RepriseError
from reprise.engine import metrics
from reprise.web.limits import Counter

logger = Logger()

# FastAPI asks of every annotation whether it is a model of Pydantic 1, and to ask it imports that
# whole package: a sixth of a cold start. We have none.
fastapi.utils.annotation_is_pydantic_v1 = lambda annotation: False  # type: ignore[attr-defined]

EXPOSED = (
    "X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, "
    "X-Session-ID, X-Model, X-Unfilled-Variables, X-Fixie-Conversation-Id, X-Thread-ID, "
    "X-Regenerated, X-Regenerated-From"
)


class InvalidRequest(RepriseError):
    """A request of the wrong form; `problems` says of each field what is wrong with it. `found` is
    what FastAPI found, in its own form, where it was that.
    """

    def __init__(self, problems: dict[str, str], found: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__("invalid request")
        self.problems = problems
        self.found = found


class NotJson(InvalidRequest):
    """A request whose body cannot be read at all."""


ErrorResponse = Callable[[Request, Exception], Response]
Identify = Callable[[Request], AbstractAsyncContextManager[Caller]]
CrossOrigin = Callable[[Request], Mapping[str, str]]


def any_origin(request: Request) -> Mapping[str, str]:
    """Headers of an answer that pages of any origin may read, without credentials."""
    return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}


def create_app(
    error_response: ErrorResponse,
    identify: Identify,
    limit: str | None = None,
    *,
    count_all: bool = False,
    cross_origin: CrossOrigin = any_origin,
) -> FastAPI:
    """An app whose every error has the surface's shape.

    `error_response` is given a RepriseError, or any other exception for what the surface calls an
    internal error. `identify` says who calls, before the body is read; whom it knows and refuses
    all the same it leaves in `request.state.caller`. `limit` is the rate window that the route is
    counted in: what makes something, or with `count_all` whatever is asked, also what is refused
    later. Answers carry X-Request-ID, and `cross_origin` gives the headers that say whose pages may
    read them.
    """
    # no redirects: API Gateway hands on an id that ends in %2F, and no id does
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def identified(request: Request) -> Response:
                async with identify(request) as caller:
                    request.state.caller = caller
                    if limit:
                        request.state.counter = Counter(caller, limit)
                        if count_all:
                            request.state.counter.begin()
                    return await handle(request)

            return identified

    app.router.route_class = Route

    def known(request: Request, error: Exception) -> Response:
        metrics.refused(error)
        return error_response(request, _as_ours(error))

    for kind in (RepriseError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, known)
    app.add_middleware(_Edge, error_response=error_response, limit=limit, cross_origin=cross_origin)
    return app


def request_id(request: Request) -> str:
    """API Gateway's id of the request."""
    event = request.scope.get("aws.event") or {}
    return str(event.get("requestContext", {}).get("requestId", ""))


def deadline(request: Request, now: Callable[[], float]) -> float:
    """When the function ends, in seconds since the Unix epoch."""
    return now() + float(request.scope["aws.context"].get_remaining_time_in_millis()) / 1000


def _as_ours(error: Exception) -> Exception:
    match error:
        case RequestValidationError():
            problems = dict(_problem(each) for each in error.errors())
            unreadable = any(each["type"] == "json_invalid" for each in error.errors())
            found = error.errors()
            return NotJson(problems, found) if unreadable else InvalidRequest(problems, found)
        case HTTPException(status_code=404 | 405):
            return NotFound("Route")
        case HTTPException():
            # FastAPI's word for JSON that is nested too deeply, or has numbers of too many digits
            return NotJson({"body": "cannot be read as JSON"})
        case Invalid():
            return InvalidRequest({error.field: error.problem})
    return error


def _problem(error: dict[str, Any]) -> tuple[str, str]:
    """Field and text of one of Pydantic's errors; never the input, which may be a message."""
    if error["type"] == "json_invalid":
        return "body", "is not valid JSON"
    if error["type"] == "model_attributes_type" and error["loc"] == ("body",):
        return "body", "must be a JSON object, sent with Content-Type: application/json"
    path = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
    return ".".join(path) or "body", str(error["msg"])


class _Edge:
    """The outermost layer: headers on everything, and an answer to whatever was not foreseen."""

    def __init__(
        self,
        app: ASGIApp,
        error_response: ErrorResponse,
        limit: str | None,
        cross_origin: CrossOrigin,
    ) -> None:
        self._app = app
        self._error_response = error_response
        self._limit = limit
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        state = request.state  # made here, for all that look at it further in
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(raw=message["headers"])
                headers["X-Request-ID"] = request_id(request)
                headers.update(self._cross_origin(request))
                headers.update(await self._limits(state))
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # where it happened, not what it says: the text of an exception may hold a message's
            where = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
            logger.error(
                "unhandled",
                request_id=request_id(request),
                error=type(error).__name__,
                where=where[-8:],
            )
            if started:
                raise
            await self._error_response(request, error)(scope, receive, send_with_headers)

    async def _limits(self, state: State) -> Mapping[str, str]:
        """How the caller, once known, stands with the route's limit."""
        caller = getattr(state, "caller", None)
        if self._limit is None or caller is None:
            return {}
        counter = getattr(state, "counter", None) or Counter(caller, self._limit)
        return await counter.headers()

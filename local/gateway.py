"""API Gateway as an ASGI app: each request becomes a proxy event and goes to a function."""

import logging
import re
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from local.client import read_request, send_response
from local.events import Request, accepts_binary, proxy_event, request_context
from local.invocations import Invocations
from local.responses import Refused, Response, gateway_response, preflight
from local.routing import Resource, Router
from local.template import Template
from streaming.adapter import ClientGone, Receive, Send

BODY_LIMIT = 10 * 1024 * 1024  # API Gateway's own; Lambda has another, see functions.py
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")

logger = logging.getLogger(__name__)


class Gateway:
    """The API of a template. `handlers` are the functions by their handler's name; those that are
    missing answer 502, as functions do that cannot be imported.
    """

    def __init__(self, template: Template, handlers: Mapping[str, Any]) -> None:
        self._template = template
        self._router = Router(template.routes)
        self._invocations = Invocations(handlers)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        began = time.monotonic()
        try:
            request, fits = await read_request(scope, receive, BODY_LIMIT)
        except ClientGone:
            return
        try:
            status = await self._answer(request, fits, receive, send)
        except Refused as refused:
            response = self._refusal(refused, request)
            await send_response(send, response)
            status = response.status
        except Exception:
            logger.exception("%s %s: the gateway itself failed", request.method, request.path)
            raise
        took = (time.monotonic() - began) * 1000
        logger.info("%s %s %d %.0f ms", request.method, request.path, status, took)

    async def stop(self, grace: float) -> None:
        """Give what is under way `grace` seconds to end by itself, then end it."""
        await self._invocations.stop(grace)

    async def _answer(self, request: Request, fits: bool, receive: Receive, send: Send) -> int:
        """Send the response, return its status. Raises Refused when nothing was sent yet."""
        resource, variables = self._locate(request)
        route = resource.route(request.method)
        if route is None:
            response = self._unrouted(resource, request.method)
        elif not fits:
            raise Refused("REQUEST_TOO_LARGE")
        else:
            event = proxy_event(
                request,
                resource.path,
                variables,
                self._template.stage,
                self._template.binary_types,
            )
            if route.streaming:
                return await self._invocations.stream(route, event, receive, send)
            binary = accepts_binary(request, self._template.binary_types)
            response = await self._invocations.call(route, event, binary)
        await send_response(send, response)
        return response.status

    def _locate(self, request: Request) -> tuple[Resource, dict[str, str]]:
        if _BAD_PERCENT.search(request.path) or _BAD_PERCENT.search(request.query):
            raise Refused("bad_request")
        found = self._router.find(request.path)
        if found is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        return found

    def _unrouted(self, resource: Resource, method: str) -> Response:
        if method != "OPTIONS" or self._template.cors is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        return preflight(self._template.cors, resource.methods)

    def _refusal(self, refused: Refused, request: Request) -> Response:
        found = self._router.find(request.path)
        context = request_context(request, found[0].path if found else "", self._template.stage)
        return gateway_response(refused.kind, self._template.gateway_responses, context)

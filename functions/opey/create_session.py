"""POST /create-session: a session cookie for a key, a token, or nobody in particular.

Environment: `ALLOW_ANONYMOUS_SESSIONS`, `true` or anything else.
"""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from opey.wire import detail, error_response, surface
from reprise.accounts import sessions
from reprise.accounts.callers import Caller
from reprise.accounts.sessions import REQUEST_LIMIT, TOKEN_LIMIT
from reprise.chat.errors import NoneGiven, Unauthorized
from reprise.web.callers import holder, nobody
from reprise.web.cookies import COOKIE, check_origin, set_cookie

MISSING = (
    "Missing Authorization headers. Must provide one of: "
    "'Authorization: Bearer <token>' or 'Consent-Id'"
)


class NoConsent(Unauthorized):
    """A consent, which nobody here gives."""


@asynccontextmanager
async def _identify(request: Request) -> AsyncIterator[Caller]:
    """By key or token, whatever the plan says of the API: this is a front end's."""
    check_origin(request)
    if "authorization" in request.headers:
        identify = holder
    elif "consent-id" in request.headers:
        raise NoConsent
    elif os.environ.get("ALLOW_ANONYMOUS_SESSIONS") == "true":
        identify = nobody
    else:
        raise NoneGiven
    async with identify(request) as caller:
        request.state.anonymous = identify is nobody
        yield caller


def _errors(request: Request, error: Exception) -> JSONResponse:
    match error:
        case NoConsent():
            return detail(401, "Invalid Consent-Id")
        case NoneGiven() if "authorization" not in request.headers:
            return detail(401, MISSING)
        case Unauthorized():
            return detail(401, "Invalid Bearer token")
    return error_response(request, error)


app = surface(identify=_identify, errors=_errors)


@app.post("/create-session")
def create_session(request: Request) -> JSONResponse:
    """Whoever had a session before has another one now, so that one which somebody else gave them
    is never logged in.
    """
    anonymous, now = request.state.anonymous, time.time()
    if anonymous:
        _, secret = sessions.create_anonymous(now)
    else:
        _, secret = sessions.create(request.state.caller, request.state.key, now)
    sessions.end_by(request.cookies.get(COOKIE, ""))
    kind = "anonymous" if anonymous else "authenticated"
    limits = {"token_limit": TOKEN_LIMIT, "request_limit": REQUEST_LIMIT} if anonymous else {}
    response = JSONResponse(
        {
            "message": f"{kind.capitalize()} session created",
            "session_type": kind,
            "usage_limits": limits,
        }
    )
    set_cookie(response, secret)
    return response


handler = Mangum(app, lifespan="off")

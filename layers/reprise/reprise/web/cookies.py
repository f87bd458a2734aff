"""Who calls by a session cookie: browsers, and they only for pages of listed origins.

Environment: `ALLOWED_ORIGINS`, with spaces between several; `COOKIE_SAME_SITE`, `none` (the
default), `lax` or `strict`.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Literal, cast

from fastapi import Depends, Request, Response

from reprise.accounts import sessions
from reprise.accounts.callers import Caller
from reprise.chat.errors import Forbidden, NoneGiven
from reprise.store.sessions import KEPT, Session
from reprise.web.app import EXPOSED

COOKIE = "session"
SameSite = Literal["none", "lax", "strict"]


class OriginNotListed(Forbidden):
    """A page that may not use the cookies of those who look at it."""


@asynccontextmanager
async def cookie(request: Request) -> AsyncIterator[Caller]:
    """Who the session is of, allowed to do what the method does. Raises as `cookie_of_any_scope`
    does, and Forbidden.
    """
    async with cookie_of_any_scope(request) as caller:
        caller.require("read" if request.method == "GET" else "write")
        yield caller


@asynccontextmanager
async def cookie_of_any_scope(request: Request) -> AsyncIterator[Caller]:
    """Who the session is of, whatever they may do. Raises OriginNotListed, and Unauthorized:
    NoneGiven without a cookie, Malformed for one that is none of ours.
    """
    check_origin(request)
    secret = request.cookies.get(COOKIE)
    if not secret:
        raise NoneGiven
    request.state.session = await asyncio.to_thread(sessions.find, secret, time.time())
    request.state.caller = sessions.caller_of(request.state.session)
    yield request.state.caller


def check_origin(request: Request) -> None:
    """Raises OriginNotListed for a request that a page of another origin makes. Whoever is not a
    browser says nothing of an origin.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin not in _listed():
        raise OriginNotListed("This page's origin is not among those that may call")


def listed_origins(request: Request) -> Mapping[str, str]:
    """Headers of an answer that pages of listed origins may read, with credentials."""
    origin = request.headers.get("origin")
    if origin is None or origin not in _listed():
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": EXPOSED,
    }


def set_cookie(response: Response, secret: str) -> None:
    """Give the client its session; an empty secret takes it away."""
    secure = _secure()
    same_site = os.environ.get("COOKIE_SAME_SITE") or "none"
    if same_site == "none" and not secure:
        same_site = "lax"  # browsers refuse the other without Secure
    response.set_cookie(
        COOKIE,
        secret,
        max_age=KEPT if secret else 0,
        path="/",
        secure=secure,
        httponly=True,
        samesite=cast(SameSite, same_site),
    )


def _listed() -> list[str]:
    return os.environ.get("ALLOWED_ORIGINS", "").split()


def _secure() -> bool:
    """Whether this is Lambda itself, which nothing but HTTPS leads to."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ and os.environ.get("AWS_SAM_LOCAL") != "true"


async def _session(request: Request) -> Session:
    session: Session = request.state.session
    return session


CurrentSession = Annotated[Session, Depends(_session)]

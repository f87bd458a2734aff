"""Who calls: the bearer token of a request, found out before anything else of it is read."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from reprise.accounts import keys, plans
from reprise.accounts.callers import Caller
from reprise.chat.errors import NoneGiven, PlanRestricted
from reprise.store.accounts import ApiKey


@asynccontextmanager
async def bearer(request: Request) -> AsyncIterator[Caller]:
    """The account behind `Authorization: Bearer …`, allowed to do what the method does. Raises as
    `holder` does, and Forbidden.
    """
    caller, key = await _holder(request)
    if not plans.find(caller.plan).api:
        raise PlanRestricted(f"The plan '{caller.plan}' does not include the API")
    caller.require("read" if request.method == "GET" else "write")
    async with _noting(key):
        yield caller


@asynccontextmanager
async def holder(request: Request) -> AsyncIterator[Caller]:
    """The account behind `Authorization: Bearer …`, an API key or a JWT, whatever it may do.

    The day of a key's last use is noted beside the request's own work, not before it. Raises
    Unauthorized (NoneGiven without a token).
    """
    caller, key = await _holder(request)
    async with _noting(key):
        yield caller


@asynccontextmanager
async def nobody(request: Request) -> AsyncIterator[Caller]:
    """Whoever calls: for what everybody may ask, which is counted for nobody."""
    yield Caller("", "", "", frozenset())


async def _holder(request: Request) -> tuple[Caller, ApiKey | None]:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NoneGiven
    caller, key = await asyncio.to_thread(_authenticate, secret.strip(), time.time())
    plans.find(caller.plan)  # before the caller is told of their limits: it may be there no more
    request.state.caller, request.state.key = caller, key
    return caller, key


@asynccontextmanager
async def _noting(key: ApiKey | None) -> AsyncIterator[None]:
    """Note a key's use beside what is done meanwhile."""
    if key is None:
        yield
        return
    touched = asyncio.create_task(asyncio.to_thread(keys.touch, key, time.time()))
    try:
        yield
    finally:
        await asyncio.gather(touched, return_exceptions=True)


def _authenticate(secret: str, now: float) -> tuple[Caller, ApiKey | None]:
    """The caller, with the key if it is one. Where no issuer is trusted, a JWT is an unknown
    key.
    """
    if secret.count(".") != 2:
        return keys.authenticate(secret, now)
    from reprise.accounts import issuer, tokens  # most deployments and most requests have none

    if tokens.looks_like_jwt(secret) and (trusted := issuer.trusted()):
        return tokens.authenticate(secret, trusted, now), None
    return keys.authenticate(secret, now)


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CurrentCaller = Annotated[Caller, Depends(_caller)]

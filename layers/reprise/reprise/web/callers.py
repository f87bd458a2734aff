"""Who calls: the bearer token of a request, as a dependency."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import Depends, Request

from reprise.accounts import keys
from reprise.accounts.callers import Caller
from reprise.chat.errors import Unauthorized


async def _caller(request: Request) -> AsyncGenerator[Caller, Any]:
    """The account behind `Authorization: Bearer …`, allowed to do what the method does.

    The day of the key's last use is noted beside the request's own work, not before it.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized
    caller, key = await asyncio.to_thread(keys.authenticate, secret.strip(), time.time())
    caller.require("read" if request.method == "GET" else "write")
    touched = asyncio.create_task(asyncio.to_thread(keys.touch, key, time.time()))
    try:
        yield caller
    finally:
        await asyncio.gather(touched, return_exceptions=True)


CurrentCaller = Annotated[Caller, Depends(_caller)]

"""What requests that make something bring along: their idempotency key, their plan, their time."""

import hashlib
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Header, Request

from reprise.accounts import plans
from reprise.accounts.callers import Caller
from reprise.engine.asker import Asker
from reprise.store.claims import Claim
from reprise.web.app import deadline
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

LONGEST_KEY = 255  # characters
IN_ONE_PIECE = 285  # seconds: API Gateway cuts what is silent for five minutes

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        description="Chosen by the client: the same request under the same key is done once.",
    ),
]


async def _claim(
    request: Request, caller: CurrentCaller, key: IdempotencyKey = None
) -> Claim | None:
    """The claim of an `Idempotency-Key`: it stands for method, path, query and body."""
    if key is None:
        return None
    asked = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    asked.update(await request.body())
    return Claim(
        caller.subject,  # not the owner, which all of an agent's public is
        hashlib.sha256(key.encode()).hexdigest(),
        asked.hexdigest(),
        engine().now(),
    )


CurrentClaim = Annotated[Claim | None, Depends(_claim)]


def asker_of(request: Request, caller: Caller, claim: Claim | None = None) -> Asker:
    """Who makes a request, which is counted if its route is limited."""
    counter = getattr(request.state, "counter", None)
    return Asker(
        owner=caller.owner,
        payer=caller.payer,
        allowance=plans.find(caller.plan).allowance,
        deadline=deadline(request, engine().now),
        claim=claim,
        count=counter.add if counter else None,
    )


async def _asker(request: Request, caller: CurrentCaller, claim: CurrentClaim) -> Asker:
    return asker_of(request, caller, claim)


CurrentAsker = Annotated[Asker, Depends(_asker)]


def in_time(asker: Asker, *, stream: bool) -> Asker:
    """With the time that an answer has: one in one piece has to be there before API Gateway loses
    its patience.
    """
    if stream:
        return asker
    return replace(asker, deadline=min(asker.deadline, engine().now() + IN_ONE_PIECE))

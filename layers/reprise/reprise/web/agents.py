"""The agent that a path names, looked up beside the caller: it costs no round trip of its own."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request

from reprise.accounts import agents, plans
from reprise.accounts.callers import SCOPES, Caller
from reprise.chat.agents import Agent
from reprise.chat.errors import NoneGiven, PlanRestricted
from reprise.store import keys
from reprise.web.app import Identify
from reprise.web.callers import CurrentCaller, bearer


def beside(identify: Identify) -> Identify:
    """The same, while the agent of the path, its `agent_id`, is fetched, if it names one. Whether
    it is open to the caller is `CurrentAgent`'s to say.
    """

    @asynccontextmanager
    async def identified(request: Request) -> AsyncIterator[Caller]:
        named = request.path_params.get("agent_id")
        if named is None:
            async with identify(request) as caller:
                yield caller
            return
        looking = asyncio.create_task(asyncio.to_thread(agents.find, named, time.time()))
        try:
            async with identify(request) as caller:
                await looking
                yield caller
        finally:
            await asyncio.gather(looking, return_exceptions=True)

    return identified


def _agent(caller: CurrentCaller, agent_id: str) -> Agent:
    return agents.for_caller(agent_id, caller, time.time())


CurrentAgent = Annotated[Agent, Depends(_agent)]


async def _named_or_default(request: Request, caller: CurrentCaller) -> Agent:
    named = request.path_params.get("agent_id")
    return await asyncio.to_thread(agents.for_caller, named, caller, time.time())


NamedOrDefaultAgent = Annotated[Agent, Depends(_named_or_default)]  # where paths may name none


@asynccontextmanager
async def bearer_or_public(request: Request) -> AsyncIterator[Caller]:
    """The account behind `Authorization: Bearer …`, as `bearer` has it; where nothing is sent, the
    public of the agent that the path names.

    Raises as `bearer` does, NoneGiven where the path names no agent, and NotFound for one that is
    not there or not public.
    """
    if request.headers.get("authorization"):
        async with beside(bearer)(request) as caller:
            yield caller
        return
    named = request.path_params.get("agent_id")
    if named is None:
        raise NoneGiven
    agent = await asyncio.to_thread(agents.for_caller, named, None, time.time())
    if not plans.find(agent.plan).api:
        raise PlanRestricted(f"The plan '{agent.plan}' does not include the API")
    yield Caller(
        account_id="",
        owner=keys.agent(agent.id),
        plan=agent.plan,
        scopes=frozenset(SCOPES),
        payer=agent.owner,
        subject=f"{keys.agent(agent.id)}#{_source(request)}",
    )


def _source(request: Request) -> str:
    """Where a request comes from, hashed: its address, or the network where somebody has 2^64 of
    them.
    """
    event = request.scope.get("aws.event") or {}
    source = str(event.get("requestContext", {}).get("identity", {}).get("sourceIp", ""))
    with suppress(ValueError):
        address = ip_address(source)
        source = str(ip_network((address, 64 if address.version == 6 else 32), strict=False))
    return hashlib.sha256(source.encode()).hexdigest()[:32]

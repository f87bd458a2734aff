"""Who talks on this surface: an account in a session of its own, or nobody in particular within
limits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from reprise.accounts import agents, sessions
from reprise.accounts.rates import Window
from reprise.chat.agents import Agent
from reprise.chat.messages import Usage
from reprise.engine.agents import options_for
from reprise.engine.asker import Asker
from reprise.engine.begin import Options
from reprise.web.askers import CurrentAsker
from reprise.web.callers import CurrentCaller
from reprise.web.cookies import CurrentSession


async def _visitor(request: Request, asker: CurrentAsker, session: CurrentSession) -> Asker:
    """Who asks; in an anonymous session what it asks and gets is counted."""
    if session.account_id is not None:
        return asker
    in_window: Callable[[], Awaitable[Window]] = request.state.counter.add

    async def count() -> Window:
        counting = asyncio.to_thread(sessions.count, session)
        window, _ = await asyncio.gather(in_window(), counting)
        return window

    async def used(usage: Usage) -> None:
        await asyncio.to_thread(sessions.spend, session, usage.total)

    return replace(asker, count=count, used=used)


Visitor = Annotated[Asker, Depends(_visitor)]


def _agent(caller: CurrentCaller, session: CurrentSession) -> Agent:
    """The account's default agent; of an anonymous session the implicit one."""
    if session.account_id is None:
        return Agent.implicit(caller.owner, caller.account_id, caller.plan)
    return agents.for_caller(None, caller, time.time())


CurrentAgent = Annotated[Agent, Depends(_agent)]


def options_of(agent: Agent) -> Options:
    """An agent's way of answering. Tools that are the client's to run are not offered: this surface
    has no way to bring their results.
    """
    return _without_clients_tools(options_for(agent))


def _without_clients_tools(options: Options) -> Options:
    tools = tuple(tool for tool in options.tools if tool.name in options.built_in)
    within = options.within
    if within is None:
        return replace(options, tools=tools)
    return replace(
        options,
        tools=tools,
        within=lambda conversation: _without_clients_tools(within(conversation)),
    )

"""POST /api/v2/agents/{agent_id}/chat: a message to an agent, or on behind its tools' results, and
the answer.

Runs as a streaming function though its answer may be JSON: a buffered one would end after 29
seconds.
"""

from dataclasses import replace

from fastapi import Response
from mangum import Mangum

from chatbase.answers import answer
from chatbase.requests import ChatRequest
from chatbase.wire import surface
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid
from reprise.chat.messages import Said
from reprise.engine import turns
from reprise.engine.agents import first_of, options_for, partitions
from reprise.engine.asker import Asker
from reprise.engine.conversations import Draft
from reprise.engine.turns import Run
from reprise.engine.where import OfAgent
from reprise.web.agents import CurrentAgent
from reprise.web.askers import CurrentAsker, in_time
from reprise.web.engine import engine

app = surface()


@app.post("/api/v2/agents/{agent_id}/chat")
async def chat(asker: CurrentAsker, agent: CurrentAgent, body: ChatRequest) -> Response:
    run = await _turn(in_time(asker, stream=body.stream), agent, body)
    return await answer(run, stream=body.stream)


async def _turn(asker: Asker, agent: Agent, body: ChatRequest) -> Run:
    options = options_for(agent)
    if body.conversation_id is None:
        if body.message is None:
            raise Invalid("message", "Required")
        draft = Draft(agent=agent.named, end_user=body.user_id)
        return await turns.start(engine(), asker, [Said("user", body.message)], options, draft)
    where = OfAgent(agent, body.conversation_id, body.user_id)

    async def go_on(owner: str) -> Run:
        asking = replace(asker, owner=owner)
        if body.message is None:
            return await turns.proceed(engine(), asking, where, options)
        return await turns.send(engine(), asking, where, body.message, options)

    return await first_of(partitions(agent, asker.owner), go_on)


handler = Mangum(app, lifespan="off")

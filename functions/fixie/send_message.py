"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages: a message, and the
answer to it as it grows.
"""

from dataclasses import replace

from fastapi.responses import StreamingResponse
from mangum import Mangum

from fixie.requests import SendRequest
from fixie.snapshots import answer
from fixie.wire import AGENTS, DEFAULT_AGENT, surface
from reprise.engine import turns
from reprise.engine.agents import first_of, options_for, partitions
from reprise.engine.turns import Run
from reprise.engine.where import OfAgent
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine

app = surface("fixie")


@app.post(AGENTS + "/{conversation_id}/messages")
@app.post(DEFAULT_AGENT + "/{conversation_id}/messages")
async def send_message(
    asker: CurrentAsker, agent: NamedOrDefaultAgent, conversation_id: str, body: SendRequest
) -> StreamingResponse:
    options = options_for(agent, added=body.addition(agent, asker.owner))

    async def send(owner: str) -> Run:
        where = OfAgent(agent, conversation_id)
        return await turns.send(engine(), replace(asker, owner=owner), where, body.message, options)

    return answer(await first_of(partitions(agent, asker.owner), send))


handler = Mangum(app, lifespan="off")

"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/stop: an
answer ends early, if it is still being generated.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from fixie.wire import AGENTS, DEFAULT_AGENT, surface
from reprise.engine import stop as engine_stop
from reprise.engine.agents import first_of, partitions
from reprise.engine.where import OfAgent
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.post(AGENTS + "/{conversation_id}/messages/{message_id}/stop")
@app.post(DEFAULT_AGENT + "/{conversation_id}/messages/{message_id}/stop")
async def stop(
    caller: CurrentCaller, agent: NamedOrDefaultAgent, conversation_id: str, message_id: str
) -> JSONResponse:
    async def stop_in(owner: str) -> str | None:
        where = OfAgent(agent, conversation_id)
        return await engine_stop.stop_one(engine(), owner, where, message_id)

    await first_of(partitions(agent, caller.owner), stop_in)
    return JSONResponse({})


handler = Mangum(app, lifespan="off")

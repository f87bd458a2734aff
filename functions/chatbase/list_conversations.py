"""GET /api/v2/agents/{agent_id}/conversations: an agent's conversations, latest activity first."""

from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.requests import Cursor, Limit
from chatbase.wire import listing, surface
from reprise.store import listings
from reprise.web.agents import CurrentAgent
from reprise.web.callers import CurrentCaller
from reprise.web.limits import WithinLimit

app = surface()


@app.get("/api/v2/agents/{agent_id}/conversations", dependencies=[WithinLimit])
def list_conversations(
    caller: CurrentCaller, agent: CurrentAgent, cursor: Cursor = None, limit: Limit = 20
) -> JSONResponse:
    return listing(listings.of_agent(agent, caller.owner, limit, cursor))


handler = Mangum(app, lifespan="off")

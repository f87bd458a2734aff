"""GET /api/v2/agents/{agent_id}/users/{user_id}/conversations: those of one of the account's own
users, latest activity first.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.requests import Cursor, EndUser, Limit
from chatbase.wire import listing, surface
from reprise.store import listings
from reprise.web.agents import CurrentAgent
from reprise.web.callers import CurrentCaller
from reprise.web.limits import WithinLimit

app = surface()


@app.get("/api/v2/agents/{agent_id}/users/{user_id}/conversations", dependencies=[WithinLimit])
def list_user_conversations(
    caller: CurrentCaller,
    agent: CurrentAgent,
    user_id: EndUser,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> JSONResponse:
    return listing(listings.of_end_user(agent, caller.owner, user_id, limit, cursor))


handler = Mangum(app, lifespan="off")

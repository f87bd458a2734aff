"""GET /api/v2/agents/{agent_id}/conversations/{conversation_id}/messages: messages of the shown
branch, page by page from the newest back, each page oldest first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from fastapi.responses import StreamingResponse
from mangum import Mangum

from chatbase.requests import Cursor, Limit
from chatbase.wire import messages_of, surface
from reprise.engine import pages
from reprise.engine.agents import partitions
from reprise.engine.where import OfAgent
from reprise.web.agents import CurrentAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.limits import WithinLimit

app = surface()


@app.get(
    "/api/v2/agents/{agent_id}/conversations/{conversation_id}/messages",
    dependencies=[WithinLimit],
)
def list_messages(
    caller: CurrentCaller,
    agent: CurrentAgent,
    conversation_id: str,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> StreamingResponse:
    where = OfAgent(agent, conversation_id)
    page = pages.page(engine(), partitions(agent, caller.owner), where, limit, cursor)
    return messages_of(page)


handler = Mangum(app, lifespan="off")

"""POST /api/v2/agents/{agent_id}/conversations/{conversation_id}/tool-result: what the client's
tool gave.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.requests import ToolOutput
from chatbase.wire import surface
from reprise.engine import tools
from reprise.engine.agents import first_of, partitions
from reprise.engine.where import OfAgent
from reprise.web.agents import CurrentAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.limits import WithinLimit

app = surface()


@app.post(
    "/api/v2/agents/{agent_id}/conversations/{conversation_id}/tool-result",
    dependencies=[WithinLimit],
)
async def submit_tool_result(
    caller: CurrentCaller, agent: CurrentAgent, conversation_id: str, body: ToolOutput
) -> JSONResponse:
    where = OfAgent(agent, conversation_id)
    await first_of(
        partitions(agent, caller.owner),
        lambda owner: tools.give_result(engine(), owner, where, body.tool_call_id, body.output),
    )
    return JSONResponse({"data": {"success": True}})


handler = Mangum(app, lifespan="off")

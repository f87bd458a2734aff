"""PATCH /api/v2/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/feedback:
what somebody thinks of an answer.
"""

import asyncio

from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.requests import FeedbackRequest
from chatbase.wire import message_object, surface
from reprise.engine import feedback
from reprise.engine.agents import first_of, partitions
from reprise.engine.where import OfAgent
from reprise.web.agents import CurrentAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.limits import WithinLimit

app = surface()


@app.patch(
    "/api/v2/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/feedback",
    dependencies=[WithinLimit],
)
async def give_feedback(
    caller: CurrentCaller,
    agent: CurrentAgent,
    conversation_id: str,
    message_id: str,
    body: FeedbackRequest,
) -> JSONResponse:
    where = OfAgent(agent, conversation_id)
    rated = await first_of(
        partitions(agent, caller.owner),
        lambda owner: asyncio.to_thread(
            feedback.give, engine(), owner, where, message_id, body.feedback
        ),
    )
    return JSONResponse({"data": message_object(rated)})


handler = Mangum(app, lifespan="off")

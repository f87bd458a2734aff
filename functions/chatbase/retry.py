"""POST /api/v2/agents/{agent_id}/conversations/{conversation_id}/retry: another answer to the
user's message before a message, which is dropped with everything after it.

Runs as a streaming function though its answer may be JSON: a buffered one would end after 29
seconds.
"""

from dataclasses import replace

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.answers import answer
from chatbase.requests import RetryRequest
from chatbase.wire import error_response, refusal, surface
from reprise.chat.errors import NotFound
from reprise.engine import targets, turns
from reprise.engine.agents import first_of, options_for, partitions
from reprise.engine.turns import Run
from reprise.engine.where import OfAgent
from reprise.web.agents import CurrentAgent
from reprise.web.askers import CurrentAsker, in_time
from reprise.web.engine import engine


def errors(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotFound) and error.what == "Message":
        return refusal(404, "CHAT_RETRY_MESSAGE_NOT_FOUND", "Message not found in conversation")
    return error_response(request, error)


app = surface(errors)


@app.post("/api/v2/agents/{agent_id}/conversations/{conversation_id}/retry")
async def retry(
    asker: CurrentAsker, agent: CurrentAgent, conversation_id: str, body: RetryRequest
) -> Response:
    asker = in_time(asker, stream=body.stream)
    where, rule = OfAgent(agent, conversation_id), targets.drop(body.message_id)

    async def redo(owner: str) -> Run:
        asking = replace(asker, owner=owner)
        return await turns.redo(engine(), asking, where, rule, options_for(agent))

    run = await first_of(partitions(agent, asker.owner), redo)
    return await answer(run, stream=body.stream)


handler = Mangum(app, lifespan="off")

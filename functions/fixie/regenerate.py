"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/regenerate:
another answer in the place of the conversation's last one, as it grows.
"""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from mangum import Mangum

from fixie.requests import RegenerateRequest
from fixie.snapshots import answer
from fixie.wire import AGENTS, DEFAULT_AGENT, error_response, surface
from reprise.chat.errors import Conflict
from reprise.engine import targets, turns
from reprise.engine.agents import first_of, options_for, partitions
from reprise.engine.turns import Run
from reprise.engine.where import OfAgent
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine

NOT_LAST = "The message was not the most recent generation in the conversation, or was in-progress."


def _errors(request: Request, error: Exception) -> PlainTextResponse:
    if isinstance(error, Conflict):
        return PlainTextResponse(NOT_LAST, 409)
    return error_response(request, error)


app = surface("fixie", _errors)


@app.post(AGENTS + "/{conversation_id}/messages/{message_id}/regenerate")
@app.post(DEFAULT_AGENT + "/{conversation_id}/messages/{message_id}/regenerate")
async def regenerate(
    asker: CurrentAsker,
    agent: NamedOrDefaultAgent,
    conversation_id: str,
    message_id: str,
    body: RegenerateRequest | None = None,
) -> StreamingResponse:
    addition = (body or RegenerateRequest.model_validate({})).addition(agent, asker.owner)
    options = options_for(agent, added=addition)

    async def redo(owner: str) -> Run:
        where, rule = OfAgent(agent, conversation_id), targets.last(message_id)
        return await turns.redo(engine(), replace(asker, owner=owner), where, rule, options)

    return answer(await first_of(partitions(agent, asker.owner), redo))


handler = Mangum(app, lifespan="off")

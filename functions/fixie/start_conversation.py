"""POST /api/v1/agents/{agent_id}/conversations: a conversation that begins with a message and the
answer to it, or with what the agent says first, or with nothing yet.
"""

import asyncio
from contextlib import suppress

from fastapi.responses import StreamingResponse
from mangum import Mangum

from fixie.requests import StartRequest
from fixie.snapshots import answer, untouched
from fixie.wire import AGENTS, DEFAULT_AGENT, surface
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid
from reprise.chat.messages import Conversation, Said
from reprise.engine import conversations, turns
from reprise.engine.agents import options_for
from reprise.engine.asker import Asker
from reprise.engine.conversations import Draft
from reprise.store.claims import Claimed
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.askers import CurrentAsker, in_time
from reprise.web.engine import engine
from reprise.web.streams import json_lines

app = surface("fixie")


@app.post(AGENTS)
@app.post(DEFAULT_AGENT)
async def start_conversation(
    asker: CurrentAsker, agent: NamedOrDefaultAgent, body: StartRequest | None = None
) -> StreamingResponse:
    response, conversation = await _start(asker, agent, body or StartRequest.model_validate({}))
    response.headers["X-Fixie-Conversation-Id"] = conversation.id
    return response


async def _start(
    asker: Asker, agent: Agent, body: StartRequest
) -> tuple[StreamingResponse, Conversation]:
    draft = Draft(agent=agent.named, addition=body.addition(agent, asker.owner))
    if not body.initial:
        if body.message is not None:
            raise Invalid("generateInitialMessage", "must be true where there is a message")
        made = await _create(asker, draft)
        return json_lines(untouched(made)), made
    asker = in_time(asker, stream=body.stream)
    said = [] if body.message is None else [Said("user", body.message)]
    run = await turns.start(engine(), asker, said, options_for(agent), draft)
    return answer(run, whole=True, stream=body.stream), run.begun.conversation


async def _create(asker: Asker, draft: Draft) -> Conversation:
    with suppress(Claimed):  # which brings back what was made before
        await asker.clear(engine().now())
    return await asyncio.to_thread(conversations.create, engine(), asker.owner, draft, asker.claim)


handler = Mangum(app, lifespan="off")

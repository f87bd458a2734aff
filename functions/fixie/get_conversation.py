"""GET /api/v1/agents/{agent_id}/conversations/{conversation_id}: a conversation with all its turns,
the oldest first, and what there is of one in progress.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

import asyncio

from fastapi.responses import StreamingResponse
from mangum import Mangum

from fixie.wire import AGENTS, DEFAULT_AGENT, surface, turns
from reprise.engine import reading
from reprise.engine.agents import either_of, partitions
from reprise.engine.where import OfAgent
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import compact, json_list

app = surface()


@app.get(AGENTS + "/{conversation_id}")
@app.get(DEFAULT_AGENT + "/{conversation_id}")
async def get_conversation(
    caller: CurrentCaller, agent: NamedOrDefaultAgent, conversation_id: str
) -> StreamingResponse:
    where = OfAgent(agent, conversation_id)
    conversation, newest_first = await either_of(
        partitions(agent, caller.owner), lambda owner: reading.branch(engine(), owner, where)
    )
    oldest_first = await asyncio.to_thread(lambda: list(newest_first)[::-1])
    before = compact({"id": conversation.id})[:-1] + ',"turns":['
    return await asyncio.to_thread(json_list, before, turns(map(reading.load, oldest_first)), "]}")


handler = Mangum(app, lifespan="off")

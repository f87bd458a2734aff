"""GET /api/v1/agents/{agent_id}/conversations: an agent's conversations with all their turns,
latest activity first, page by page.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fastapi.responses import StreamingResponse
from mangum import Mangum

from fixie.requests import Cursor, Limit
from fixie.wire import AGENTS, DEFAULT_AGENT, surface, turns
from reprise.chat.errors import NoneGiven, NotFound
from reprise.engine import reading
from reprise.store import listings
from reprise.store.listings import Listed
from reprise.web.agents import NamedOrDefaultAgent
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import compact, json_list

app = surface()


@app.get(AGENTS)
@app.get(DEFAULT_AGENT)
def list_conversations(
    caller: CurrentCaller, agent: NamedOrDefaultAgent, cursor: Cursor = None, limit: Limit = 20
) -> StreamingResponse:
    if not caller.account_id:
        raise NoneGiven
    listed = listings.of_agent(agent, caller.owner, limit, cursor)
    after = f'],"cursor":{compact(listed.cursor)}}}'
    return json_list('{"conversations":[', _conversations(listed), after)


def _conversations(listed: Listed) -> Iterator[dict[str, Any]]:
    for each in listed.conversations:
        with suppress(NotFound):  # deleted meanwhile
            conversation, newest_first = reading.branch(engine(), each.owner, each.id)
            oldest_first = reversed(list(newest_first))
            said = list(turns(reading.load(message) for message in oldest_first))
            yield {"id": conversation.id, "turns": said}


handler = Mangum(app, lifespan="off")

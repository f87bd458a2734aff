"""POST /v1/chat/messages/{message_id}/select: shows another version of an answer, with what was
last shown below it.

Answers with all messages of the branch, newest first. Streamed, because it may pass the 6 MB of a
buffered answer.
"""

import asyncio

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.wire import listing, surface
from reprise.engine import reading, versions
from reprise.web.askers import asker_of
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.post("/v1/chat/messages/{message_id}/select")
async def select_version(
    request: Request, caller: CurrentCaller, message_id: str
) -> StreamingResponse:
    selected = await versions.select(engine(), asker_of(request, caller), message_id)

    def branch() -> StreamingResponse:
        conversation, newest_first = reading.branch(engine(), caller.owner, selected.id)
        messages = map(reading.load, newest_first)
        return listing(request, "Version selected successfully", conversation, messages)

    return await asyncio.to_thread(branch)


handler = Mangum(app, lifespan="off")

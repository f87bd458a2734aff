"""GET /v1/chat/messages/{message_id}/versions: all versions of an answer, or all edits of a user's
message, oldest first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.wire import listing, surface
from reprise.engine import reading, versions
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.get("/v1/chat/messages/{message_id}/versions")
def list_versions(request: Request, caller: CurrentCaller, message_id: str) -> StreamingResponse:
    conversation, oldest_first = versions.versions_of(engine(), caller.owner, message_id)
    messages = map(reading.load, oldest_first)
    return listing(request, "Versions fetched successfully", conversation, messages)


handler = Mangum(app, lifespan="off")

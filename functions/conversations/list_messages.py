"""GET /v1/chat/conversations/{conversation_id}/messages: all messages of the shown branch, newest
first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.wire import listing, surface
from reprise.engine import reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.get("/v1/chat/conversations/{conversation_id}/messages")
def list_messages(
    request: Request, caller: CurrentCaller, conversation_id: str
) -> StreamingResponse:
    conversation, newest_first = reading.branch(engine(), caller.owner, conversation_id)
    messages = map(reading.load, newest_first)
    return listing(request, "Messages fetched successfully", conversation, messages)


handler = Mangum(app, lifespan="off")

"""GET /v1/chat/conversations/{conversation_id}/messages: all messages of the shown branch, newest
first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.wire import around, message_object, surface
from reprise.engine import reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import json_list

app = surface()


@app.get("/v1/chat/conversations/{conversation_id}/messages")
def list_messages(
    request: Request, caller: CurrentCaller, conversation_id: str
) -> StreamingResponse:
    conversation, newest_first = reading.branch(engine(), caller.owner, conversation_id)
    before, after = around(request, "Messages fetched successfully")
    messages = (message_object(reading.load(each), conversation) for each in newest_first)
    return json_list(before, messages, after)


handler = Mangum(app, lifespan="off")

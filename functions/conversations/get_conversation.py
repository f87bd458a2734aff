"""GET /v1/chat/conversations/{conversation_id}: a conversation with its messages, oldest first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.wire import around, conversation_object, message_object, surface
from reprise.engine import reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import json_list

app = surface()


@app.get("/v1/chat/conversations/{conversation_id}")
def get_conversation(
    request: Request, caller: CurrentCaller, conversation_id: str
) -> StreamingResponse:
    conversation, newest_first = reading.branch(engine(), caller.owner, conversation_id)
    oldest_first = reversed(list(newest_first))
    data = conversation_object(conversation, caller)
    before, after = around(request, "Conversation fetched successfully", **data)
    messages = (message_object(reading.load(each), conversation) for each in oldest_first)
    return json_list(before, messages, after)


handler = Mangum(app, lifespan="off")

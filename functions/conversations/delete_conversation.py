"""DELETE /v1/chat/conversations/{conversation_id}: gone at once, with all its messages."""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.wire import success, surface
from reprise.engine import conversations
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.delete("/v1/chat/conversations/{conversation_id}")
def delete_conversation(
    request: Request, caller: CurrentCaller, conversation_id: str
) -> JSONResponse:
    conversations.delete(engine(), caller.owner, conversation_id)
    return success(request, None, "Conversation deleted successfully")


handler = Mangum(app, lifespan="off")

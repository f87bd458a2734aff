"""PATCH /v1/chat/conversations/{conversation_id}: another title."""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.requests import Rename
from conversations.wire import conversation_object, success, surface
from reprise.engine import conversations
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.patch("/v1/chat/conversations/{conversation_id}")
def rename_conversation(
    request: Request, caller: CurrentCaller, conversation_id: str, body: Rename
) -> JSONResponse:
    renamed = conversations.rename(engine(), caller.owner, conversation_id, body.title)
    data = conversation_object(renamed, caller)
    return success(request, data, "Conversation updated successfully")


handler = Mangum(app, lifespan="off")

"""GET /v1/chat/messages/{message_id}: one message, by its id alone."""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.wire import message_object, success, surface
from reprise.engine import reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.get("/v1/chat/messages/{message_id}")
def get_message(request: Request, caller: CurrentCaller, message_id: str) -> JSONResponse:
    conversation, message = reading.message(engine(), caller.owner, message_id)
    data = message_object(message, conversation)
    return success(request, data, "Message fetched successfully")


handler = Mangum(app, lifespan="off")

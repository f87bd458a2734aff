"""DELETE /v1/chat/messages/{message_id}: hides this one message; its replies stay."""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.wire import success, surface
from reprise.engine import reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.delete("/v1/chat/messages/{message_id}")
def delete_message(request: Request, caller: CurrentCaller, message_id: str) -> JSONResponse:
    reading.hide(engine(), caller.owner, message_id)
    return success(request, None, "Message deleted successfully")


handler = Mangum(app, lifespan="off")

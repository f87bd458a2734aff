"""POST /v1/chat/conversations: an empty conversation."""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.requests import NewConversation
from conversations.wire import conversation_object, success, surface
from reprise.engine import conversations
from reprise.engine.conversations import Draft
from reprise.web.askers import CurrentClaim
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

DEFAULT_TITLE = "New conversation"

app = surface()


@app.post("/v1/chat/conversations", status_code=201)
def create_conversation(
    request: Request,
    caller: CurrentCaller,
    claim: CurrentClaim,
    body: NewConversation | None = None,
) -> JSONResponse:
    title = (body and body.title) or DEFAULT_TITLE
    conversation = conversations.create(engine(), caller.owner, Draft(title), claim)
    data = conversation_object(conversation, caller)
    return success(request, data, "Conversation created successfully", 201)


handler = Mangum(app, lifespan="off")

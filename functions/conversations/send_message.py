"""POST /v1/chat/conversations/{conversation_id}/messages: a message, answered in full.

Runs as a streaming function though its answer is JSON: a buffered one would end after 29 seconds.
"""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.requests import NewMessage
from conversations.wire import answered, message_object, success, surface
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine

app = surface("conversations")


@app.post("/v1/chat/conversations/{conversation_id}/messages", status_code=201)
async def send_message(
    request: Request, asker: CurrentAsker, conversation_id: str, body: NewMessage
) -> JSONResponse:
    """Messages of another role than the user's are stored and not answered."""
    if body.role != "user":
        conversation, message = await turns.append(
            engine(), asker, conversation_id, body.role, body.content
        )
        stored = [message]
    else:
        generation = await turns.send(
            engine(),
            asker,
            conversation_id,
            body.content,
            Options(body.model, body.temperature),
        )
        answer = await generation.ended()
        user, conversation = generation.begun.user, generation.begun.conversation
        stored = [m for m in (user, answer if answer and answered(answer) else None) if m]
    data = [message_object(each, conversation) for each in stored]
    return success(request, data, "Messages created successfully", 201)


handler = Mangum(app, lifespan="off")

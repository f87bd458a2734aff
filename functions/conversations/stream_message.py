"""POST /v1/chat/conversations/{conversation_id}/messages/stream: a message, its answer streamed."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.requests import NewMessage
from conversations.wire import stream, surface, unanswered
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from reprise.web.streams import event_stream

app = surface("conversations")


@app.post("/v1/chat/conversations/{conversation_id}/messages/stream")
async def stream_message(
    request: Request, asker: CurrentAsker, conversation_id: str, body: NewMessage
) -> StreamingResponse:
    """Messages of another role than the user's are stored and not answered."""
    if body.role != "user":
        return event_stream(
            unanswered(
                *await turns.append(engine(), asker, conversation_id, body.role, body.content)
            )
        )
    generation = await turns.send(
        engine(),
        asker,
        conversation_id,
        body.content,
        Options(body.model, body.temperature),
    )
    return event_stream(stream(generation.events(), generation.begun.conversation))


handler = Mangum(app, lifespan="off")

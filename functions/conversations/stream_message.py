"""POST /v1/chat/conversations/{conversation_id}/messages/stream: a message, its answer streamed."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.requests import NewMessage
from conversations.wire import stream, surface, unanswered
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.web.app import deadline
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import event_stream

app = surface()


@app.post("/v1/chat/conversations/{conversation_id}/messages/stream")
async def stream_message(
    request: Request, caller: CurrentCaller, conversation_id: str, body: NewMessage
) -> StreamingResponse:
    """Messages of another role than the user's are stored and not answered."""
    if body.role != "user":
        return event_stream(
            unanswered(
                *await turns.append(
                    engine(), caller.owner, conversation_id, body.role, body.content
                )
            )
        )
    generation = await turns.send(
        engine(),
        caller.owner,
        conversation_id,
        body.content,
        Options(body.model, body.temperature),
        deadline(request, engine().now),
    )
    return event_stream(stream(generation.events(), generation.begun.conversation))


handler = Mangum(app, lifespan="off")

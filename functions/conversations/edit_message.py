"""PATCH /v1/chat/messages/{message_id}: says a user's message anew, on a branch of its own, the
answer streamed; what there is stays.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.requests import Question
from conversations.wire import stream, surface
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.where import home_of
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from reprise.web.streams import event_stream

app = surface("conversations")


@app.patch("/v1/chat/messages/{message_id}")
async def edit_message(
    request: Request, asker: CurrentAsker, message_id: str, body: Question
) -> StreamingResponse:
    generation = await turns.edit(
        engine(),
        asker,
        home_of(message_id),
        message_id,
        body.content,
        Options(body.model, body.temperature),
    )
    return event_stream(stream(generation.events(), generation.begun.conversation))


handler = Mangum(app, lifespan="off")

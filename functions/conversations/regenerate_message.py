"""POST /v1/chat/messages/{message_id}/regenerate: another version of an answer, streamed; the one
that there is stays.

Of a user's message: an answer to it, another one if it has one.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.requests import Regeneration
from conversations.wire import stream, surface
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.targets import version_of
from reprise.engine.where import home_of
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from reprise.web.streams import event_stream

app = surface("conversations")


@app.post("/v1/chat/messages/{message_id}/regenerate")
async def regenerate_message(
    request: Request, asker: CurrentAsker, message_id: str, body: Regeneration | None = None
) -> StreamingResponse:
    wanted = body or Regeneration()
    generation = await turns.redo(
        engine(),
        asker,
        home_of(message_id),
        version_of(message_id),
        Options(wanted.model, wanted.temperature),
    )
    return event_stream(stream(generation.events(), generation.begun.conversation))


handler = Mangum(app, lifespan="off")

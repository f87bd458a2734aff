"""POST /v1/chat/conversations/stream: a conversation with its first message, the answer
streamed.
"""

from fastapi import Request
from fastapi.responses import StreamingResponse
from mangum import Mangum

from conversations.requests import StartedConversation
from conversations.wire import stream, surface
from reprise.chat.messages import Said
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from reprise.web.streams import event_stream

app = surface("conversations")


@app.post("/v1/chat/conversations/stream")
async def start_conversation(
    request: Request, asker: CurrentAsker, body: StartedConversation
) -> StreamingResponse:
    generation = await turns.start(
        engine(),
        asker,
        [Said("user", body.content)],
        Options(body.model, body.temperature),
        Draft(body.title),
    )
    return event_stream(stream(generation.events(), generation.begun.conversation))


handler = Mangum(app, lifespan="off")

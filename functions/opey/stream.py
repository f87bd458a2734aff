"""POST /stream: a message to a thread, the answer streamed.

A thread is begun under the name that the client chooses, or under one that is chosen for it.
"""

from fastapi.responses import StreamingResponse
from mangum import Mangum

from opey.requests import StreamInput
from opey.streams import Telling, told
from opey.visitors import CurrentAgent, Visitor, options_of
from opey.wire import surface
from reprise.chat.messages import Said
from reprise.engine import turns
from reprise.engine.conversations import Draft
from reprise.engine.where import thread
from reprise.web.engine import engine

app = surface("opey_stream")


@app.post("/stream")
async def stream(asker: Visitor, agent: CurrentAgent, body: StreamInput) -> StreamingResponse:
    options, draft = options_of(agent), Draft(agent=agent.named)
    if body.thread_id:
        where = thread(asker.owner, body.thread_id)
        run = await turns.send_to_thread(engine(), asker, where, body.message, options, draft)
    else:
        run = await turns.start(engine(), asker, [Said("user", body.message)], options, draft)
    thread_id = body.thread_id or run.begun.conversation.id
    return told(run, Telling(thread_id, body.correlation_id, body.stream_tokens))


handler = Mangum(app, lifespan="off")

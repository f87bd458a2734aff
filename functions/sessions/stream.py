"""POST /v1/chat/stream: the answer to the last message of a history, in the session that has it or
in a new one.

Runs as a streaming function though its answer may be JSON: a buffered one would end after 29
seconds.
"""

from fastapi import Response
from mangum import Mangum

from reprise.chat.errors import Invalid
from reprise.engine import turns
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.resend import resend
from reprise.web.askers import CurrentAsker, in_time
from reprise.web.engine import engine
from sessions.requests import StreamRequest, title_of
from sessions.streams import answer
from sessions.wire import session_number, surface

app = surface("sessions")


@app.post("/v1/chat/stream")
async def stream(asker: CurrentAsker, body: StreamRequest) -> Response:
    said, options = body.said, Options(body.model, body.temperature, body.max_tokens)
    if said[-1].role == "assistant":
        raise Invalid("messages", "the last one must not be an assistant's")
    asker = in_time(asker, stream=body.stream)
    if body.session_id is None:
        draft = Draft(title_of(said))
        run = await turns.start(engine(), asker, said, options, draft)
    else:
        number = session_number(body.session_id)
        run = await resend(engine(), asker, number, said, options)
    return await answer(run, stream=body.stream)


handler = Mangum(app, lifespan="off")

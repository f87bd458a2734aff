"""POST /v1/chat/switch-model: another model for a session, which from now on answers in it.

Streamed, because a session's messages may pass the 6 MB of a buffered answer.
"""

from fastapi.responses import StreamingResponse
from mangum import Mangum

from reprise.engine import conversations, reading
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import json_text
from sessions.requests import ModelSwitch
from sessions.wire import session_number, surface, title_of, with_messages

app = surface()


@app.post("/v1/chat/switch-model")
def switch_model(caller: CurrentCaller, body: ModelSwitch) -> StreamingResponse:
    number = session_number(body.session_id)
    session = conversations.switch(engine(), caller.owner, number, body.model)
    _, newest_first = reading.branch(engine(), caller.owner, number)
    messages = map(reading.load, reversed(list(newest_first)))
    before = {"session_id": number, "model": session.model}
    return json_text(with_messages(before, messages, {"title": title_of(session)}))


handler = Mangum(app, lifespan="off")

"""DELETE /v1/chat/sessions/{session_id}: gone at once, with all its messages."""

from mangum import Mangum

from reprise.engine import conversations
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from sessions.wire import session_number, surface

app = surface()


@app.delete("/v1/chat/sessions/{session_id}")
def delete_session(caller: CurrentCaller, session_id: str) -> dict[str, str]:
    conversations.delete(engine(), caller.owner, session_number(session_id))
    return {"message": "Session deleted successfully"}


handler = Mangum(app, lifespan="off")

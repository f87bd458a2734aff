"""POST /delete-session: the session ends, and its cookie is taken away."""

from fastapi.responses import PlainTextResponse
from mangum import Mangum

from opey.wire import surface
from reprise.accounts import sessions
from reprise.web.cookies import CurrentSession, cookie_of_any_scope, set_cookie

app = surface(identify=cookie_of_any_scope)


@app.post("/delete-session")
def delete_session(session: CurrentSession) -> PlainTextResponse:
    sessions.end(session)
    response = PlainTextResponse("session deleted")
    set_cookie(response, "")
    return response


handler = Mangum(app, lifespan="off")

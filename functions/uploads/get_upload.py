"""GET /api/chat/sessions/{session_id}/uploads/{upload_id}: what has become of a file.

Streamed, because a text may pass the 6 MB of a buffered answer.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from reprise.chat.ids import parse_number
from reprise.engine import uploads
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from uploads.wire import file_object, surface

app = surface()


@app.get("/api/chat/sessions/{session_id}/uploads/{upload_id}")
def get_upload(caller: CurrentCaller, session_id: str, upload_id: str) -> JSONResponse:
    found = uploads.find(engine(), caller.owner, parse_number(session_id), parse_number(upload_id))
    upload = found.upload
    told = {"id": upload.number, "status": upload.status}
    if upload.status == "ready":
        return JSONResponse(told | {"file": file_object(found)})
    return JSONResponse(told | ({"detail": upload.problem} if upload.problem else {}))


handler = Mangum(app, lifespan="off")

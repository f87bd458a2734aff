"""POST /api/chat/sessions/{session_id}/uploads: where to put a file that is too large for a request
to carry.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from reprise.chat.ids import parse_number
from reprise.engine import uploads
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from uploads.requests import NewUpload
from uploads.wire import surface

app = surface("sessions")


@app.post("/api/chat/sessions/{session_id}/uploads", status_code=201)
async def offer_upload(asker: CurrentAsker, session_id: str, body: NewUpload) -> JSONResponse:
    number = parse_number(session_id)
    offer = await uploads.offer(engine(), asker, number, body.filename, body.size)
    where = {"url": offer.url, "fields": offer.fields}
    return JSONResponse({"id": offer.upload, "upload": where}, 201)


handler = Mangum(app, lifespan="off")

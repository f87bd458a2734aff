"""POST /api/chat/sessions/{session_id}/upload: a PDF that the session's answers go by from then on.

Streamed, because a text may pass the 6 MB of a buffered answer.
"""

import hashlib
from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from reprise.chat.ids import parse_number
from reprise.engine import extraction
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine
from uploads.forms import FIELD, file_of, said
from uploads.wire import UPLOADED, file_object, surface

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {"type": "string", "contentMediaType": "application/pdf"}
                    },
                }
            }
        },
    }
}

app = surface("sessions")


@app.post("/api/chat/sessions/{session_id}/upload", openapi_extra=FORM)
async def upload(request: Request, asker: CurrentAsker, session_id: str) -> JSONResponse:
    body, kind = await request.body(), request.headers.get("content-type", "")
    if asker.claim:  # the same file is the same request
        asked = hashlib.sha256(f"{request.url.path}\n".encode() + said(kind, body)).hexdigest()
        asker = replace(asker, claim=replace(asker.claim, request=asked))
    number = parse_number(session_id)
    read = await extraction.take(engine(), asker, number, lambda: file_of(kind, body))
    return JSONResponse({"file": file_object(read), "message": UPLOADED})


handler = Mangum(app, lifespan="off")

"""GET /status: whether this API answers, and since when; for people as a page."""

import time

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from mangum import Mangum

from opey.wire import surface
from reprise.web.callers import nobody

VERSION = "1"
PAGE = '<!doctype html><html lang="en"><title>Status</title><p>Opey: ok</p></html>\n'

app = surface(identify=nobody)
began = time.monotonic()


@app.get("/status")
def get_status(request: Request) -> Response:
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted and "json" not in accepted:
        return HTMLResponse(PAGE)
    return JSONResponse(
        {
            "status": "ok",
            "overall": "ok",
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - began, 3),
            "components": {"api": {"up": True}},
        }
    )


handler = Mangum(app, lifespan="off")

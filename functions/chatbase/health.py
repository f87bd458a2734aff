"""GET /api/v2/health: whether this API answers."""

import time

from fastapi.responses import JSONResponse
from mangum import Mangum

from chatbase.wire import error_response
from reprise.web.app import create_app
from reprise.web.callers import nobody

app = create_app(error_response, nobody)


@app.get("/api/v2/health")
def health() -> JSONResponse:
    return JSONResponse({"status": "ok", "timestamp": int(time.time())})


handler = Mangum(app, lifespan="off")

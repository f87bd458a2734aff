"""GET /health: whether this API answers."""

from fastapi.responses import JSONResponse
from mangum import Mangum

from opey.wire import surface
from reprise.web.callers import nobody

app = surface(identify=nobody)


@app.get("/health")
def health() -> JSONResponse:
    return JSONResponse({"status": "ok"})


handler = Mangum(app, lifespan="off")

"""OPTIONS of every path of this surface: what pages of listed origins may ask, with their cookie.

API Gateway's own preflights know one origin only.
"""

from fastapi import Request, Response
from mangum import Mangum

from opey.wire import surface
from reprise.web.callers import nobody
from reprise.web.cookies import listed_origins

METHODS = "GET,POST,PUT,DELETE,OPTIONS"
HEADERS = "Authorization,Content-Type,Idempotency-Key,Last-Event-ID,Consent-Id"
SECONDS = "600"

app = surface(identify=nobody)


@app.options("/{path:path}", status_code=204)
def preflight(request: Request) -> Response:
    response = Response(status_code=204)
    if "Access-Control-Allow-Origin" in listed_origins(request):
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = HEADERS
        response.headers["Access-Control-Max-Age"] = SECONDS
    return response


handler = Mangum(app, lifespan="off")

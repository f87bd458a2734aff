"""POST /stream/{thread_id}/stop: the answer that a thread's model gives ends early, if it gives
one.
"""

from contextlib import suppress

from fastapi.responses import JSONResponse
from mangum import Mangum

from opey.wire import surface
from reprise.chat.errors import NotFound
from reprise.engine import stop as engine_stop
from reprise.engine.where import thread
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

MESSAGE = "Stream cancellation requested. The stream will stop at the next checkpoint."

app = surface()


@app.post("/stream/{thread_id:path}/stop")
async def stop(caller: CurrentCaller, thread_id: str) -> JSONResponse:
    """Says the same whether or not anything runs, and whether or not there is such a thread."""
    with suppress(NotFound):
        await engine_stop.stop(engine(), caller.owner, thread(caller.owner, thread_id))
    return JSONResponse(
        {"status": "cancellation_requested", "thread_id": thread_id, "message": MESSAGE}
    )


handler = Mangum(app, lifespan="off")

"""POST /v1/chat/conversations/{conversation_id}/stop: ends the answer that is being made, with its
text so far.

It does not wait for the end: whoever makes the answer sees it within a second.
"""

from fastapi import Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.wire import success, surface
from reprise.engine.stop import stop
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.post("/v1/chat/conversations/{conversation_id}/stop")
async def stop_generation(
    request: Request, caller: CurrentCaller, conversation_id: str
) -> JSONResponse:
    stopped = await stop(engine(), caller.owner, conversation_id)
    data = {"generation_id": stopped, "stopped": stopped is not None}
    said = "Generation is being stopped" if stopped else "No answer is being generated"
    return success(request, data, said)


handler = Mangum(app, lifespan="off")

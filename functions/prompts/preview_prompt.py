"""POST /api/chat/prompts/preview: what a model answers to a prompt with its variables put in.

Runs as a streaming function though its answer is JSON: a buffered one would end after 29 seconds.
"""

from fastapi.responses import JSONResponse
from mangum import Mangum

from prompts.requests import PreviewRequest
from prompts.wire import surface
from reprise.engine import previews
from reprise.web.askers import CurrentAsker
from reprise.web.engine import engine

app = surface("sessions")


@app.post("/api/chat/prompts/preview")
async def preview_prompt(asker: CurrentAsker, body: PreviewRequest) -> JSONResponse:
    made = await previews.preview(engine(), asker, body.of, body.variables)
    unfilled = {"X-Unfilled-Variables": ", ".join(made.unfilled)} if made.unfilled else None
    tokens = made.usage.total if made.usage else 0
    return JSONResponse(
        {"preview": made.text, "tokens_used": tokens, "model_used": made.model}, headers=unfilled
    )


handler = Mangum(app, lifespan="off")

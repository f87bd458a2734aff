"""POST /api/chat/prompts: a prompt of the account's own."""

from typing import Any

from mangum import Mangum

from prompts.requests import NewPrompt
from prompts.wire import prompt_object, surface
from reprise.accounts import prompts
from reprise.chat.prompts import Draft
from reprise.web.askers import CurrentClaim
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.post("/api/chat/prompts")
def create_prompt(caller: CurrentCaller, claim: CurrentClaim, body: NewPrompt) -> dict[str, Any]:
    said = Draft(**body.model_dump())
    made = prompts.create(engine().mint, caller.owner, said, engine().now_ms(), claim)
    return prompt_object(made)


handler = Mangum(app, lifespan="off")

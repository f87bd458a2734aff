"""GET /api/chat/prompts/{prompt_id}: one prompt, the account's own or a template."""

from typing import Any

from mangum import Mangum

from prompts.wire import number_of, prompt_object, surface
from reprise.accounts import prompts
from reprise.web.callers import CurrentCaller

app = surface()


@app.get("/api/chat/prompts/{prompt_id}")
def get_prompt(caller: CurrentCaller, prompt_id: str) -> dict[str, Any]:
    return prompt_object(prompts.find(caller.owner, number_of(prompt_id)))


handler = Mangum(app, lifespan="off")

"""PUT /api/chat/prompts/{prompt_id}: other words; what is not sent stays as it is."""

from typing import Any

from mangum import Mangum

from prompts.requests import PromptChanges
from prompts.wire import number_of, prompt_object, surface
from reprise.accounts import prompts
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine

app = surface()


@app.put("/api/chat/prompts/{prompt_id}")
def update_prompt(caller: CurrentCaller, prompt_id: str, body: PromptChanges) -> dict[str, Any]:
    changes = body.model_dump(exclude_unset=True)
    number = number_of(prompt_id)
    return prompt_object(prompts.update(caller.owner, number, changes, engine().now_ms()))


handler = Mangum(app, lifespan="off")

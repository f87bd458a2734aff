"""DELETE /api/chat/prompts/{prompt_id}: gone for good."""

from mangum import Mangum

from prompts.wire import number_of, surface
from reprise.accounts import prompts
from reprise.web.callers import CurrentCaller

app = surface()


@app.delete("/api/chat/prompts/{prompt_id}")
def delete_prompt(caller: CurrentCaller, prompt_id: str) -> dict[str, str]:
    prompts.delete(caller.owner, number_of(prompt_id))
    return {"message": "Prompt deleted successfully"}


handler = Mangum(app, lifespan="off")

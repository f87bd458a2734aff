"""GET /api/chat/prompts: the account's prompts, newest first, and the templates.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

import json
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from mangum import Mangum

from prompts.wire import prompt_object, surface
from reprise.accounts import prompts
from reprise.accounts.prompts import Filter
from reprise.web.callers import CurrentCaller
from reprise.web.streams import json_list

app = surface()


@app.get("/api/chat/prompts")
def list_prompts(
    caller: CurrentCaller,
    scenario: Annotated[str | None, Query(max_length=100)] = None,
    include_templates: Annotated[bool, Query()] = True,
    search: Annotated[str | None, Query(max_length=1000)] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> StreamingResponse:
    wanted = Filter(scenario or None, search or None, include_templates)
    found, total = prompts.page(caller.owner, wanted, (page - 1) * page_size, page_size)
    about = json.dumps({"total": total, "page": page, "page_size": page_size})
    return json_list('{"items":[', map(prompt_object, found), f"],{about[1:]}")


handler = Mangum(app, lifespan="off")

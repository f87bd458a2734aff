"""GET /v1/chat/conversations: the caller's conversations, latest activity first, page by page."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from mangum import Mangum

from conversations.wire import conversation_object, success, surface
from reprise.store import conversations
from reprise.web.callers import CurrentCaller

app = surface()


@app.get("/v1/chat/conversations")
def list_conversations(
    request: Request,
    caller: CurrentCaller,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> JSONResponse:
    listed, total = conversations.page(caller.owner, (page - 1) * limit, limit)
    meta = {"total": total, "page": page, "limit": limit, "totalPages": -(-total // limit)}
    data = [conversation_object(each, caller) for each in listed]
    return success(request, data, "Conversations fetched successfully", meta=meta)


handler = Mangum(app, lifespan="off")

"""GET /v1/chat/history: the caller's sessions with all their messages, latest activity first, page
by page.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from mangum import Mangum

from reprise.accounts.callers import Caller
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.messages import Conversation
from reprise.engine import reading
from reprise.llm import catalogue
from reprise.store import conversations
from reprise.store.conversations import Wanted
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import compact, json_text
from sessions.requests import ModelName, Moment, milliseconds
from sessions.wire import session_object, surface

app = surface()


@app.get("/v1/chat/history")
def get_history(
    caller: CurrentCaller,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
    start_date: Moment = None,
    end_date: Moment = None,
    model: Annotated[ModelName | None, Query()] = None,
) -> StreamingResponse:
    if start_date and end_date and end_date < start_date:
        raise Invalid("end_date", "must not be before start_date")
    wanted = Wanted(
        milliseconds(start_date, up=True),
        milliseconds(end_date),
        catalogue.aliases_of(model) if model else None,
    )
    listed, total = conversations.page(caller.owner, (page - 1) * page_size, page_size, wanted)
    return json_text(
        _history({"total": total, "page": page, "page_size": page_size}, listed, caller)
    )


def _history(meta: dict[str, int], listed: Sequence[Conversation], caller: Caller) -> Iterator[str]:
    yield compact(meta)[:-1] + ',"sessions":['
    comma = ""
    for each in listed:
        try:
            session, newest_first = reading.branch(engine(), caller.owner, each.number)
        except NotFound:
            continue  # deleted since it was listed
        messages = map(reading.load, reversed(list(newest_first)))
        yield comma
        yield from session_object(session, messages, caller)
        comma = ","
    yield "]}"


handler = Mangum(app, lifespan="off")

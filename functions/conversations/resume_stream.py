"""GET /v1/chat/conversations/{conversation_id}/messages/stream: the answer that is being made, as
it is being made, for whoever comes late or comes back.

From its first event, or from behind the one that `Last-Event-ID` names. Every event has an id. 204
where no answer is being made and of the named one nothing is left.
"""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Request, Response
from mangum import Mangum

from conversations.wire import encode, surface
from reprise.chat.errors import Invalid
from reprise.chat.events import Ended
from reprise.engine.resume import NAMED, Resumed, Seen, resume
from reprise.web.app import deadline
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import DONE, event_stream

_EVENT_ID = re.compile(r"([0-9a-f-]{36}):(0|[1-9][0-9]{0,8})", re.ASCII)

app = surface()


@app.get("/v1/chat/conversations/{conversation_id}/messages/stream")
async def resume_stream(
    request: Request,
    caller: CurrentCaller,
    conversation_id: str,
    last_event_id: Annotated[
        str | None,
        Header(alias=NAMED, description="The `id` of the last event that the client has."),
    ] = None,
) -> Response:
    seen = None if last_event_id is None else _seen(last_event_id)
    until = deadline(request, engine().now)
    resumed = await resume(engine(), caller.owner, conversation_id, seen, until)
    return event_stream(_numbered(resumed)) if resumed else Response(status_code=204)


def _seen(event_id: str) -> Seen:
    """Raises Invalid."""
    if found := _EVENT_ID.fullmatch(event_id):
        return Seen(found[1], int(found[2]))
    raise Invalid(NAMED, "is no id of an event")


async def _numbered(resumed: Resumed) -> AsyncIterator[bytes]:
    """The stream with an id before each event. One that breaks off has no `[DONE]`."""
    generation = resumed.run.id
    async for n, event in resumed.events():
        if written := encode(event, resumed.conversation):
            yield f"id: {generation}:{n}\n".encode() + written
        if isinstance(event, Ended):
            yield DONE


handler = Mangum(app, lifespan="off")

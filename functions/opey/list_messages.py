"""GET /threads/{thread_id}/messages: all messages of the shown branch, oldest first.

Streamed, because it may pass the 6 MB of a buffered answer.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fastapi.responses import StreamingResponse
from mangum import Mangum

from opey.wire import message_objects, surface
from reprise.chat.errors import NotFound
from reprise.chat.messages import Message
from reprise.engine import reading
from reprise.engine.where import thread
from reprise.web.callers import CurrentCaller
from reprise.web.engine import engine
from reprise.web.streams import json_list

app = surface()


@app.get("/threads/{thread_id:path}/messages")
def list_messages(caller: CurrentCaller, thread_id: str) -> StreamingResponse:
    """A thread that there is not has no messages."""
    newest_first: Iterator[Message] = iter(())
    with suppress(NotFound):
        _, newest_first = reading.branch(engine(), caller.owner, thread(caller.owner, thread_id))
    oldest_first = reversed(list(newest_first))
    count = 0

    def listed() -> Iterator[dict[str, Any]]:
        nonlocal count
        for message in oldest_first:
            for each in message_objects(reading.load(message)):
                count += 1
                yield each

    before = f'{{"thread_id":{json.dumps(thread_id)},"messages":['
    return json_list(before, listed(), lambda: f'],"message_count":{count}}}')


handler = Mangum(app, lifespan="off")

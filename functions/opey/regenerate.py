"""POST /stream/{thread_id}/regenerate: everything after a message anew, the answer streamed.

The message stays. What came after it is no longer shown, but not lost: it is another version.
"""

from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from mangum import Mangum

from opey.streams import Telling, told
from opey.visitors import CurrentAgent, Visitor, options_of
from opey.wire import message_of, surface
from reprise.engine import targets, turns
from reprise.engine.where import thread
from reprise.web.engine import engine

app = surface("opey_regenerate")


@app.post("/stream/{thread_id:path}/regenerate")
async def regenerate(
    asker: Visitor, agent: CurrentAgent, thread_id: str, message_id: Annotated[str, Query()]
) -> StreamingResponse:
    run = await turns.redo(
        engine(),
        asker,
        thread(asker.owner, thread_id),
        targets.keep(message_of(message_id)),
        options_of(agent),
    )
    return told(run, Telling(thread_id), X_Regenerated="true", X_Regenerated_From=message_id)


handler = Mangum(app, lifespan="off")

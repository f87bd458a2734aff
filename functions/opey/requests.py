"""What this surface's clients send."""

from typing import Annotated

from pydantic import BaseModel, Field

from reprise.chat.messages import MAX_TEXT

LONGEST_THREAD = 255  # characters of a client's own name for a thread

Word = Annotated[str, Field(max_length=LONGEST_THREAD)]


class StreamInput(BaseModel):
    """What is unknown is ignored: front ends send more than this."""

    message: str = Field(max_length=MAX_TEXT)
    thread_id: Word | None = None
    correlation_id: Word | None = None
    stream_tokens: bool = True

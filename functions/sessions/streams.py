"""How this surface tells an answer: as a stream of bare tokens, or in one piece.

A stream's reader takes every line for a token, so there is no word for anything else. What fails
before the first token is an error's answer, therefore; a stream that breaks off later ends without
`[DONE]`.
"""

import re
from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import JSONResponse

from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Message, Text
from reprise.engine.turns import Run
from reprise.web.detail import refusal
from reprise.web.engine import engine
from reprise.web.streams import DONE, event_stream, with_silences
from sessions.wire import message_object

MODEL_FAILED = "The answer could not be completed"
SILENCE = b"data: \n\n"  # an empty token
_LINE_END = re.compile(r"\r\n|\r|\n")
_WITHIN_DONE = re.compile(r"(?<=\[DO)(?=NE\])")


async def answer(run: Run, *, stream: bool) -> Response:
    """A generation as a stream, or in one piece when it has ended."""
    response = await (_streamed(run) if stream else _in_one_piece(run))
    response.headers["X-Session-ID"] = str(run.begun.conversation.number)
    response.headers["X-Model"] = run.begun.answer.model or ""
    return response


async def _in_one_piece(run: Run) -> Response:
    ended = await run.ended()
    if ended is None or _failed(ended):
        return refusal(500, MODEL_FAILED)
    usage = ended.usage
    return JSONResponse(
        {
            "session_id": run.begun.conversation.number,
            "model": ended.model,
            "message": message_object(ended),
            "usage": usage
            and {
                "prompt_tokens": usage.input,
                "completion_tokens": usage.output,
                "total_tokens": usage.total,
            },
        }
    )


async def _streamed(run: Run) -> Response:
    """The stream starts with the first token, or when that lets itself be waited for."""
    events = with_silences(run.events(), engine().timing.silence)
    first: Event | None = None
    async for first in events:
        if not isinstance(first, Begun):
            break
    if isinstance(first, Ended) and _failed(first.message):
        return refusal(500, MODEL_FAILED)

    async def told() -> AsyncIterator[bytes]:
        yield encode(first)
        async for event in events:
            yield encode(event)

    return event_stream(told())


def encode(event: Event | None) -> bytes:
    """An event on this surface's stream, None for a silence; empty for what it has no word for."""
    match event:
        case None:
            return SILENCE
        case Produced(part=Text(text)):
            return token(text)
        case Ended(message) if not _failed(message):
            return DONE
    return b""


def token(text: str) -> bytes:
    """A piece of text as an event with a line for each of its lines. Where it would be taken for
    the end of the stream, it is cut in two.
    """
    pieces = (_LINE_END.split(piece) for piece in _WITHIN_DONE.split(text))
    return "".join("".join(f"data: {line}\n" for line in lines) + "\n" for lines in pieces).encode()


def _failed(ended: Message | None) -> bool:
    return ended is None or ended.state == "error"

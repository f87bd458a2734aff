"""Bodies that leave as they are made: server-sent events, and JSON lists of any length."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from starlette.responses import StreamingResponse

DONE = b"data: [DONE]\n\n"
_PIECE = 64 * 1024  # bytes of a list that leave together


def sse(value: Any) -> bytes:
    """One event: `data: `, one line of JSON, an empty line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """A response with one write per event, that nobody on the way should keep or gather."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


def json_list(
    before: str, items: Iterable[Any], after: str, status: int = 200
) -> StreamingResponse:
    """`before`, the items as JSON between commas, `after`. What fits in one piece is made before
    the response starts, so an error in it is still an error's answer.
    """
    pieces = _pieces(before, items, after)
    first = next(pieces)

    def body() -> Iterator[bytes]:
        yield first
        yield from pieces

    return StreamingResponse(body(), status, media_type="application/json")


def _pieces(before: str, items: Iterable[Any], after: str) -> Iterator[bytes]:
    piece = bytearray(before.encode())
    comma = b""
    for item in items:
        piece += comma + json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
        comma = b","
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + after.encode()

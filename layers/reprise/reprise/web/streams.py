"""Bodies that leave as they are made: server-sent events, and JSON lists of any length."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from starlette.responses import StreamingResponse

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
LIVE = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_PIECE = 64 * 1024  # bytes of a list that leave together


def compact(value: Any) -> str:
    """JSON in one line, without spaces; also to those who split lines as Python does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii():  # httpx's `iter_lines` ends lines at these; JSON escapes all the others
        for end in "\x85\u2028\u2029":
            text = text.replace(end, f"\\u{ord(end):04x}")
    return text


def sse(value: Any) -> bytes:
    """One event: `data: `, one line of JSON, an empty line."""
    return f"data: {compact(value)}\n\n".encode()


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """A response with one write per event, that nobody on the way should keep or gather."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers=LIVE,
    )


async def with_silences(events: AsyncIterator[T], seconds: float) -> AsyncIterator[T | None]:
    """The events as they come, and None whenever there was none for so many seconds.

    Without a timer or a task for each: a stream has thousands of events.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[T | None] = asyncio.Queue()
    timer: asyncio.TimerHandle | None = None
    heard = loop.time()

    async def pump() -> None:
        nonlocal heard
        async for event in events:
            heard = loop.time()
            queue.put_nowait(event)

    def look() -> None:
        nonlocal heard, timer
        if loop.time() - heard >= seconds:
            heard = loop.time()
            queue.put_nowait(None)
        timer = loop.call_at(heard + seconds, look)

    look()
    pumping = asyncio.create_task(pump())
    pumping.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while True:
            event = await queue.get()
            if event is None and pumping.done() and queue.empty():
                break
            yield event
        pumping.result()
    finally:
        pumping.cancel()
        if timer:
            timer.cancel()


async def gathered(
    events: AsyncIterator[T], pause: Callable[[], float], silence: float
) -> AsyncIterator[list[T]]:
    """The events as somebody gets round to them, all at once that came meanwhile, and so many
    seconds apart as `pause` says each time, unless they are through; nothing at all whenever there
    was none for `silence` seconds.
    """
    came: list[T] = []
    news = asyncio.Event()

    async def pump() -> None:
        async for event in events:
            came.append(event)
            news.set()

    pumping = asyncio.create_task(pump())
    pumping.add_done_callback(lambda _: news.set())
    try:
        while came or not pumping.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(silence):
                    await news.wait()
            news.clear()
            batch = came.copy()
            came.clear()
            if batch or not pumping.done():
                yield batch
            await asyncio.wait([pumping], timeout=pause())
        pumping.result()
    finally:
        pumping.cancel()


def json_lines(lines: AsyncIterator[bytes]) -> StreamingResponse:
    """A response with one write per line, that nobody on the way should keep or gather."""
    return StreamingResponse(lines, media_type="application/jsonl", headers=LIVE)


def json_list(
    before: str, items: Iterable[Any], after: str | Callable[[], str], status: int = 200
) -> StreamingResponse:
    """`before`, the items as JSON between commas, `after`, which may be made when they are through.
    Otherwise like `json_text`.
    """
    return json_text(_list(before, items, after), status)


def json_text(texts: Iterable[str], status: int = 200) -> StreamingResponse:
    """JSON that is written bit by bit. What fits in one piece is made before the response starts,
    so an error in it is still an error's answer.
    """
    pieces = _pieces(texts)
    first = next(pieces)

    def body() -> Iterator[bytes]:
        yield first
        yield from pieces

    return StreamingResponse(body(), status, media_type="application/json")


def _list(before: str, items: Iterable[Any], after: str | Callable[[], str]) -> Iterator[str]:
    yield before
    comma = ""
    for item in items:
        yield comma + compact(item)
        comma = ","
    yield after if isinstance(after, str) else after()


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    piece = bytearray()
    for text in texts:
        piece += text.encode()
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)

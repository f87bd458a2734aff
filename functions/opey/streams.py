"""How this surface tells an answer: as a stream of events, which goes on while nothing comes."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse

from opey.wire import Piece, call_object
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Message, Text, ToolCall, ToolResult, Usage
from reprise.engine.turns import Run
from reprise.web.engine import engine
from reprise.web.streams import DONE, event_stream, sse, with_silences

FAILED = "The answer could not be completed."


@dataclass(frozen=True)
class Telling:
    """How a client wants an answer told: the thread by the name that it knows, its own id for the
    user's message, and whether the text comes token by token.
    """

    thread: str
    correlation: str | None = None
    tokens: bool = True


def told(run: Run, telling: Telling, **headers: str) -> StreamingResponse:
    """The response; `headers` beside X-Thread-ID."""
    response = event_stream(events(run, telling))
    if _fits_a_header(telling.thread):
        response.headers["X-Thread-ID"] = telling.thread
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def _fits_a_header(text: str) -> bool:
    """Whether it arrives as it is. Clients believe the header where the two differ, so no header is
    better than another one than the event's.
    """
    return text.isascii() and text.isprintable() and text == text.strip()


async def events(run: Run, telling: Telling) -> AsyncIterator[bytes]:
    """A generation as this surface streams it."""
    encoder = Encoder(telling)

    async def written() -> AsyncIterator[bytes]:
        async for event in run.events():
            if wire := encoder.encode(event):
                yield wire

    async for wire in with_silences(written(), engine().timing.silence):
        yield wire or sse({"timestamp": time.time(), "type": "keep_alive"})
    if not encoder.stopped:
        yield DONE


class Encoder:
    """Writes the events of one generation.

    A reply of the model is told from its first text, and again as a whole once it is known to be
    one: when its tools give their results, or at the end.
    """

    def __init__(self, telling: Telling) -> None:
        self.stopped = False  # by somebody: such a stream just ends
        self._telling = telling
        self._run = ""
        self._number = 0  # of the reply, among the pieces of the answer
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._at = 0  # when the last event was, in milliseconds

    def encode(self, event: Event) -> bytes:
        """An event's own events; empty for what is told later."""
        return b"".join(sse({"timestamp": self._at / 1000, **each}) for each in self._events(event))

    def _events(self, event: Event) -> Iterator[dict[str, Any]]:
        match event:
            case Begun(user=user, answer=answer):
                self._run, self._at = answer.id, answer.created
                yield {"type": "thread_sync", "thread_id": self._telling.thread}
                if user:
                    yield self._confirmed(user)
            case Produced(at=at, part=Text(text)) if text:
                self._at = at
                if not self._text and self._telling.tokens:
                    yield {
                        "type": "assistant_start",
                        "message_id": self._reply,
                        "run_id": self._run,
                    }
                self._text.append(text)
                if self._telling.tokens:
                    yield {"type": "assistant_token", "message_id": self._reply, "content": text}
            case Produced(at=at, part=ToolCall() as call):
                self._at = at
                self._calls.append(call)
            case Produced(at=at, part=ToolResult(id, name, output, failed)):
                self._at = at
                yield from self._replied(None)
                self._number += 1
                yield {
                    "type": "tool_complete",
                    "tool_name": name,
                    "tool_call_id": id,
                    "tool_output": output,
                    "status": "error" if failed else "success",
                }
            case Ended(message=message):
                self._at = message.updated if message else self._at
                yield from self._end(message)

    @property
    def _reply(self) -> str:
        return Piece(self._run, self._number).id

    def _confirmed(self, user: Message) -> dict[str, Any]:
        return {
            "type": "user_message_confirmed",
            "message_id": user.id,
            "correlation_id": self._telling.correlation or user.id,
            "content": user.text,
        }

    def _replied(self, usage: Usage | None, *, last: bool = False) -> Iterator[dict[str, Any]]:
        """The reply as a whole, if there is one, and the tools that it calls."""
        if not (self._text or self._calls or last):
            return
        yield {
            "type": "assistant_complete",
            "message_id": self._reply,
            "run_id": self._run,
            "content": "".join(self._text),
            "tool_calls": [call_object(call) for call in self._calls],
            "usage": _usage(usage),
        }
        for call in self._calls:
            yield {
                "type": "tool_start",
                "tool_name": call.name,
                "tool_call_id": call.id,
                "tool_input": call.input,
            }
        self._number += 1
        self._text, self._calls = [], []

    def _end(self, message: Message | None) -> Iterator[dict[str, Any]]:
        if message is None or message.state == "error":
            yield {
                "type": "error",
                "error_message": FAILED,
                "for_message_id": self._reply,
                "error_code": "stream_error",
                "details": None,
            }
        elif message.finish_reason == "stopped":
            self.stopped = True
        else:
            yield from self._replied(message.usage, last=True)


def _usage(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
    }

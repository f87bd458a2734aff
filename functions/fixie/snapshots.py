"""How this surface streams an answer: JSON lines, each with all of it so far.

A line costs as much as the answer is long, so they are not made for every word: what comes while
the client is slow goes into one line, and lines keep a distance that grows with them. The text is
escaped once, when it comes.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from fixie.wire import FAILED, fragment, head, turn
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Conversation, State, Text
from reprise.engine import reading
from reprise.engine.turns import Run
from reprise.web.engine import engine
from reprise.web.streams import compact, gathered, json_lines

CLOSEST = 0.05  # seconds between two lines
# Bytes a second that lines have on average. In the 900 seconds that a function has these are 180
# MB: Lambda streams 200 MB at most.
PACE = 200_000


def answer(run: Run, *, whole: bool = False, stream: bool = True) -> StreamingResponse:
    """The turn of a generation as it grows, `whole`: as the last one of its conversation; or only
    its last line.
    """
    return json_lines(_lines(run, whole=whole, stream=stream))


async def untouched(conversation: Conversation) -> AsyncIterator[bytes]:
    """The only line of a conversation in which nobody has said anything."""
    yield f"{compact({'id': conversation.id, 'turns': []})}\n".encode()


async def _lines(run: Run, *, whole: bool, stream: bool) -> AsyncIterator[bytes]:
    snapshot = Snapshot(run.begun, await _question(run.begun), whole=whole)

    def pause() -> float:  # none before the first word, which is what is waited for
        return max(CLOSEST, snapshot.size / PACE) if snapshot.said else 0

    async for events in gathered(run.events(), pause, engine().timing.silence):
        for event in events:
            snapshot.take(event)
        if stream or snapshot.over:
            yield snapshot.line()


async def _question(begun: Begun) -> str | None:
    """The id of the user's message that is answered."""
    if begun.user or begun.answer.parent is None:
        return begun.user.id if begun.user else None
    return await asyncio.to_thread(reading.question_of, begun.conversation, begun.answer)


class Snapshot:
    """An answer so far, as it is written: a pure function of the events that it was given."""

    def __init__(self, begun: Begun, question: str | None, *, whole: bool) -> None:
        """`question` is the id of the user's message; `whole`: within its conversation."""
        self._before = compact(head(begun.answer, question))[:-1].encode() + b',"state":"'
        self._after = b"}\n"
        if whole:
            said = [compact(turn(begun.user, None))] if begun.user else []
            conversation = compact({"id": begun.conversation.id})[:-1]
            self._before = (
                f'{conversation},"turns":[{"".join(f"{each}," for each in said)}'.encode(
                    errors="replace"
                )
                + self._before
            )
            self._after = b"}]}\n"
        self._fragments = bytearray()  # those that are whole, with a comma behind each
        self._text: bytearray | None = None  # of the one that still grows, as JSON has it
        self._state: State = "in-progress"

    @property
    def over(self) -> bool:
        return self._state != "in-progress"

    @property
    def said(self) -> bool:
        """Whether there is anything of the answer."""
        return bool(self._fragments or self._text)

    @property
    def size(self) -> int:
        """Bytes of a line, nearly."""
        return len(self._before) + len(self._fragments) + len(self._text or b"")

    def take(self, event: Event) -> None:
        match event:
            case Produced(part=Text("")):
                pass
            case Produced(part=Text(text)):
                if self._text is None:
                    self._text = bytearray()
                self._text += compact(text)[1:-1].encode(errors="replace")
            case Produced(part=part):
                self._close()
                self._fragments += compact(fragment(part)).encode(errors="replace") + b","
            case Ended(message=message):
                self._state = message.state if message else "error"
                if self._state == "done":
                    self._close()

    def line(self) -> bytes:
        """What the answer is now, in one line."""
        detail = f',"errorDetail":{compact(FAILED)}' if self._state == "error" else ""
        growing = b"" if self._text is None else _text_fragment(self._text, "in-progress")
        return b"".join(
            (
                self._before,
                f'{self._state}","messages":['.encode(),
                self._fragments if growing else self._fragments[:-1],
                growing,
                b"]",
                detail.encode(),
                self._after,
            )
        )

    def _close(self) -> None:
        if self._text is not None:
            self._fragments += _text_fragment(self._text, "done") + b","
            self._text = None


def _text_fragment(text: bytearray, state: State) -> bytes:
    return b'{"kind":"text","content":"' + text + f'","state":"{state}"}}'.encode()

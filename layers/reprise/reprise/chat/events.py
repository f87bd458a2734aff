"""What happens while an answer is made, as values: every surface's stream is a pure function of
these.

A generation is `Begun`, then `Produced` parts as the model yields them, then `Ended`. Only the
parts are logged: beginning and end can be read off the stored messages. So a live stream, a later
reader and a replay see the same list, event by event.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reprise.chat.messages import Conversation, Message, Part, Text, ToolCall, ToolResult


@dataclass(frozen=True, slots=True)
class Begun:
    """The turn is stored. `user` is None where an answer is redone; `created` where the turn made
    the conversation too.
    """

    conversation: Conversation
    user: Message | None
    answer: Message
    created: bool = False


@dataclass(frozen=True, slots=True)
class Produced:
    """A part as it came from the model: `n` counts from 1 within the generation, `at` is in
    milliseconds.
    """

    n: int
    at: int
    part: Part


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. `message` is the answer as stored; None when the conversation was deleted
    meanwhile or the answer could not be stored. Its state tells success from failure.
    """

    message: Message | None


Event = Begun | Produced | Ended


def encode_part(part: Part) -> list[Any]:
    """A part as a JSON list, the form it is stored in."""
    match part:
        case Text(text):
            return ["t", text]
        case ToolCall(id, name, input):
            return ["c", id, name, input]
        case ToolResult(id, name, output, failed):
            return ["r", id, name, output, failed]


def decode_part(data: Sequence[Any]) -> Part:
    match data:
        case ["t", str(text)]:
            return Text(text)
        case ["c", str(id), str(name), dict(input)]:
            return ToolCall(id, name, input)
        case ["r", str(id), str(name), output, bool(failed)]:
            return ToolResult(id, name, output, failed)
    raise ValueError("not a stored part")


def dump_parts(parts: Iterable[Part]) -> str:
    return json.dumps([encode_part(p) for p in parts], ensure_ascii=False, separators=(",", ":"))


def load_parts(text: str) -> tuple[Part, ...]:
    return tuple(decode_part(part) for part in json.loads(text))


def pack(events: Sequence[Produced]) -> str:
    """Consecutive events as the JSON text of one chunk.

    `[first n, first at, run, …]`: a run of texts is `["t", all of it, [length, ms since the event
    before, …]]`, so that the very events can be had again; any other part is `[ms, encoded part]`.
    """
    chunk: list[Any] = [events[0].n, events[0].at]
    before = events[0].at
    texts: list[str] = []
    cuts: list[int] = []

    def close() -> None:
        if texts:
            chunk.append(["t", "".join(texts), cuts.copy()])
        texts.clear()
        cuts.clear()

    for event in events:
        if isinstance(event.part, Text):
            texts.append(event.part.text)
            cuts += (len(event.part.text), event.at - before)
        else:
            close()
            chunk.append([event.at - before, encode_part(event.part)])
        before = event.at
    close()
    return json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))


def unpack(text: str) -> Iterator[Produced]:
    """The events that `pack` was given."""
    n, at, *runs = json.loads(text)
    for run in runs:
        if run[0] == "t":
            _, joined, cuts = run
            start = 0
            for length, ms in zip(cuts[::2], cuts[1::2], strict=True):
                at += ms
                yield Produced(n, at, Text(joined[start : start + length]))
                start += length
                n += 1
        else:
            ms, part = run
            at += ms
            yield Produced(n, at, decode_part(part))
            n += 1

"""Messages and conversations as values. Ids and time come from outside; storing them is the
store's.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant"]
State = Literal["in-progress", "done", "stopped", "error"]
FinishReason = Literal["stop", "length", "tool-calls", "stopped", "deadline", "error"]
Feedback = Literal["positive", "negative"]

ROLES: tuple[str, ...] = get_args(Role)
MAX_TEXT = 1_000_000  # characters of a message, on every surface
_WHITE = bytes(n for n in range(128) if chr(n).isspace())


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class ToolCall:
    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class ToolResult:
    id: str
    name: str
    output: Any
    failed: bool = False


Begin = Literal["start", "send", "redo"]  # how an answer's turn began: what was stored with it
Part = Text | ToolCall | ToolResult


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider reported them, or `estimated` from the text where it did not."""

    input: int
    output: int
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        estimated = self.estimated or other.estimated
        return Usage(self.input + other.input, self.output + other.output, estimated)


@dataclass(frozen=True)
class Hold:
    """What an account put aside for a running answer: one of those that may run at once and, where
    its credits are limited, `unit` of them, the price of a thousand tokens.
    """

    payer: str
    unit: int | None


@dataclass(frozen=True)
class Message:
    """One node of a conversation's tree.

    `path` stands for the branch up to here; an answer in progress has its parent's. `before` is the
    head that a redo replaced, kept until the answer ends so that a failed redo can give it back, as
    is `hold`. An answer knows how its turn was `begun` and, once it has ended, how many `events`
    made it, and its `cost` in credits, whether or not they are limited (None where nobody knows who
    answered). `version` counts from 1 among `versions` where somebody looked.
    Times are milliseconds since the Unix epoch.
    """

    id: str
    role: Role
    parts: tuple[Part, ...]
    parent: str | None
    depth: int
    path: bytes
    state: State
    created: int
    updated: int
    model: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    hidden: bool = False
    before: str | None = None
    blob: str | None = None
    begun: Begin | None = None
    events: int | None = None
    hold: Hold | None = None
    cost: int | None = None
    feedback: Feedback | None = None
    version: int = 1
    versions: int = 1

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def shown(self) -> bool:
        """Whether listings and the model's context have it: not hidden, and not an answer that
        failed empty.
        """
        return not self.hidden and (bool(self.parts) or self.state in ("in-progress", "done"))


@dataclass(frozen=True)
class Said:
    """A message as a client sends it along."""

    role: Role
    text: str


@dataclass(frozen=True)
class Addition:
    """What is wanted beside what the agent has of its own: `instructions` behind its own ones, and
    a `corpus`, by its id. None is nothing said, an empty text is "none".
    """

    instructions: str | None = None
    corpus: str | None = None

    def over(self, other: "Addition") -> "Addition":
        """This, and of another one what this says nothing of."""
        return Addition(
            other.instructions if self.instructions is None else self.instructions,
            other.corpus if self.corpus is None else self.corpus,
        )


NO_ADDITION = Addition()


@dataclass(frozen=True)
class Conversation:
    """A tree of messages. `head` is the tip of the shown branch, None while there is no message.

    `owner` is the partition it lives in: see `store.keys`. `version` moves with every new head;
    `activity` is when it last got a message, a new title or another model, in milliseconds like
    `created`. `model` is the first that was asked for an answer in it, as it was named then, or the
    one that somebody switched it to: then it is `switched`.
    `branched`: some message has or had siblings. `thread` is its client's own name for it.
    `agent` is the id of the agent that it was begun with, None where nobody named one; `end_user`
    whom the account has it for, in the account's own words. They stay as they are, as does the
    `addition` to what the agent has, for every answer in it. `uploads` counts the files whose text
    its answers go by.
    """

    number: int
    id: str
    owner: str
    title: str | None
    head: str | None
    version: int
    created: int
    activity: int
    model: str | None = None
    switched: bool = False
    branched: bool = False
    thread: str | None = None
    agent: str | None = None
    end_user: str | None = None
    addition: Addition = NO_ADDITION
    uploads: int = 0


@dataclass(frozen=True)
class Lease:
    """Who is writing the conversation's next answer; `generation` is the answer's message id.
    `stop`: somebody asked for its end.
    """

    generation: str
    expires: float = field(compare=False)
    stop: bool = False

    def live(self, now: float) -> bool:
        return self.expires > now


def price(unit: int, usage: Usage | None) -> int:
    """Credits of an answer: `unit` for each thousand tokens that were begun."""
    return -(-usage.total // 1000) * unit if usage else 0


def open_calls(parts: Iterable[Part]) -> list[ToolCall]:
    """The calls that have no result yet."""
    told = list(parts)
    given = {part.id for part in told if isinstance(part, ToolResult)}
    return [part for part in told if isinstance(part, ToolCall) and part.id not in given]


def path_hash(parent: bytes, role: Role, text: str) -> bytes:
    """16 bytes that stand for a whole branch: white space is left out, because clients that resend
    a history strip it.
    """
    bare = (
        text.encode().translate(None, _WHITE)  # which is much faster
        if text.isascii()
        else "".join(text.split()).encode()
    )
    return hashlib.sha256(parent + role.encode() + b"\0" + bare).digest()[:16]


def join_text(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with adjacent texts made one and empty ones dropped."""
    joined: list[Part] = []
    run: list[str] = []

    def close() -> None:
        if text := "".join(run):
            joined.append(Text(text))
        run.clear()

    for part in parts:
        if isinstance(part, Text):
            run.append(part.text)
        else:
            close()
            joined.append(part)
    close()
    return tuple(joined)

"""A conversation, an engine whose clock and models are the test's, and eyes on what is stored."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message
from reprise.engine import conversations, reading, turns
from reprise.engine.begin import Options
from reprise.engine.engine import Engine, Timing
from reprise.engine.generation import Generation
from reprise.store import generations, messages
from tests.models import FakeModels

OWNER = "USER#0000000000000001"
QUICK = Timing(
    chunk_every=0.01,
    lease=30,
    renew_every=10,
    margin=15,
    patience=0.2,
    retry_wait=0.001,
    retry_wait_most=0.01,
)


@dataclass
class World:
    """`offset` moves the engine's clock, in seconds."""

    models: FakeModels = field(default_factory=FakeModels)
    timing: Timing = QUICK
    offset: float = 0

    def __post_init__(self) -> None:
        self.engine = Engine(
            self.models,
            Mint(now_ms=lambda: int(self.now() * 1000)),
            self.now,
            self.timing,
        )
        self.conversation: Conversation = conversations.create(self.engine, OWNER, "A conversation")

    def now(self) -> float:
        return time.time() + self.offset

    def later(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.offset += seconds

    async def begin(self, text: str = "Hello", within: float = 60) -> Generation:
        return await turns.send(
            self.engine, OWNER, self.conversation.id, text, Options(), self.now() + within
        )

    async def say(self, text: str = "Hello", answer: Sequence[object] | None = None) -> Message:
        """A whole turn; returns the answer as it was stored."""
        if answer is not None:
            self.models.enqueue(answer)  # type: ignore[arg-type]
        stored = await (await self.begin(text)).ended()
        assert stored is not None
        return stored

    async def redo(self, target: str, within: float = 60) -> Generation:
        return await turns.redo(
            self.engine, OWNER, self.conversation.id, target, Options(), self.now() + within
        )

    def listing(self) -> list[Message]:
        """The shown branch, oldest first."""
        _, newest_first = reading.branch(self.engine, OWNER, self.conversation.id)
        return [reading.load(message) for message in newest_first][::-1]

    def said(self) -> list[tuple[str, str]]:
        """State and text of the shown branch's messages, users' without a state."""
        return [
            (message.state if message.role == "assistant" else message.role, message.text)
            for message in self.listing()
        ]

    def found(self) -> messages.Found:
        return messages.latest(OWNER, self.conversation.number, limit=1000)

    def head(self) -> str | None:
        conversation = self.found().conversation
        return conversation.head if conversation else None

    def abandon(self, text: str, produced: Sequence[str] = ()) -> Message:
        """A turn whose writer died: begun, logged as far as `produced`, never ended."""
        from reprise.chat.events import Produced
        from reprise.chat.messages import Text

        found = self.found()
        assert found.conversation is not None
        head = found.messages.get(found.conversation.head or "")
        number = self.conversation.number
        user = turns._message(self.engine, number, head, "user", text)
        answer = turns._placeholder(self.engine, number, user, "fake")
        turn = generations.Turn(found.conversation, (user, answer))
        generations.begin(turn, self.now() + self.timing.lease)
        if produced:
            at = int(self.now() * 1000)
            events = [Produced(n, at + n, Text(t)) for n, t in enumerate(produced, 1)]
            generations.log(answer.id, 1, events, self.now())
        return answer


def with_timing(**seconds: float) -> World:
    return World(timing=replace(QUICK, **seconds))

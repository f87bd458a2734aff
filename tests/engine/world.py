"""A conversation, an engine whose clock and models are the test's, and eyes on what is stored."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reprise.accounts.rates import Window
from reprise.chat.events import Begun, Event, Produced
from reprise.chat.ids import Mint
from reprise.chat.messages import Begin, Conversation, Message, Text
from reprise.engine import conversations, reading, turns
from reprise.engine.asker import Asker
from reprise.engine.attach import Attached, attach
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.engine import Engine, Timing
from reprise.engine.generation import Generation
from reprise.engine.targets import version_of
from reprise.store import balances, generations, keys, messages
from reprise.store.balances import UNLIMITED, Allowance, Balance
from reprise.store.claims import Claim
from reprise.store.generations import Turn
from reprise.store.items import LeaseItem
from tests.models import FakeModels, Step

OWNER = "USER#0000000000000001"
QUICK = Timing(
    chunk_every=0.01,
    poll=0.01,
    lease=30,
    renew_every=10,
    margin=15,
    patience=0.2,
    retry_wait=0.001,
    retry_wait_most=0.01,
)
PATIENCE = 60  # seconds: more than any machine needs
Run = Generation | Attached


@dataclass
class World:
    """`offset` moves the engine's clock, in seconds. `allowance` is what the asker's plan
    limits.
    """

    models: FakeModels = field(default_factory=FakeModels)
    timing: Timing = QUICK
    offset: float = 0
    allowance: Allowance = UNLIMITED

    def __post_init__(self) -> None:
        self.engine = self.process()
        self.conversation: Conversation = conversations.create(
            self.engine, OWNER, Draft("A conversation")
        )

    def process(self) -> Engine:
        """Another one that serves the same owner: it shares nothing but the table."""
        mint = Mint(now_ms=lambda: int(self.now() * 1000))
        return Engine(self.models, mint, self.now, self.timing)

    def elsewhere(self) -> Conversation:
        """Go to another conversation of the same owner; the one that was left."""
        left = self.conversation
        self.conversation = conversations.create(self.engine, OWNER, Draft("Another conversation"))
        return left

    def now(self) -> float:
        return time.time() + self.offset

    def later(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.offset += seconds

    # Who asks

    def asker(
        self,
        within: float = 60,
        *,
        key: str | None = None,
        request: str = "",
        count: Callable[[], Awaitable[Window]] | None = None,
    ) -> Asker:
        """`key` is an idempotency key, and `request` what it stands for."""
        claim = self.claim(key, request) if key else None
        return Asker(OWNER, OWNER, self.allowance, self.now() + within, claim, count)

    def claim(self, key: str, request: str = "") -> Claim:
        return Claim(OWNER, _digest(key), _digest(request), self.now())

    # What is asked for

    async def send(self, text: str = "Hello", engine: Engine | None = None, **asked: Any) -> Run:
        """`asked` is `asker`'s."""
        asker = self.asker(**{"request": text} | asked)
        return await turns.send(engine or self.engine, asker, self.conversation.id, text, Options())

    async def begin(self, text: str = "Hello", within: float = 60, **asked: Any) -> Generation:
        return _own(await self.send(text, within=within, **asked))

    async def say(self, text: str = "Hello", answer: Sequence[Step] | None = None) -> Message:
        """A whole turn; returns the answer as it was stored."""
        if answer is not None:
            self.models.enqueue(answer)
        return await stored(await self.begin(text))

    async def redo(self, target: str, within: float = 60, **asked: Any) -> Generation:
        return _own(
            await turns.redo(
                self.engine,
                self.asker(within, **asked),
                self.conversation.id,
                version_of(target),
                Options(),
            )
        )

    async def again(self, target: str, answer: Sequence[Step]) -> Message:
        """A whole redo; returns the answer as it was stored."""
        self.models.enqueue(answer)
        return await stored(await self.redo(target))

    async def edit(self, target: str, text: str, **asked: Any) -> Generation:
        return _own(
            await turns.edit(
                self.engine, self.asker(**asked), self.conversation.id, target, text, Options()
            )
        )

    async def attach(self, generation: str, within: float = 60) -> Attached:
        """Another process that follows a generation."""
        return await attach(self.process(), OWNER, generation, self.now() + within)

    # What is stored

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

    def numbers(self) -> list[tuple[str, int, int]]:
        """Text, version and versions of the shown branch's messages."""
        return [(message.text, message.version, message.versions) for message in self.listing()]

    def found(self) -> messages.Found:
        return messages.latest(OWNER, self.conversation.number, limit=1000)

    def stored(self, message_id: str) -> Message:
        return self.found().messages[message_id]

    def head(self) -> str | None:
        conversation = self.found().conversation
        return conversation.head if conversation else None

    def balance(self) -> Balance:
        """This month's."""
        return balances.find(OWNER, balances.period(self.engine.now_ms()))

    # What crashed

    def turn(self, text: str) -> Turn:
        """A message at the head and the placeholder of its answer, which are not stored yet."""
        found = self.found()
        assert found.conversation is not None
        head = found.messages.get(found.conversation.head or "")
        user = turns.new_message(self.engine, self.conversation.number, head, "user", text)
        return Turn(found.conversation, (user, self._placeholder(found.conversation, user, "send")))

    def abandon(self, text: str, produced: Sequence[str] = ()) -> Message:
        """A turn whose writer died: begun, logged as far as `produced`, never ended."""
        return self._abandon(self.turn(text), produced)

    def abandon_redo(self, old: Message, produced: Sequence[str] = ()) -> Message:
        """The same for a redo."""
        found = self.found()
        assert found.conversation is not None
        parent = found.messages[str(old.parent)]
        again = self._placeholder(found.conversation, parent, "redo", found.conversation.head)
        return self._abandon(Turn(found.conversation, (again,), old.id), produced)

    def _placeholder(
        self, conversation: Conversation, parent: Message, begun: Begin, before: str | None = None
    ) -> Message:
        model = self.models.find(None)
        return turns.new_answer(
            self.engine, self.asker(), conversation, parent, model, Options(), begun, before
        )

    def _abandon(self, turn: Turn, produced: Sequence[str]) -> Message:
        generations.begin(turn, self.now() + self.timing.lease, self.asker().terms)
        answer = turn.messages[-1]
        self.log(answer.id, produced)
        return answer

    def log(self, generation: str, texts: Sequence[str], chunk: int = 1, first: int = 1) -> None:
        """Write a chunk of a generation's log."""
        if texts:
            at = int(self.now() * 1000)
            events = [Produced(n, at + n, Text(text)) for n, text in enumerate(texts, first)]
            generations.log(generation, chunk, events, self.now())

    def remove_lease(self) -> None:
        """As the table does an hour after a lease expired."""
        self.later(31)
        LeaseItem(keys.conversation(OWNER, self.conversation.number), keys.LEASE).delete()


def with_timing(**seconds: float) -> World:
    return World(timing=replace(QUICK, **seconds))


async def events_of(run: Run) -> list[Event]:
    """All of them, to the end."""
    async with asyncio.timeout(PATIENCE):
        return [event async for event in run.events()]


def told(events: list[Event]) -> list[object]:
    """What a client is told: of a beginning not how far the answer is by now."""
    return [
        (event.conversation.id, event.user, event.answer.id, event.created)
        if isinstance(event, Begun)
        else event
        for event in events
    ]


async def stored(run: Run) -> Message:
    """The answer as it was stored in the end."""
    async with asyncio.timeout(PATIENCE):
        message = await run.ended()
    assert message is not None
    return message


async def until(true: Callable[[], object]) -> None:
    """Wait for what others do."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


def _own(run: Run) -> Generation:
    assert isinstance(run, Generation), "it was begun before"
    return run


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

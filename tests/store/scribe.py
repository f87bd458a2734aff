"""Somebody who writes conversations as the engine does, with a clock of their own that moves on a
second with every message.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message, Part, Role, Text, path_hash
from reprise.store import conversations, generations, keys, messages
from reprise.store.generations import Turn
from reprise.store.items import LeaseItem, VersionsItem
from reprise.store.messages import Found
from reprise.store.table import Item, connection, get, query_all

OWNER, OTHER = keys.account(7), keys.account(8)
START = 1_750_000_000_000  # milliseconds since the Unix epoch
EXPIRES = START / 1000 + 30.5  # seconds, as leases have it


@dataclass
class Scribe:
    now_ms: int = START
    random: Random = field(default_factory=lambda: Random(1))

    @property
    def mint(self) -> Mint:
        return Mint(self._tick, self.random.getrandbits)

    def _tick(self) -> int:
        self.now_ms += 1000
        return self.now_ms

    # Values, which are not stored yet

    def conversation(self, title: str | None = "Trip", **changes: Any) -> Conversation:
        number = self.mint.number()
        return replace(
            Conversation(
                number=number,
                id=self.mint.text_id(number),
                owner=OWNER,
                title=title,
                head=None,
                version=0,
                created=self.now_ms,
                activity=self.now_ms,
            ),
            **changes,
        )

    def message(
        self,
        conversation: Conversation,
        parent: Message | None = None,
        text: str = "Hello",
        role: Role = "user",
        **changes: Any,
    ) -> Message:
        message_id = self.mint.message_id(conversation.number, parent.id if parent else None)
        made = Message(
            id=message_id,
            role=role,
            parts=(Text(text),),
            parent=parent.id if parent else None,
            depth=parent.depth + 1 if parent else 0,
            path=path_hash(parent.path if parent else b"", role, text),
            state="done",
            created=self.now_ms,
            updated=self.now_ms,
        )
        return replace(made, **changes)

    def placeholder(self, conversation: Conversation, parent: Message, **changes: Any) -> Message:
        blank: dict[str, Any] = {"parts": (), "state": "in-progress", "path": parent.path}
        return self.message(conversation, parent, role="assistant", **blank | changes)

    def finished(self, answer: Message, *parts: str | Part, **changes: Any) -> Message:
        """The placeholder as it ends; texts may stand for text parts."""
        said = tuple(Text(part) if isinstance(part, str) else part for part in parts)
        ended: dict[str, Any] = {"parts": said, "state": "done", "finish_reason": "stop"}
        return replace(answer, updated=self._tick(), before=None, hold=None, **ended | changes)

    def branch(
        self, conversation: Conversation, length: int, text: str | None = None
    ) -> list[Message]:
        """Questions and answers by turns, the oldest first; each says its number, or `text`."""
        made: list[Message] = []
        for number in range(length):
            role: Role = "assistant" if number % 2 else "user"
            parent = made[-1] if made else None
            made.append(self.message(conversation, parent, text or str(number), role))
        return made

    def send(
        self,
        conversation: Conversation,
        head: Message | None = None,
        text: str = "Hello",
        **changes: Any,
    ) -> Turn:
        """A user message at the head and the placeholder of its answer, with `changes`."""
        user = self.message(conversation, head, text)
        blank: dict[str, Any] = {"begun": "send"}
        return Turn(conversation, (user, self.placeholder(conversation, user, **blank | changes)))

    def redo(
        self, conversation: Conversation, answer: Message, parent: Message, **changes: Any
    ) -> Turn:
        """Another version of an answer."""
        before: dict[str, Any] = {"before": conversation.head, "begun": "redo"}
        again = self.placeholder(conversation, parent, **before | changes)
        return Turn(conversation, (again,), sibling=answer.id)

    # What is stored

    def stored(self, title: str | None = "Trip", **changes: Any) -> Conversation:
        conversation = self.conversation(title, **changes)
        assert conversations.create(conversation)
        return conversation

    def begun(
        self, conversation: Conversation, head: Message | None = None, text: str = "Hello"
    ) -> tuple[Conversation, Message]:
        """A turn that is under way, and its placeholder."""
        turn = self.send(conversation, head, text)
        return generations.begin(turn, EXPIRES), turn.messages[-1]

    def exchange(
        self, conversation: Conversation, head: Message | None = None, text: str = "Hello"
    ) -> tuple[Conversation, Message, Message]:
        """A turn from its begin to its end: question and answer."""
        turn = self.send(conversation, head, text)
        conversation = generations.begin(turn, EXPIRES)
        question, placeholder = turn.messages
        answer = self.finished(placeholder, f"You said: {text}")
        generations.end(conversation, answer)
        return conversation, question, answer

    def redoing(self) -> tuple[Conversation, Message, Message]:
        """A conversation with an answer, and another version of it that is under way."""
        conversation, question, answer = self.exchange(self.stored())
        turn = self.redo(conversation, answer, question)
        return generations.begin(turn, EXPIRES), answer, turn.messages[0]

    def filled(self, length: int, text: str | None = None) -> tuple[Conversation, list[Message]]:
        """A conversation of so many messages, written all at once; the oldest first."""
        conversation = self.conversation()
        branch = self.branch(conversation, length, text)
        conversation = replace(conversation, head=branch[-1].id, version=length)
        conversations.create(conversation)
        put_all(conversation, branch)
        return conversation, branch


def put_all(conversation: Conversation, some: Iterable[Message]) -> None:
    partition = keys.conversation(conversation.owner, conversation.number)
    with Item.batch_write() as batch:
        for message in some:
            batch.save(messages.to_item(partition, message))


def read(conversation: Conversation) -> Conversation | None:
    return conversations.find(conversation.owner, conversation.number)[0]


def found(conversation: Conversation, limit: int = messages.FIRST_PAGE) -> Found:
    return messages.latest(conversation.owner, conversation.number, limit)


def message(conversation: Conversation, message_id: str) -> Message | None:
    return messages.find(conversation.owner, conversation.number, message_id)[0]


def shown(conversation: Conversation) -> list[str]:
    """Ids of the path to the stored head, newest first."""
    latest = found(conversation)
    assert latest.conversation
    tip = latest.conversation.head
    path = messages.branch(conversation.owner, conversation.number, tip, latest)
    return [message.id for message in path]


def versions(
    conversation: Conversation, parent: str | None, role: Role = "assistant"
) -> tuple[list[str], list[str]] | None:
    """The siblings of a role under a parent, by age, and the heads that were left below them, in
    their order; None where nothing is noted.
    """
    partition = keys.conversation(conversation.owner, conversation.number)
    item = get(VersionsItem, partition, keys.versions(parent or conversation.id, role))
    return (sorted(item.ids or ()), [mark.split()[1] for mark in item.left]) if item else None


def drop_lease(conversation: Conversation) -> None:
    """As the table does by itself, an hour after its expiry."""
    LeaseItem(keys.conversation(conversation.owner, conversation.number), keys.LEASE).delete()


def sort_keys(partition: str) -> list[str]:
    return [item.sk for item in query_all(partition)]


def everything(conversation: Conversation) -> Sequence[Any]:
    """All that lies in a conversation's partition, as it lies there."""
    partition = keys.conversation(conversation.owner, conversation.number)
    items: Sequence[Any] = connection().query(partition, consistent_read=True)["Items"]
    return items

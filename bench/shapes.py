"""Conversations of the shapes whose turns `bench.capacity` weighs, put into the table at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from reprise.chat.messages import Conversation, Message, Role
from reprise.store import conversations, keys
from reprise.store.items import VersionsItem
from tests.store.scribe import Scribe, put_all


@dataclass(frozen=True)
class Shape:
    """`make` has a conversation of an owner stored, and returns it with the answer to redo, or None
    for a new message of `sent` bytes. Shapes that are `plain` differ in their number of messages
    alone.
    """

    name: str
    messages: int
    make: Callable[[Scribe, str], tuple[Conversation, Message | None]]
    sent: int = 800
    plain: bool = False


def text(size: int) -> str:
    """So many bytes that read like a text."""
    words = "Reprise keeps every version of every answer, and nothing that was said is lost. "
    return (words * (size // len(words) + 1))[:size]


def straight(length: int, size: int = 800, sent: int | None = None, name: str = "") -> Shape:
    """One branch: questions and answers by turns, of so many bytes each."""

    def make(scribe: Scribe, owner: str) -> tuple[Conversation, None]:
        conversation = scribe.conversation(owner=owner)
        branch = scribe.branch(conversation, length, text(size))
        return _stored(conversation, branch, branch[-1]), None

    return Shape(name or f"{length:,} messages", length, make, sent or size, plain=not name)


def versions(count: int, size: int, *, redo: bool) -> Shape:
    """So many answers to one question, the last of them shown: to be redone, or gone on from."""

    def make(scribe: Scribe, owner: str) -> tuple[Conversation, Message | None]:
        conversation = scribe.conversation(owner=owner)
        before = scribe.branch(conversation, 3, text(size))
        answers = [
            scribe.message(conversation, before[-1], text(size), "assistant") for _ in range(count)
        ]
        stored = _stored(conversation, [*before, *answers], answers[-1])
        _put_versions(stored, before[-1], answers)
        return stored, answers[-1] if redo else None

    what = "redo the last of" if redo else "go on from the last of"
    return Shape(f"{what} {count} versions of {size / 1000:.0f} KB", 3 + count, make)


def old_branch(length: int, newer: int, size: int = 800) -> Shape:
    """The head on a branch of `length`, and `newer` messages on another that was begun later."""

    def make(scribe: Scribe, owner: str) -> tuple[Conversation, None]:
        conversation = scribe.conversation(owner=owner)
        old = scribe.branch(conversation, length, text(size))
        new: list[Message] = []
        for number in range(newer):
            parent = new[-1] if new else old[0]
            role: Role = "user" if number % 2 else "assistant"
            new.append(scribe.message(conversation, parent, text(size), role))
        stored = _stored(conversation, [*old, *new], old[-1])
        _put_versions(stored, old[0], [old[1], new[0]])
        return stored, None

    return Shape(f"head on an old branch of {length:,}, {newer:,} newer", length + newer, make)


def _stored(conversation: Conversation, some: list[Message], head: Message) -> Conversation:
    stored = replace(conversation, head=head.id, version=len(some), branched=True)
    assert conversations.create(stored)
    put_all(stored, some)
    return stored


def _put_versions(conversation: Conversation, parent: Message, siblings: list[Message]) -> None:
    partition = keys.conversation(conversation.owner, conversation.number)
    ids = [sibling.id for sibling in siblings]
    VersionsItem(partition, keys.versions(parent.id, "assistant"), ids=set(ids)).save()

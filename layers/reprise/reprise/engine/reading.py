"""Reading: a branch and single messages, as they shall be shown."""

from collections.abc import Iterator

from reprise.chat.errors import NotFound
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Message
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown
from reprise.engine.where import Where, check, number_of
from reprise.store import messages, versions


def branch(engine: Engine, owner: str, where: Where) -> tuple[Conversation, Iterator[Message]]:
    """A conversation and its shown branch, newest first, large bodies not loaded (see `load`).

    Raises NotFound, before anything of the branch is given.
    """
    number = number_of(where)
    found = messages.latest(owner, number) if number is not None else messages.Found()
    conversation, lease, now = check(where, found.conversation), found.lease, engine.now()
    known = versions.all_of(conversation)

    def shown() -> Iterator[Message]:
        for message in messages.branch(owner, conversation.number, conversation.head, found):
            seen = as_shown(message, lease, now)
            if seen.shown:
                yield versions.numbered(conversation, seen, known)

    return conversation, shown()


load = messages.load


def message(engine: Engine, owner: str, message_id: str) -> tuple[Conversation, Message]:
    """One message and its conversation. Raises NotFound."""
    conversation, seen = find(engine, owner, message_id)
    seen = versions.number(seen, versions.siblings(conversation, seen))
    return conversation, load(seen)


def question_of(conversation: Conversation, answer: Message) -> str | None:
    """The id of the user's message that an answer is to: the last shown before it on its branch."""
    owner, number = conversation.owner, conversation.number
    for message in messages.branch(owner, number, answer.parent, messages.Found(), page=4):
        if message.role == "user" and message.shown:
            return message.id
    return None


def hide(engine: Engine, owner: str, message_id: str) -> None:
    """Delete one message: it leaves every listing and the context, its replies stay. Raises
    NotFound.
    """
    conversation, seen = find(engine, owner, message_id)
    if not messages.hide(conversation, seen):
        raise NotFound("Message")


def find(engine: Engine, owner: str, message_id: str) -> tuple[Conversation, Message]:
    """The same without its large body and its number."""
    number = conversation_of(message_id)
    if number is None:
        raise NotFound("Message")
    stored, found = messages.find(owner, number, message_id)
    if stored is None or found.conversation is None:
        raise NotFound("Message")
    seen = as_shown(stored, found.lease, engine.now())
    if not seen.shown:
        raise NotFound("Message")
    return found.conversation, seen

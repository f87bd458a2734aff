"""Which siblings a message has, and what was shown below them: the `V#` items of a conversation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reprise.chat.messages import Conversation, Message
from reprise.store import keys
from reprise.store.items import VersionsItem
from reprise.store.table import Item, get, query

Siblings = Mapping[str, list[str]]  # ids by age, by the sort key of their item
Left = Mapping[str, list[str]]  # marks, by the sort key of their item: see `mark`


def key_of(conversation: Conversation, message: Message) -> str:
    """Sort key of the siblings of a message."""
    return keys.versions(message.parent or conversation.id, message.role)


def siblings(conversation: Conversation, message: Message) -> list[str]:
    """Ids of a message's siblings and its own, by age, in one read; empty where it never had
    any.
    """
    return _ids(_get(conversation, key_of(conversation, message)))


def all_of(conversation: Conversation) -> Siblings:
    """All siblings that a conversation has anywhere."""
    return {item.sk: _ids(item) for item in _all(conversation)}


def mark(conversation: Conversation) -> str:
    """What is noted of a head when another branch takes over: it, and the conversation's version
    then, so that as texts the marks of a conversation sort by time.
    """
    return f"{conversation.version:010} {conversation.head}"


def left(conversation: Conversation) -> Left:
    """The marks of all heads that another branch took over from."""
    return {item.sk: list(item.left) for item in _all(conversation)}


def heads_left(marks: Left) -> list[str]:
    """The heads themselves, each once, the latest first."""
    latest_first = sorted((mark for some in marks.values() for mark in some), reverse=True)
    return list(dict.fromkeys(map(_head, latest_first)))


def with_head(conversation: Conversation, marks: list[str]) -> list[str]:
    """Marks with that of the head which is left now. It is there once, however often somebody goes
    to and fro.
    """
    others = [each for each in marks if _head(each) != conversation.head]
    return [*others, mark(conversation)]


def numbered(conversation: Conversation, message: Message, known: Siblings) -> Message:
    """A message with its `version` and `versions`."""
    return number(message, known.get(key_of(conversation, message), []))


def number(message: Message, ids: list[str]) -> Message:
    """The same, from the ids of its siblings and its own."""
    if message.id not in ids:
        return message
    return replace(message, version=ids.index(message.id) + 1, versions=len(ids))


def _all(conversation: Conversation) -> Iterator[VersionsItem]:
    if not conversation.branched:
        return
    partition = keys.conversation(conversation.owner, conversation.number)
    start = None
    while True:
        items, start = query(partition, Item.sk.startswith(keys.VERSIONS), start=start)
        yield from (item for item in items if isinstance(item, VersionsItem))
        if not start:
            return


def _get(conversation: Conversation, sort: str) -> VersionsItem | None:
    if not conversation.branched:
        return None
    partition = keys.conversation(conversation.owner, conversation.number)
    return get(VersionsItem, partition, sort)


def _head(mark: str) -> str:
    return mark.partition(" ")[2]


def _ids(item: VersionsItem | None) -> list[str]:
    return sorted(item.ids or ()) if item else []

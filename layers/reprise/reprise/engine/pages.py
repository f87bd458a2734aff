"""A shown branch page by page, from its newest message back to its first."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Conversation, Message
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown
from reprise.engine.where import Where, check, number_of
from reprise.store import messages
from reprise.store.messages import Found

_HEAD = 3  # items: the lease, the conversation, and what is most often its head
_LONGEST = 200  # characters of a cursor


@dataclass(frozen=True)
class Page:
    """Messages of users and assistants, the oldest first, without the bodies that lie in the
    bucket (see `reading.load`); where the page before them begins, None at the branch's beginning.

    `total` is the length of the branch. It counts also what is not shown: messages of other roles,
    hidden ones, answers that failed empty.
    """

    conversation: Conversation
    messages: Sequence[Message]
    cursor: str | None
    total: int


def page(
    engine: Engine, partitions: Sequence[str], where: Where, limit: int, cursor: str | None
) -> Page:
    """The newest messages, or those before a cursor, in the first of the partitions that has the
    conversation. A cursor stays good while the branch goes on, and where it is another one by now.

    Raises NotFound, and Invalid for a cursor that is none of this conversation.
    """
    found = _find(partitions, where, messages.FIRST_PAGE if cursor is None else _HEAD)
    conversation = check(where, found.conversation)
    before = None if cursor is None else _Cursor.parse(cursor, conversation.number)
    now = engine.now()
    newest_first = (
        as_shown(message, found.lease, now)
        for message in _branch(conversation, found, before, limit)
    )
    shown = (m for m in newest_first if m.shown and m.role in ("user", "assistant"))
    wanted = list(islice(shown, limit + 1))
    last = wanted[limit - 1] if len(wanted) > limit else None
    return Page(
        conversation,
        wanted[:limit][::-1],
        _Cursor(last.id, last.depth).text() if last else None,
        _length(conversation, found),
    )


@dataclass(frozen=True)
class _Cursor:
    """The oldest message of a page, by its id and its depth in the branch."""

    message: str
    depth: int

    def text(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.message, self.depth]).encode()).decode()

    @classmethod
    def parse(cls, text: str, conversation: int) -> "_Cursor":
        """Raises Invalid."""
        try:
            values = json.loads(base64.b64decode(text[:_LONGEST].encode("ascii"), b"-_", True))
        except (ValueError, RecursionError):
            values = None
        match values:
            case [str(message), int(depth)] if conversation_of(message) == conversation:
                return cls(message, depth)
        raise Invalid("cursor", "is none that this list has given")


def _find(partitions: Sequence[str], where: Where, limit: int) -> Found:
    number = number_of(where)
    for owner in partitions if number is not None else ():
        found = messages.latest(owner, number or 0, limit)
        if found.conversation is not None:
            return found
    raise NotFound("Conversation")


def _branch(
    conversation: Conversation, found: Found, before: _Cursor | None, limit: int
) -> Iterator[Message]:
    """The shown branch, newest first, from before a cursor on.

    A message of a conversation that never branched is on its only branch, so nothing after it is
    read. Elsewhere it may have been replaced: then what is shown now goes on from its depth.
    """
    tip = conversation.head
    if before and not conversation.branched:
        tip, found = before.message, Found()
    owner, number = conversation.owner, conversation.number
    for message in messages.branch(owner, number, tip, found, page=limit + 2):
        if before is None or message.depth < before.depth:
            yield message


def _length(conversation: Conversation, found: Found) -> int:
    head = conversation.head
    if head is None:
        return 0
    message = found.messages.get(head)
    if message is None:
        message, _ = messages.find(conversation.owner, conversation.number, head)
    return message.depth + 1 if message else 0

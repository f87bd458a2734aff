"""The conversations with an agent, latest activity first, page by page.

What belongs to one list may lie in several partitions of the indexes, each in the order of
activity: they are merged as far as a page needs them.
"""

import base64
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

from pynamodb.expressions.condition import Condition

from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid
from reprise.chat.messages import Conversation
from reprise.store import keys
from reprise.store.conversations import from_item
from reprise.store.items import ConversationItem
from reprise.store.table import connection

_MOST = 1 << 53  # numbers of a cursor are less
_LONGEST = 200  # characters of a cursor
_GROWTH = 4  # each further page of an index is so much larger than the one before …
_LARGEST = 10_000  # … up to what surely is a megabyte, where DynamoDB ends it


@dataclass(frozen=True)
class Listed:
    """A page: conversations without head and version, where the next one begins (None at the end),
    and how many there were in all when the first one was read.
    """

    conversations: list[Conversation]
    cursor: str | None
    total: int


def of_agent(agent: Agent, owner: str, limit: int, cursor: str | None = None) -> Listed:
    """An owner's conversations with an agent. Its own account's list has also those that the public
    has with it and, of the account's default agent, those that name none.

    Raises Invalid for a cursor that is none of this list.
    """
    sources: list[_Source] = []
    if agent.named:
        sources.append(_Source("agent", keys.conversations_with(owner, agent.named), owner))
    if owner == agent.owner:
        if agent.named:
            public = keys.agent(agent.named)
            sources.append(_Source("owner", public, public))
        if agent.default:
            unnamed = ConversationItem.agent.does_not_exist()
            sources.append(_Source("owner", owner, owner, unnamed))
    return _page(sources, limit, cursor)


def of_end_user(
    agent: Agent, owner: str, end_user: str, limit: int, cursor: str | None = None
) -> Listed:
    """Those of them that an end user of this owner has. Raises Invalid like `of_agent`."""
    with_agent = ConversationItem.agent == keys.conversations_with(owner, agent.id)
    if agent.default and owner == agent.owner:
        with_agent |= ConversationItem.agent.does_not_exist()
    partition = keys.conversations_of(owner, end_user)
    return _page([_Source("end_user", partition, owner, with_agent)], limit, cursor)


@dataclass(frozen=True)
class _Source:
    """The conversations of an `owner` in a partition of the index that is named for its
    `attribute`, or those of them that a filter lets through.
    """

    attribute: str
    partition: str
    owner: str
    filter: Condition | None = None

    def key(self, activity: int, number: int) -> dict[str, dict[str, str]]:
        """Where in the index a conversation is, or was."""
        return {
            "pk": {"S": keys.conversation(self.owner, number)},
            "sk": {"S": keys.META},
            self.attribute: {"S": self.partition},
            "activity": {"N": str(activity)},
        }


@dataclass(frozen=True)
class _Cursor:
    """Where a page ended: the activity of its last conversation, and for each source the number of
    the last one that has this very activity. `total` is known since the first page.
    """

    activity: int
    total: int
    numbers: tuple[int | None, ...]

    def text(self) -> str:
        values = json.dumps([self.activity, self.total, *self.numbers])
        return base64.urlsafe_b64encode(values.encode()).decode()

    @classmethod
    def parse(cls, text: str, sources: int) -> "_Cursor":
        """Raises Invalid."""
        try:
            values = json.loads(base64.b64decode(text[:_LONGEST].encode("ascii"), b"-_", True))
        except (ValueError, RecursionError):
            values = None
        match values:
            case [int(activity), int(total), *numbers] if (
                len(numbers) == sources
                and all(number is None or type(number) is int for number in numbers)
                and all(0 <= number < _MOST for number in (activity, total, *filter(None, numbers)))
            ):
                return cls(activity, total, tuple(numbers))
        raise Invalid("cursor", "is none that this list has given")


class _Stream:
    """A source from the cursor on, read no further than somebody looks."""

    def __init__(
        self, source: _Source, page: int, activity: int | None, number: int | None
    ) -> None:
        self._source = source
        self._page = page
        self._range = ConversationItem.activity <= activity if activity is not None else None
        self._start: dict[str, Any] | None = None
        if activity is not None and number is not None:
            self._start = source.key(activity, number)
        self._fitting = 0
        self._ended = False

    def __iter__(self) -> Iterator[Conversation]:
        while not self._ended:
            data = self._query("ALL_PROJECTED_ATTRIBUTES", self._page)
            self._page = min(self._page * _GROWTH, _LARGEST)
            for raw in data["Items"]:
                yield from_item(ConversationItem.from_raw_data(raw))

    def count(self) -> int:
        """How many there are from the cursor on; what nobody looked at is counted only."""
        while not self._ended:
            self._query("COUNT", None)
        return self._fitting

    def _query(self, select: str, limit: int | None) -> dict[str, Any]:
        data: dict[str, Any] = connection().query(
            self._source.partition,
            range_key_condition=self._range,
            filter_condition=self._source.filter,
            index_name=f"by_{self._source.attribute}",
            scan_index_forward=False,
            exclusive_start_key=self._start,
            limit=limit,
            select=select,
        )
        self._fitting += data["Count"]
        self._start = data.get("LastEvaluatedKey")
        self._ended = not self._start
        return data


def _page(sources: Sequence[_Source], limit: int, text: str | None) -> Listed:
    cursor = _Cursor.parse(text, len(sources)) if text is not None else None
    numbers = cursor.numbers if cursor else (None,) * len(sources)
    streams = [
        _Stream(source, limit + 1, cursor.activity if cursor else None, number)
        for source, number in zip(sources, numbers, strict=True)
    ]
    marked = (zip(stream, repeat(at)) for at, stream in enumerate(streams))
    merged = heapq.merge(*marked, key=lambda found: -found[0].activity)
    found = list(islice(merged, limit + 1))
    total = cursor.total if cursor else sum(stream.count() for stream in streams)
    shown, more = found[:limit], len(found) > limit
    return Listed(
        [conversation for conversation, _ in shown],
        _after(shown, numbers, cursor, total).text() if more else None,
        total,
    )


def _after(
    shown: Sequence[tuple[Conversation, int]],
    numbers: Sequence[int | None],
    before: _Cursor | None,
    total: int,
) -> _Cursor:
    """Where a page ended, of its conversations and of which source each is."""
    activity = shown[-1][0].activity
    same = before is not None and before.activity == activity
    after = list(numbers if same else (None,) * len(numbers))
    for conversation, at in shown:
        if conversation.activity == activity:
            after[at] = conversation.number
    return _Cursor(activity, total, tuple(after))

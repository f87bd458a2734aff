"""What the sample events speak of: an account with a key, and conversations, the same each time.

`store()` puts it all into the table, so that every event of `events/` finds what it asks for.
"""

import time
from dataclasses import replace
from pathlib import Path
from random import Random

from reprise.accounts import keys as api_keys
from reprise.chat.events import Produced
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message, Role, Text, ToolCall, Usage, path_hash
from reprise.chat.prompts import Draft, Prompt
from reprise.store import (
    accounts,
    bucket,
    conversations,
    generations,
    keys,
    messages,
    prompts,
    sessions,
    uploads,
)
from reprise.store.accounts import Account, ApiKey
from reprise.store.items import LEASE_KEPT, LeaseItem, VersionsItem
from reprise.store.sessions import KEPT, Session
from reprise.store.uploads import Upload

KEY = "rp_a-key-of-the-sample-events"
COOKIE = "a-session-of-the-sample-events".ljust(43, "-")
MOMENT = 1_767_607_200_000  # milliseconds since the Unix epoch: 2026-01-05T10:00:00Z
MODEL = "openai/gpt-4o-mini"
_LEASE = 30  # seconds


class _Writer:
    """Makes the same ids each time, a second apart."""

    def __init__(self) -> None:
        self._now = MOMENT - 3_600_000
        self.mint = Mint(self._tick, Random(1).getrandbits)  # noqa: S311

    def _tick(self) -> int:
        self._now += 1000
        return self._now

    def conversation(self, owner: str, title: str) -> Conversation:
        number = self.mint.number()
        return Conversation(
            number=number,
            id=self.mint.text_id(number),
            owner=owner,
            title=title,
            head=None,
            version=0,
            created=self._now,
            activity=self._now,
        )

    def message(
        self, conversation: Conversation, role: Role, text: str, parent: Message | None = None
    ) -> Message:
        message_id = self.mint.message_id(conversation.number, parent.id if parent else None)
        answered = role == "assistant"
        return Message(
            id=message_id,
            role=role,
            parts=(Text(text),),
            parent=parent.id if parent else None,
            depth=parent.depth + 1 if parent else 0,
            path=path_hash(parent.path if parent else b"", role, text),
            state="done",
            created=self._now,
            updated=self._now,
            model=MODEL if answered else None,
            finish_reason="stop" if answered else None,
            usage=Usage(12, 9) if answered else None,
        )


def _account(mint: Mint) -> Account:
    number = mint.number()
    return Account(number, mint.text_id(number), "samples", "local", MOMENT)


_writer = _Writer()
ACCOUNT = _account(_writer.mint)
OWNER = keys.account(ACCOUNT.number)

# One with a question, its answer, and the answer that was there before that …
CONVERSATION = _writer.conversation(OWNER, "Trip")
QUESTION = _writer.message(CONVERSATION, "user", "Where to in May?")
FIRST_ANSWER = _writer.message(CONVERSATION, "assistant", "To Rome.", QUESTION)
PARTS = ("To Lisbon", ", before", " the heat.")
ANSWER = replace(
    _writer.message(CONVERSATION, "assistant", "".join(PARTS), QUESTION),
    begun="redo",
    events=len(PARTS),
)
VERSIONS = VersionsItem(
    keys.conversation(OWNER, CONVERSATION.number),
    keys.versions(QUESTION.id, ANSWER.role),
    ids={FIRST_ANSWER.id, ANSWER.id},
)

# … one whose answer was begun by a function that is no more …
CRASHED = _writer.conversation(OWNER, "Lunch")
CRASHED_QUESTION = _writer.message(CRASHED, "user", "What shall I cook?")
CRASHED_ANSWER = replace(
    _writer.message(CRASHED, "assistant", "", CRASHED_QUESTION),
    parts=(),
    state="in-progress",
    path=CRASHED_QUESTION.path,
    finish_reason=None,
    usage=None,
)
LEASE = LeaseItem(
    keys.conversation(OWNER, CRASHED.number),
    keys.LEASE,
    generation=CRASHED_ANSWER.id,
    expires=CRASHED.created / 1000 + _LEASE,
    ttl=CRASHED.created // 1000 + _LEASE + LEASE_KEPT,
)

# … and one that was deleted, but for what is left of it.
DELETED = _writer.conversation(OWNER, "A mistake")
DELETED_QUESTION = _writer.message(DELETED, "user", "Never mind")


# One that waits for what the client's tool gives.
CALLING = _writer.conversation(OWNER, "An order")
CALLING_QUESTION = _writer.message(CALLING, "user", "Where is order 204513?")
CALL = ToolCall("call-1", "find_order", {"number": "204513"})
CALLING_ANSWER = replace(
    _writer.message(CALLING, "assistant", "", CALLING_QUESTION),
    parts=(CALL,),
    finish_reason="tool-calls",
)

# One with a file, and another that was put into the bucket and is not read yet.
PDF = (Path(__file__).parent.parent / "docs" / "guide.pdf").read_bytes()
READING = _writer.conversation(OWNER, "A guide")
UPLOAD = Upload(
    _writer.mint.number(),
    "guide.pdf",
    len(PDF),
    READING.created + 1000,
    "ready",
    pages=1,
    tokens=60,
    text=("Lisbon is dry in May",),
)
PENDING = Upload(_writer.mint.number(), "map.pdf", len(PDF), UPLOAD.created + 1000, "pending")
PENDING_KEY = keys.pending_upload(keys.conversation(OWNER, READING.number), PENDING.number)

PROMPT = Prompt(
    Mint(lambda: MOMENT, Random(3).getrandbits).number(),  # noqa: S311
    Draft("Packing list", "What do I take along to {place}?", "travel", None, {"tags": ["trip"]}),
    MOMENT,
    MOMENT,
)


def store() -> None:
    """Write it all, over what is there of it."""
    accounts.create(ACCOUNT)
    accounts.put_key(
        ApiKey(
            id=_key_id(),
            digest=api_keys.digest(KEY),
            account_id=ACCOUNT.id,
            owner=OWNER,
            plan=ACCOUNT.plan,
            scopes=frozenset({"read", "write"}),
            created=MOMENT,
        )
    )
    sessions.put(
        Session(
            digest=api_keys.digest(COOKIE),
            account_id=ACCOUNT.id,
            owner=OWNER,
            plan=ACCOUNT.plan,
            scopes=frozenset({"read", "write"}),
            expires=int(time.time()) + KEPT,
        )
    )
    _put(replace(CONVERSATION, branched=True), QUESTION, FIRST_ANSWER, ANSWER)
    VERSIONS.save()
    _log(ANSWER, *PARTS)
    _put(CRASHED, CRASHED_QUESTION, CRASHED_ANSWER)
    _log(CRASHED_ANSWER, "Something with")
    _put(CALLING, CALLING_QUESTION, CALLING_ANSWER)
    _put(READING)
    uploads.add(READING, UPLOAD)
    # one that was offered long ago has failed
    uploads.add(READING, replace(PENDING, created=int(time.time() * 1000)))
    bucket.put(PENDING_KEY, PDF, "application/pdf")
    prompts.create(OWNER, PROMPT)
    _put(DELETED, DELETED_QUESTION)
    conversations.delete(DELETED)


def _key_id() -> str:
    return Mint(lambda: MOMENT, Random(2).getrandbits).text_id(ACCOUNT.number)  # noqa: S311


def _log(answer: Message, *texts: str) -> None:
    """What it was made of, a tenth of a second apart."""
    events = [Produced(n, answer.created + 100 * n, Text(text)) for n, text in enumerate(texts, 1)]
    generations.log(answer.id, 1, events, time.time())


def _put(conversation: Conversation, *branch: Message) -> None:
    head = replace(conversation, head=branch[-1].id if branch else None, version=len(branch))
    conversations.to_item(head).save()
    partition = keys.conversation(OWNER, conversation.number)
    for message in branch:
        messages.to_item(partition, message).save()

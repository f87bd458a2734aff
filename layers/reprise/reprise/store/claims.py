"""Idempotency claims: which request a client's key stands for, and what came of it."""

from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from reprise.chat.errors import IdempotencyMismatch
from reprise.store import keys
from reprise.store.table import Item, Refusal, Transaction, get

KEPT = 24 * 3600  # seconds


class ClaimItem(Item, discriminator="I"):
    """`request` is the SHA-256 of what was asked, `result` the id of what it made."""

    request = UnicodeAttribute(attr_name="q")
    result = UnicodeAttribute(attr_name="a")
    ttl = NumberAttribute()


class Claimed(Exception):
    """The request was made before, and came to `result`: the id of an answer, a message or a
    conversation.
    """

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


@dataclass(frozen=True)
class Claim:
    """A request under a key that its owner's client chose. Both digests are SHA-256 in hexadecimal;
    `now` is in seconds since the Unix epoch.
    """

    owner: str
    key: str
    request: str
    now: float

    def look_up(self) -> None:
        """Raises Claimed, and IdempotencyMismatch where the key stands for another request."""
        self._judge(get(ClaimItem, keys.claim(self.owner, self.key), keys.CLAIM))

    def add_to(self, transaction: Transaction, result: str) -> None:
        """Claim the key in a transaction, as its write `claim`. A claim that ran out is replaced:
        the table may drop it late.
        """
        item = ClaimItem(
            keys.claim(self.owner, self.key),
            keys.CLAIM,
            request=self.request,
            result=result,
            ttl=int(self.now) + KEPT,
        )
        free = ClaimItem.pk.does_not_exist() | (ClaimItem.ttl <= int(self.now))
        transaction.put("claim", item, free)

    def refused(self, refusal: Refusal, result: str) -> None:
        """What it means that `add_to` was refused: nothing, where it was our own earlier attempt.
        Raises as `look_up` does.
        """
        item = refusal.item
        if isinstance(item, ClaimItem) and item.result != result:
            self._judge(item)

    def _judge(self, item: ClaimItem | None) -> None:
        if item is None or item.ttl <= self.now:
            return
        if item.request != self.request:
            raise IdempotencyMismatch
        raise Claimed(item.result)

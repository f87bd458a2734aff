"""Previews as writes: an answer that is in no conversation.

| item | PK | SK |
|---|---|---|
| lease, while it is made | `USER#u#PREVIEW#CONV#n` | `META#LEASE` |
| what came of it, for the same request made again | `GEN#<id>` | `PREVIEW`, its text in `CHUNK#…` |

The lease lasts as long as the function that makes the answer may run: nothing renews it.
"""

from dataclasses import dataclass

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from reprise.chat.errors import NotFound
from reprise.chat.events import Produced
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Message, Text, Usage
from reprise.chat.prompts import Prompt
from reprise.store import balances, generations, keys, prompts
from reprise.store.balances import Bill
from reprise.store.claims import KEPT
from reprise.store.generations import Terms
from reprise.store.items import LEASE_KEPT, LeaseItem
from reprise.store.table import Item, Refused, Transaction, get

_PIECE = 64_000  # characters of a text that one item of the log holds, at most four bytes each


class PreviewItem(Item, discriminator="PV"):
    """`unfilled` are names with spaces between them."""

    model = UnicodeAttribute(attr_name="m")
    unfilled = UnicodeAttribute(attr_name="v", null=True)
    input_tokens = NumberAttribute(attr_name="ti", null=True)
    output_tokens = NumberAttribute(attr_name="to", null=True)
    estimated = BooleanAttribute(attr_name="te", null=True)
    ttl = NumberAttribute()


@dataclass(frozen=True)
class Preview:
    """What came of one: the answer, the name of the `model` that gave it, and the placeholders that
    had no value.
    """

    text: str
    model: str
    usage: Usage | None
    unfilled: tuple[str, ...] = ()


def begin(owner: str, answer: Message, prompt: Prompt | None, expires: float, terms: Terms) -> bool:
    """Take a lease for an answer to come, hold what it may cost and count the use of its prompt,
    all or nothing. `owner` is the account's partition. False where its number is taken.

    Raises, in this order, Claimed or IdempotencyMismatch, NotFound where the prompt is gone,
    NoCredits or TooManyRunning.
    """
    transaction = Transaction()
    if terms.claim:
        terms.claim.add_to(transaction, answer.id)
    lease = _lease(owner, answer.id)
    lease.generation, lease.expires, lease.ttl = answer.id, expires, int(expires) + LEASE_KEPT
    transaction.put("lease", lease, LeaseItem.pk.does_not_exist())
    if prompt:
        prompts.add_use(transaction, owner, prompt)
    if answer.hold:
        balances.add_hold(transaction, keys.previews(owner), answer, answer.hold, terms.allowance)
    try:
        transaction.commit()
    except Refused as refused:
        reasons = refused.reasons
        if terms.claim and "claim" in reasons:
            terms.claim.refused(reasons["claim"], answer.id)
        if "lease" in reasons:
            item = reasons["lease"].item
            return isinstance(item, LeaseItem) and item.generation == answer.id
        if "prompt" in reasons:
            raise NotFound("Prompt") from refused
        if "balance" in reasons and answer.hold:
            hold = answer.hold
            raise balances.refused(reasons["balance"], hold, terms.allowance) from refused
        raise
    return True


def keep(generation: str, text: str, now: float) -> None:
    """Keep the text of an answer for who asks again, before it ends."""
    for number, start in enumerate(range(0, len(text), _PIECE), 1):
        piece = Produced(number, int(now * 1000), Text(text[start : start + _PIECE]))
        generations.log(generation, number, [piece], now)


def end(owner: str, generation: str, result: Preview | None, bill: Bill | None, now: float) -> bool:
    """Give the lease up and pay the bill, all or nothing, with what came of it where somebody may
    ask again. False where the bill was found settled before, which is not to be. What has ended
    already stays as it is.
    """
    paid = True
    while True:
        transaction = Transaction()
        ours = LeaseItem.generation == generation
        transaction.delete("lease", _lease(owner, generation), ours)
        if result:
            usage = result.usage
            item = PreviewItem(
                keys.generation(generation),
                keys.PREVIEW,
                model=result.model,
                unfilled=" ".join(result.unfilled) or None,
                input_tokens=usage.input if usage else None,
                output_tokens=usage.output if usage else None,
                estimated=(usage and usage.estimated) or None,
                ttl=int(now) + KEPT,
            )
            transaction.put("result", item)
        if bill:
            bill.add_to(transaction)
        try:
            transaction.commit()
        except Refused as refused:
            if "lease" in refused.reasons:
                return paid  # an earlier attempt of ours, whose answer was lost
            bill, paid = None, False
            continue
        return paid


def is_running(owner: str, generation: str, now: float) -> bool:
    lease = get(LeaseItem, _partition(owner, generation), keys.LEASE)
    return lease is not None and lease.generation == generation and lease.expires > now


def find(generation: str) -> Preview | None:
    """What came of one; None while it runs, and where nothing did."""
    item = get(PreviewItem, keys.generation(generation), keys.PREVIEW)
    if item is None:
        return None
    usage = None
    if item.input_tokens is not None and item.output_tokens is not None:
        usage = Usage(int(item.input_tokens), int(item.output_tokens), bool(item.estimated))
    logged = (event.part for event in generations.logged(generation))
    text = "".join(part.text for part in logged if isinstance(part, Text))
    return Preview(text, item.model, usage, tuple((item.unfilled or "").split()))


def _lease(owner: str, generation: str) -> LeaseItem:
    return LeaseItem(_partition(owner, generation), keys.LEASE)


def _partition(owner: str, generation: str) -> str:
    return keys.conversation(keys.previews(owner), conversation_of(generation) or 0)

"""What a crash left, brought to an end: the partial text is kept, the state is `error`.

Reading never writes: it shows what the repair will store. Whoever must write repairs first.
"""

from collections.abc import Iterable
from dataclasses import replace

from reprise.chat import context
from reprise.chat.ids import conversation_of
from reprise.chat.messages import (
    Conversation,
    Hold,
    Lease,
    Message,
    Part,
    Usage,
    join_text,
    path_hash,
    price,
)
from reprise.engine import metrics
from reprise.store import balances, generations, keys, messages
from reprise.store.balances import Bill


def running(message: Message, lease: Lease | None, now: float) -> bool:
    """Whether somebody is still writing this answer."""
    return (
        message.state == "in-progress"
        and lease is not None
        and lease.generation == message.id
        and lease.live(now)
    )


def as_shown(message: Message, lease: Lease | None, now: float) -> Message:
    """A message as readers see it: an answer in progress with the text that was logged so far; one
    that nobody writes any more as it will be repaired.
    """
    if message.state != "in-progress":
        return message
    events = generations.logged(message.id)
    parts = join_text(event.part for event in events)
    if running(message, lease, now):
        return replace(message, parts=parts)
    unit, usage = message.hold.unit if message.hold else None, estimate((), parts)
    return replace(
        message,
        parts=parts,
        state="error",
        finish_reason="error",
        usage=usage,
        cost=None if unit is None else price(unit, usage),
        events=len(events),
        before=None,
        hold=None,
    )


def estimate(read: Iterable[Message], parts: tuple[Part, ...]) -> Usage | None:
    """Usage that nobody reported, from what the model was given, as far as that is known, and what
    it said. None where it said nothing.
    """
    if not parts:
        return None
    said = sum(map(context.tokens_of_part, parts))
    return Usage(sum(map(context.tokens_of, read)), said, estimated=True)


def repair(conversation: Conversation, abandoned: Message, lease: Lease | None, now: float) -> None:
    """End an answer whose writer is gone. Whoever else ended it first has done the same."""
    shown = as_shown(abandoned, lease, now)
    ended = replace(
        shown,
        path=path_hash(abandoned.path, "assistant", shown.text),
        updated=int(now * 1000),
    )
    try:
        head = give_back(abandoned, ended)
        hold = abandoned.hold
        bill = bill_for(conversation.owner, ended, hold, (hold and hold.unit) or 0, ended.model)
        settled = generations.end(conversation, ended, head, bill, repair=True)
    except generations.Lost:
        return
    metrics.ended(ended)
    if not settled:
        metrics.not_settled(hold)


def bill_for(
    owner: str, answer: Message, hold: Hold | None, unit: int, model: str | None
) -> Bill | None:
    """What an ended answer costs its payer, at `unit` credits for a thousand tokens of `model`.
    None where nothing was held for it.
    """
    if hold is None:
        return None
    cost = price(unit, answer.usage)
    return Bill(owner, answer.id, hold, cost, answer.usage, model, answer.updated)


def give_back(placeholder: Message, ended: Message) -> str | None:
    """The head to show again when an answer came to nothing: what a redo replaced, else the message
    that it would have answered. None when there is something to show.
    """
    return None if ended.shown else placeholder.before or placeholder.parent


def repair_expired(partition: str, generation: str, now: float) -> bool:
    """Repair the answer whose lease the table removed, or settle the preview whose it was. False
    when that was done already, or its conversation is gone, or somebody writes it still.
    """
    owner, number = keys.split_conversation(partition)
    if account := keys.account_of_previews(owner):
        release_expired(account, now)
        return True
    abandoned, found = messages.find(owner, number, generation)
    if (
        abandoned is None
        or found.conversation is None
        or abandoned.state != "in-progress"
        or running(abandoned, found.lease, now)
    ):
        return False
    repair(found.conversation, abandoned, found.lease, now)
    return True


def release_expired(payer: str, now: float) -> None:
    """End the answers of an account whose writers are gone, and with them what is held for them,
    the oldest first, in this month and the one before. Also settles those of deleted conversations,
    for the text that was logged, and previews, which have a lease and no conversation.
    """
    month = balances.period(int(now * 1000))
    held = balances.find(payer, month).holds | balances.find(payer, balances.before(month)).holds
    for mark in sorted(held):
        owner, generation, hold = balances.split_hold(payer, mark)
        number = conversation_of(generation)
        abandoned, found = messages.find(owner, number or 0, generation)
        if found.conversation is None and found.lease and found.lease.live(now):
            continue
        if abandoned is None or found.conversation is None:
            parts = join_text(event.part for event in generations.logged(generation))
            usage = estimate((), parts)
            cost = price(hold.unit or 0, usage)
            Bill(owner, generation, hold, cost, usage, None, int(now * 1000)).settle()
        elif abandoned.state == "in-progress" and not running(abandoned, found.lease, now):
            repair(found.conversation, abandoned, found.lease, now)

"""What a crash left, brought to an end: the partial text is kept, the state is `error`.

Reading never writes: it shows what the repair will store. Whoever must write repairs first.
"""

from dataclasses import replace

from reprise.chat.messages import Conversation, Lease, Message, join_text, path_hash
from reprise.store import generations, keys, messages


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
    parts = join_text(event.part for event in generations.logged(message.id))
    if running(message, lease, now):
        return replace(message, parts=parts)
    return replace(message, parts=parts, state="error", finish_reason="error", before=None)


def repair(conversation: Conversation, abandoned: Message, lease: Lease | None, now: float) -> None:
    """End an answer whose writer is gone. Whoever else ended it first has done the same."""
    shown = as_shown(abandoned, lease, now)
    ended = replace(
        shown,
        path=path_hash(abandoned.path, "assistant", shown.text),
        updated=int(now * 1000),
    )
    try:
        generations.end(conversation, ended, give_back(abandoned, ended), repair=True)
    except generations.Lost:
        return


def give_back(placeholder: Message, ended: Message) -> str | None:
    """The head to show again when an answer came to nothing: what a redo replaced, else the message
    that it would have answered. None when there is something to show.
    """
    return None if ended.shown else placeholder.before or placeholder.parent


def repair_expired(partition: str, generation: str, now: float) -> bool:
    """Repair the answer whose lease the table removed. False when that was done already, or its
    conversation is gone, or somebody writes it still.
    """
    owner, number = keys.split_conversation(partition)
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

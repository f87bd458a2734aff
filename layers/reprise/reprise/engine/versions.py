"""The versions of an answer: list them, and show another."""

import asyncio
from collections.abc import Iterator

from reprise.chat.errors import Conflict, Invalid
from reprise.chat.messages import Conversation, Message
from reprise.engine import reading
from reprise.engine.admit import ATTEMPTS, Admitted, admit
from reprise.engine.asker import Asker
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown
from reprise.engine.where import home_of
from reprise.store import generations, messages, versions

TIPS_TRIED = 20
_PAGE = 100  # messages of a path that is read to see where it leads


def versions_of(
    engine: Engine, owner: str, message_id: str
) -> tuple[Conversation, Iterator[Message]]:
    """The versions of an answer, or the edits of a user's message, oldest first, large bodies not
    loaded. Raises NotFound.
    """
    conversation, message = reading.find(engine, owner, message_id)
    ids = versions.siblings(conversation, message) or [message.id]
    found = messages.find_many(conversation, ids)

    def shown() -> Iterator[Message]:
        for each in ids:
            if each in found.messages:
                seen = as_shown(found.messages[each], found.lease, engine.now())
                if seen.shown:
                    yield versions.number(seen, ids)

    return conversation, shown()


async def select(engine: Engine, asker: Asker, message_id: str) -> Conversation:
    """Show the branch of another version of an answer, with the tip that was last shown under it.

    Raises NotFound, Invalid (not an answer), Conflict (with the generation that runs, if one does).
    """
    for _ in range(ATTEMPTS):
        admitted = await admit(engine, asker.owner, home_of(message_id))
        wanted = await admitted.shown(message_id)
        if wanted.role != "assistant":
            raise Invalid("message_id", "only an answer can be selected")
        head = admitted.conversation.head
        if head is None or await asyncio.to_thread(_leads_to, admitted, head, wanted):
            return admitted.conversation
        branch = await asyncio.to_thread(_branch_of, admitted, wanted)
        try:
            await asyncio.to_thread(generations.select, admitted.conversation, *branch)
        except (generations.Moved, generations.Held):
            continue
        return admitted.conversation
    raise Conflict


def _branch_of(admitted: Admitted, wanted: Message) -> tuple[str, str, list[str]]:
    """The tip to show for a version, the sort key of the siblings where its branch parts from the
    shown one, and the marks that lie there.

    The tip is noted where its branch was left, which may be above the version: where somebody
    edited an earlier message, say. What lies below a message has a greater id.
    """
    conversation = admitted.conversation
    left = versions.left(conversation)
    tips = [head for head in versions.heads_left(left) if head >= wanted.id][:TIPS_TRIED]
    tip = next((head for head in tips if _leads_to(admitted, head, wanted)), wanted.id)
    shown = _path(admitted, str(conversation.head))
    other = _path(admitted, wanted.id)
    here, there = next(shown, None), next(other, None)
    child = here
    while here and (there is None or here.id != there.id):
        if there is None or here.depth >= there.depth:
            child, here = here, next(shown, None)
        if there and here and there.depth > here.depth:
            there = next(other, None)
    fork = versions.key_of(conversation, child or wanted)
    return tip, fork, left.get(fork, [])


def _leads_to(admitted: Admitted, tip: str, wanted: Message) -> bool:
    """Whether a message lies on the branch that ends at `tip`."""
    if tip == wanted.id:
        return True
    for message in _path(admitted, tip):
        if message.depth <= wanted.depth:
            return message.id == wanted.id
    return False


def _path(admitted: Admitted, tip: str) -> Iterator[Message]:
    conversation = admitted.conversation
    return messages.branch(conversation.owner, conversation.number, tip, admitted.found, _PAGE)

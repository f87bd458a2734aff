"""What a redo answers anew: one operation, and each surface's rule for what its target means.

A rule is given the conversation as it is and finds the message to answer, None for the
conversation's beginning, and an answer that there already is.
"""

import asyncio
from collections.abc import Awaitable, Callable

from reprise.chat.errors import Conflict, Invalid, NotFound, NothingToRedo
from reprise.chat.messages import Message
from reprise.engine.admit import Admitted

Rule = Callable[[Admitted], Awaitable[tuple[Message | None, str | None]]]


def version_of(target: str) -> Rule:
    """An answer, of any branch, becomes one more version; another message, one more answer. So does
    what an answer was to that came to nothing, which is not shown. Raises NotFound, and Invalid for
    what a client put at the beginning as an answer.
    """

    async def rule(admitted: Admitted) -> tuple[Message | None, str | None]:
        message = await admitted.message(target)
        if message.hidden:
            raise NotFound("Message")
        if message.role != "assistant":
            return message, await admitted.answer_to(message)
        if message.parent is None and message.begun is None:
            raise Invalid("message_id", "nothing was asked before it")
        parent = await admitted.message(message.parent) if message.parent else None
        if message.shown:
            return parent, message.id
        if parent is None:
            raise NotFound("Message")
        return parent, await admitted.answer_to(parent)

    return rule


def keep(target: str) -> Rule:
    """A message of the shown branch stays, everything after it is done again. Raises NotFound, and
    NothingToRedo where nothing comes after it, or nothing is shown at all.
    """

    async def rule(admitted: Admitted) -> tuple[Message | None, str | None]:
        path = await _back_to(admitted, target)
        if not path:
            raise NotFound("Message") if await _shows_any(admitted) else NothingToRedo("empty")
        *after, message = path
        if not any(each.shown for each in after):
            raise NothingToRedo("last")
        return message, _answer(after)

    return rule


def drop(target: str) -> Rule:
    """A message of the shown branch goes, with everything after it, and the user's message before
    it is answered again; so it is where the target is an answer that failed empty, which is not
    shown. Raises NotFound, and NothingToRedo where there is none.
    """

    async def rule(admitted: Admitted) -> tuple[Message | None, str | None]:
        path = await _back_to(admitted, target)
        if path:
            return await _question_before(admitted, path[-1])
        return await _question_of_failed(admitted, target)

    return rule


def last(target: str) -> Rule:
    """The answer that is the last thing shown; so is one that failed empty in its place, which is
    not shown. Raises NotFound, and Conflict for any other.
    """

    async def rule(admitted: Admitted) -> tuple[Message | None, str | None]:
        message = await admitted.message(target)
        if message.hidden:
            raise NotFound("Message")
        after = await asyncio.to_thread(_one_behind, admitted, message.parent)
        if message.role != "assistant" or after is None:
            raise Conflict
        if message.shown and [each.id for each in after] != [message.id]:
            raise Conflict
        if any(each.role != "assistant" for each in after):
            raise Conflict
        parent = await admitted.message(message.parent) if message.parent else None
        return parent, after[0].id if after else None

    return rule


def _one_behind(admitted: Admitted, parent: str | None) -> list[Message] | None:
    """What is shown behind a message, or from the conversation's beginning on, if that is one
    message at most; None where it is more, and where the shown branch has no such message.
    """
    shown: list[Message] = []
    for message in admitted.branch():
        if message.id == parent:
            return shown
        if message.shown:
            shown.append(message)
        if len(shown) > 1:
            return None
    return shown if parent is None else None


async def _question_of_failed(admitted: Admitted, target: str) -> tuple[Message | None, str | None]:
    """What an answer that failed empty was to, and the answer that there is now. Raises
    NotFound.
    """
    failed = await admitted.message(target)
    if failed.shown or failed.hidden or failed.parent is None:
        raise NotFound("Message")
    path = await _back_to(admitted, failed.parent)
    if not path:
        raise NotFound("Message")
    *after, before = path
    if before.role == "user":
        return before, _answer(after) if after else None
    if before.finish_reason != "tool-calls":
        raise NotFound("Message")
    return await _question_before(admitted, before)  # it went on behind what its tools gave


async def _question_before(
    admitted: Admitted, behind: Message
) -> tuple[Message | None, str | None]:
    """The last user's message before a message of the shown branch, and the answer that there is to
    it. Raises NothingToRedo where there is none.
    """
    while behind.parent is not None:
        before = await admitted.message(behind.parent)
        if before.role == "user" and before.shown:
            return before, _answer([behind])
        behind = before
    raise NothingToRedo("no question")


async def _shows_any(admitted: Admitted) -> bool:
    """Whether anything of the shown branch is left to see: all of it may have been deleted."""

    return await asyncio.to_thread(lambda: any(each.shown for each in admitted.branch()))


async def _back_to(admitted: Admitted, target: str) -> list[Message]:
    """The shown branch from its head back to a message that can be named; empty where it is not on
    it.
    """

    def walk() -> list[Message]:
        path: list[Message] = []
        for message in admitted.branch():
            path.append(message)
            if message.id == target:
                return path if message.shown else []
            if message.id < target:
                break  # ids sort by age
        return []

    return await asyncio.to_thread(walk)


def _answer(after: list[Message]) -> str | None:
    """The id of the answer that comes first, of what comes after a message, newest first."""
    first = after[-1]
    return first.id if first.role == "assistant" and first.shown else None

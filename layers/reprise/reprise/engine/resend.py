"""Clients that send the whole history each time: what of it is there already is not stored again.

The history is matched by `path`, the hash that stands for a branch up to a message. Where it is the
shown branch, the new message is appended; where it goes another way, it branches off there; a
question that is there already is answered once more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reprise.chat.messages import Message, Said, path_hash
from reprise.engine import turns
from reprise.engine.admit import Admitted
from reprise.engine.asker import Asker
from reprise.engine.begin import Options, begin
from reprise.engine.engine import Engine
from reprise.engine.turns import Run
from reprise.engine.where import Where
from reprise.store.generations import Turn


async def resend(
    engine: Engine, asker: Asker, where: Where, said: Sequence[Said], options: Options
) -> Run:
    """Begin the answer to the last of `said`, behind the others. A conversation that somebody
    switched to a model is answered by that. Raises as `turns.send` does.
    """
    turns.check_said(said)
    engine.models.find(options.model)
    paths = paths_of(said)  # two milliseconds a thousand: a thread would wait longer for its turn

    async def plan(admitted: Admitted) -> Turn:
        conversation = admitted.conversation
        named = conversation.model if conversation.switched else options.model
        model, wanted = engine.models.find(named), replace(options, model=named)
        there, next_ = await asyncio.to_thread(_common, admitted, paths)
        known = there.depth + 1 if there else 0
        if there and known == len(said):
            answer = turns.new_answer(
                engine, asker, conversation, there, model, wanted, "redo", conversation.head
            )
            sibling = await admitted.answer_to(there)
            if sibling is None and there.id != conversation.head:
                sibling = answer.id  # see turns.redo
            return Turn(conversation, (answer,), sibling)
        first, *_ = chain = turns.chain(engine, conversation.number, there, said[known:])
        *before, user = chain
        answer = turns.new_answer(engine, asker, conversation, user, model, wanted, "send")
        sibling = None
        if next_:
            sibling = next_.id if next_.role == first.role else first.id  # see turns.redo
        return Turn(conversation, (user, answer), sibling, before=tuple(before))

    return await begin(engine, asker, where, plan, options)


def paths_of(said: Sequence[Said]) -> list[bytes]:
    """The path up to each message."""
    paths: list[bytes] = []
    for each in said:
        paths.append(path_hash(paths[-1] if paths else b"", each.role, each.text))
    return paths


def _common(admitted: Admitted, paths: Sequence[bytes]) -> tuple[Message | None, Message | None]:
    """The last message that the shown branch and what was sent have in common, and the one that the
    branch goes on with. None where there is none.
    """
    next_ = None
    for message in admitted.branch():
        if message.depth < len(paths) and message.path == paths[message.depth]:
            return message, next_
        next_ = message
    return None, next_

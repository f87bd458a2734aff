"""Turns: a message is stored, and the answer to it begun, in one write."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reprise.chat import context
from reprise.chat.errors import Conflict, Invalid, NotFound
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import (
    MAX_TEXT,
    Begin,
    Conversation,
    Message,
    Role,
    Said,
    Text,
    open_calls,
    path_hash,
)
from reprise.engine import reading
from reprise.engine.admit import ATTEMPTS, Admitted, admit
from reprise.engine.asker import Asker
from reprise.engine.attach import Attached, attach
from reprise.engine.begin import Options, begin, clear, run, store
from reprise.engine.conversations import Draft, new_conversation
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.engine.targets import Rule
from reprise.engine.where import Thread, Where
from reprise.llm.catalogue import Model
from reprise.store import generations, messages
from reprise.store.claims import Claimed
from reprise.store.generations import Turn

Run = Generation | Attached
TITLE_MADE_OF = 60  # characters of the first message


async def send(engine: Engine, asker: Asker, where: Where, text: str, options: Options) -> Run:
    """Append a user message at the head and begin the answer to it.

    Raises Invalid and what `begin` raises: Conflict has the generation that runs, if one does.
    """
    check_text(text)
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        user = new_message(engine, admitted.conversation.number, admitted.head, "user", text)
        answer = new_answer(engine, asker, admitted.conversation, user, model, options, "send")
        return Turn(admitted.conversation, (user, answer))

    return await begin(engine, asker, where, plan, options)


async def edit(
    engine: Engine, asker: Asker, where: Where, target: str, text: str, options: Options
) -> Run:
    """Say a user message anew, on a branch of its own, and begin the answer to it. Raises as `send`
    does.
    """
    check_text(text)
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        old = await admitted.shown(target)
        if old.role != "user":
            raise Invalid("message_id", "only a user's message can be edited")
        parent = await admitted.message(old.parent) if old.parent else None
        user = new_message(engine, admitted.conversation.number, parent, "user", text)
        answer = new_answer(engine, asker, admitted.conversation, user, model, options, "send")
        return Turn(admitted.conversation, (user, answer), sibling=old.id)

    return await begin(engine, asker, where, plan, options)


async def redo(engine: Engine, asker: Asker, where: Where, rule: Rule, options: Options) -> Run:
    """Begin another answer where the surface's rule says; what there is stays. Raises what the rule
    does, and as `send` does.
    """
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        parent, sibling = await rule(admitted)
        conversation, head = admitted.conversation, admitted.conversation.head
        again = new_answer(engine, asker, conversation, parent, model, options, "redo", before=head)
        if sibling is None and (parent.id if parent else None) != head:
            sibling = again.id  # a branch all the same: it notes the head that it takes over from
        return Turn(conversation, (again,), sibling=sibling)

    return await begin(engine, asker, where, plan, options)


async def proceed(engine: Engine, asker: Asker, where: Where, options: Options) -> Run:
    """Go on behind an answer that ended with tool calls, now that all have their results. Raises
    Invalid where that is not so, and as `send` does.
    """
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        head = admitted.head
        if head is None or head.finish_reason != "tool-calls":
            raise Invalid("message", "Required")
        head = await asyncio.to_thread(messages.load, head)
        if open_calls(head.parts):
            raise Invalid("message", "Required: a tool call has no result yet")
        conversation = admitted.conversation
        answer = new_answer(engine, asker, conversation, head, model, options, "redo")
        return Turn(conversation, (answer,))

    return await begin(engine, asker, where, plan, options)


async def send_to_thread(
    engine: Engine, asker: Asker, where: Where, text: str, options: Options, draft: Draft
) -> Run:
    """The same as `send`, and as `start` where its client's thread has no conversation yet. Raises
    as they do.
    """
    for _ in range(ATTEMPTS):
        try:
            return await send(engine, asker, where, text, options)
        except NotFound:
            if not isinstance(where, Thread):
                raise
        asker = replace(asker, count=None)  # it is still the same request
        begun = await _start(
            engine, asker, [Said("user", text)], options, replace(draft, thread=where)
        )
        if begun:
            return begun
    raise Conflict


async def start(
    engine: Engine, asker: Asker, said: Sequence[Said], options: Options, draft: Draft
) -> Run:
    """Make a conversation with what was said, and begin the answer to the last of it; where nothing
    was said the answer comes first. Raises as `send` does.
    """
    while True:
        if begun := await _start(engine, asker, said, options, draft):
            return begun
        asker = replace(asker, count=None)


async def _start(
    engine: Engine, asker: Asker, said: Sequence[Said], options: Options, draft: Draft
) -> Run | None:
    """None where the number is taken."""
    check_said(said)
    if said:
        asked = next((each for each in said if each.role == "user"), said[0])
        draft = replace(draft, title=draft.title or title_of(asked.text))
    model = engine.models.find(options.model)
    try:
        await asker.clear(engine.now())
        conversation = new_conversation(engine, asker.owner, draft)
        first = chain(engine, conversation.number, None, said)
        parent = first[-1] if first else None
        answer = new_answer(engine, asker, conversation, parent, model, options, "start")
        turn = Turn(conversation, (*first[-1:], answer), created=True, before=tuple(first[:-1]))
        try:
            stored = await store(engine, asker, turn)
        except (generations.Moved, generations.Held):
            return None

        async def history() -> list[Message]:
            return list(context.fill(reversed(first), model.window))[::-1]

        return run(engine, asker, turn, stored, history(), model, options)
    except Claimed as claimed:
        return await attach(engine, asker.owner, claimed.result, asker.deadline)


async def append(
    engine: Engine, asker: Asker, conversation_id: str, role: Role, text: str
) -> tuple[Conversation, Message]:
    """Store a message that nobody shall answer. Raises as `send` does."""
    check_text(text)
    try:
        admitted = await clear(engine, asker, admit(engine, asker.owner, conversation_id))
        for attempt in range(ATTEMPTS):
            if attempt:
                admitted = await admit(engine, asker.owner, conversation_id)
            message = new_message(engine, admitted.conversation.number, admitted.head, role, text)
            turn = Turn(admitted.conversation, (message,))
            try:
                return await store(engine, asker, turn), message
            except (generations.Moved, generations.Held):
                continue
        raise Conflict
    except Claimed as claimed:
        return await asyncio.to_thread(reading.message, engine, asker.owner, claimed.result)


def check_text(text: str) -> None:
    """Raises Invalid for a content that no surface takes."""
    if not text.strip():
        raise Invalid("content", "must not be empty")
    if len(text) > MAX_TEXT:
        raise Invalid("content", f"must be at most {MAX_TEXT:,} characters")


def check_said(said: Sequence[Said]) -> None:
    """Raises Invalid as `check_text` does. An answer may be empty: models give such, and clients
    send them back.
    """
    for each in said:
        if each.role != "assistant" or each.text.strip():
            check_text(each.text)


def title_of(text: str) -> str:
    """A title for a conversation that begins with `text`: its first words."""
    words = " ".join(text.strip()[: 10 * TITLE_MADE_OF].split())
    if len(words) <= TITLE_MADE_OF:
        return words
    return words[:TITLE_MADE_OF].rsplit(" ", 1)[0] + "…"


def chain(
    engine: Engine, conversation: int, parent: Message | None, said: Sequence[Said]
) -> list[Message]:
    """Messages that follow each other behind `parent`."""
    chained: list[Message] = []
    for each in said:
        parent = new_message(engine, conversation, parent, each.role, each.text)
        chained.append(parent)
    return chained


def new_message(
    engine: Engine, conversation: int, parent: Message | None, role: Role, text: str
) -> Message:
    message_id = engine.mint.message_id(conversation, parent.id if parent else None)
    return Message(
        id=message_id,
        role=role,
        parts=(Text(text),) if text.strip() else (),
        parent=parent.id if parent else None,
        depth=parent.depth + 1 if parent else 0,
        path=path_hash(parent.path if parent else b"", role, text),
        state="done",
        created=milliseconds_of(message_id),
        updated=milliseconds_of(message_id),
    )


def new_answer(
    engine: Engine,
    asker: Asker,
    conversation: Conversation,
    parent: Message | None,
    model: Model,
    options: Options,
    begun: Begin,
    before: str | None = None,
) -> Message:
    """The answer to `parent` that a generation will fill. `before`: see Message."""
    message_id = engine.mint.message_id(conversation.number, parent.id if parent else None)
    return Message(
        id=message_id,
        role="assistant",
        parts=(),
        parent=parent.id if parent else None,
        depth=parent.depth + 1 if parent else 0,
        path=parent.path if parent else b"",
        state="in-progress",
        created=milliseconds_of(message_id),
        updated=milliseconds_of(message_id),
        model=options.model or model.name,
        before=before,
        begun=begun,
        hold=asker.hold(model),
    )

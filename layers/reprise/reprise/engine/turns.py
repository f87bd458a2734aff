"""Turns: a message is stored, and the answer to it begun, in one write."""

import asyncio

from reprise.chat.errors import Conflict, Invalid
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import MAX_TEXT, Begin, Conversation, Message, Role, Text, path_hash
from reprise.engine import reading
from reprise.engine.admit import ATTEMPTS, Admitted, Where, admit
from reprise.engine.asker import Asker
from reprise.engine.attach import Attached, attach
from reprise.engine.begin import Options, begin, clear, run, store
from reprise.engine.conversations import new_conversation
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.llm.catalogue import Model
from reprise.store import generations
from reprise.store.claims import Claimed
from reprise.store.generations import Turn

Run = Generation | Attached
TITLE_MADE_OF = 60  # characters of the first message


async def send(
    engine: Engine, asker: Asker, conversation_id: str, text: str, options: Options
) -> Run:
    """Append a user message at the head and begin the answer to it.

    Raises Invalid and what `begin` raises: Conflict has the generation that runs, if one does.
    """
    check_text(text)
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        user = _message(engine, admitted.conversation.number, admitted.head, "user", text)
        answer = _placeholder(engine, asker, admitted.conversation, user, model, options, "send")
        return Turn(admitted.conversation, (user, answer))

    return await begin(engine, asker, conversation_id, plan, model, options)


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
        user = _message(engine, admitted.conversation.number, parent, "user", text)
        answer = _placeholder(engine, asker, admitted.conversation, user, model, options, "send")
        return Turn(admitted.conversation, (user, answer), sibling=old.id)

    return await begin(engine, asker, where, plan, model, options)


async def redo(engine: Engine, asker: Asker, where: Where, target: str, options: Options) -> Run:
    """Begin another version of an answer, or an answer to a message that has none; what there is
    stays. Raises as `send` does.
    """
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        message = await admitted.shown(target)
        if message.role == "assistant":
            if message.parent is None:
                raise Invalid("message_id", "nothing was asked before it")
            parent = await admitted.message(message.parent)
            sibling: str | None = message.id
        else:
            parent, sibling = message, await admitted.answer_to(message)
        conversation, head = admitted.conversation, admitted.conversation.head
        again = _placeholder(
            engine, asker, conversation, parent, model, options, "redo", before=head
        )
        if sibling is None and parent.id != head:
            sibling = again.id  # a branch all the same: it notes the head that it takes over from
        return Turn(conversation, (again,), sibling=sibling)

    return await begin(engine, asker, where, plan, model, options)


async def start(
    engine: Engine, asker: Asker, text: str, title: str | None, options: Options
) -> Run:
    """Make a conversation with its first message and begin the answer, in one write. Raises as
    `send` does.
    """
    check_text(text)
    model = engine.models.find(options.model)
    try:
        await asker.clear(engine.now())
        while True:
            conversation = new_conversation(engine, asker.owner, title or title_of(text))
            user = _message(engine, conversation.number, None, "user", text)
            answer = _placeholder(engine, asker, conversation, user, model, options, "start")
            turn = Turn(conversation, (user, answer), created=True)
            try:
                stored = await store(engine, asker, turn)
            except (generations.Moved, generations.Held):
                continue  # the number is taken

            async def history(user: Message = user) -> list[Message]:
                return [user]

            return run(engine, turn, stored, history(), model, options, asker.deadline)
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
            message = _message(engine, admitted.conversation.number, admitted.head, role, text)
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


def title_of(text: str) -> str:
    """A title for a conversation that begins with `text`: its first words."""
    words = " ".join(text.strip()[: 10 * TITLE_MADE_OF].split())
    if len(words) <= TITLE_MADE_OF:
        return words
    return words[:TITLE_MADE_OF].rsplit(" ", 1)[0] + "…"


def _message(
    engine: Engine, conversation: int, parent: Message | None, role: Role, text: str
) -> Message:
    message_id = engine.mint.message_id(conversation, parent.id if parent else None)
    return Message(
        id=message_id,
        role=role,
        parts=(Text(text),),
        parent=parent.id if parent else None,
        depth=parent.depth + 1 if parent else 0,
        path=path_hash(parent.path if parent else b"", role, text),
        state="done",
        created=milliseconds_of(message_id),
        updated=milliseconds_of(message_id),
    )


def _placeholder(
    engine: Engine,
    asker: Asker,
    conversation: Conversation,
    parent: Message,
    model: Model,
    options: Options,
    begun: Begin,
    before: str | None = None,
) -> Message:
    """The answer to `parent` that a generation will fill. `before`: see Message."""
    message_id = engine.mint.message_id(conversation.number, parent.id)
    return Message(
        id=message_id,
        role="assistant",
        parts=(),
        parent=parent.id,
        depth=parent.depth + 1,
        path=parent.path,
        state="in-progress",
        created=milliseconds_of(message_id),
        updated=milliseconds_of(message_id),
        model=options.model or model.name,
        before=before,
        begun=begun,
        hold=asker.hold(model),
    )

"""Turns: a message is stored, and the answer to it begun, in one write."""

import asyncio

from reprise.chat.errors import Conflict, Invalid
from reprise.chat.ids import milliseconds_of
from reprise.chat.messages import MAX_TEXT, Conversation, Message, Role, Text, path_hash
from reprise.engine.admit import ATTEMPTS, Admitted, admit
from reprise.engine.begin import Options, begin, expires, run
from reprise.engine.conversations import new_conversation
from reprise.engine.engine import Engine
from reprise.engine.generation import Generation
from reprise.store import generations
from reprise.store.generations import Turn

TITLE_MADE_OF = 60  # characters of the first message


async def send(
    engine: Engine, owner: str, conversation_id: str, text: str, options: Options, deadline: float
) -> Generation:
    """Append a user message at the head and begin the answer to it.

    `deadline` is when the function ends, in seconds since the Unix epoch.
    Raises NotFound, Invalid, Conflict (with the generation that runs, if one does).
    """
    check_text(text)
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        number = admitted.conversation.number
        user = _message(engine, number, admitted.head, "user", text)
        return Turn(
            admitted.conversation,
            (user, _placeholder(engine, number, user, options.model or model.name)),
        )

    return await begin(engine, owner, conversation_id, plan, model, options, deadline)


async def redo(
    engine: Engine, owner: str, conversation_id: str, target: str, options: Options, deadline: float
) -> Generation:
    """Begin another version of an answer of the shown branch; the old one stays.

    Raises NotFound, Invalid (not an answer), Conflict.
    """
    model = engine.models.find(options.model)

    async def plan(admitted: Admitted) -> Turn:
        answer = await admitted.message(target)
        if answer.role != "assistant" or answer.parent is None:
            raise Invalid("message_id", "only an answer can be redone")
        again = _placeholder(
            engine,
            admitted.conversation.number,
            await admitted.message(answer.parent),
            options.model or model.name,
            before=admitted.conversation.head,
        )
        return Turn(admitted.conversation, (again,), sibling=answer.id)

    return await begin(engine, owner, conversation_id, plan, model, options, deadline)


async def start(
    engine: Engine, owner: str, text: str, title: str | None, options: Options, deadline: float
) -> Generation:
    """Make a conversation with its first message and begin the answer, in one write. Raises
    Invalid.
    """
    check_text(text)
    model = engine.models.find(options.model)
    while True:
        conversation = new_conversation(engine, owner, title or title_of(text))
        user = _message(engine, conversation.number, None, "user", text)
        answer = _placeholder(engine, conversation.number, user, options.model or model.name)
        turn = Turn(conversation, (user, answer), created=True)
        try:
            stored = await asyncio.to_thread(generations.begin, turn, expires(engine))
        except (generations.Moved, generations.Held):
            continue  # the number is taken

        async def history(user: Message = user) -> list[Message]:
            return [user]

        return run(engine, turn, stored, history(), model, options, deadline)


async def append(
    engine: Engine, owner: str, conversation_id: str, role: Role, text: str
) -> tuple[Conversation, Message]:
    """Store a message that nobody shall answer. Raises NotFound, Invalid, Conflict."""
    check_text(text)
    for _ in range(ATTEMPTS):
        admitted = await admit(engine, owner, conversation_id)
        message = _message(engine, admitted.conversation.number, admitted.head, role, text)
        turn = Turn(admitted.conversation, (message,))
        try:
            stored = await asyncio.to_thread(generations.begin, turn, expires(engine))
        except (generations.Moved, generations.Held):
            continue
        return stored, message
    raise Conflict


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
    engine: Engine, conversation: int, parent: Message, model: str, before: str | None = None
) -> Message:
    """The answer to `parent` that a generation will fill. `before`: see Message."""
    message_id = engine.mint.message_id(conversation, parent.id)
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
        model=model,
        before=before,
    )

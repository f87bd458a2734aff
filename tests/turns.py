"""A turn in a conversation, on every surface that can take one: `for way in WAYS: way(room)`."""

from collections.abc import Callable
from dataclasses import dataclass

from tests import chatbase, conversations, fixie, opey, sessions
from tests.api import Api
from tests.conversations import contents
from tests.conversations import send as say
from tests.opey import Visitor


@dataclass
class Room:
    """A conversation of a caller, one turn long. `agent` is the id of the default one."""

    api: Api
    key: str
    agent: str
    id: str
    number: int
    question: str
    reply: str


def by_opey(room: Room) -> None:
    assert opey.say(Visitor(key=room.key), "Who?", room.id).status == 200


def regenerated_by_opey(room: Room) -> None:
    visitor = Visitor(key=room.key)
    path = opey.regenerate(room.id, room.question)
    assert visitor.stream(path).status == 200


def by_sessions(room: Room) -> None:
    history = contents(room.api, room.id)
    sessions.stream(room.api, *history, "Who?", session_id=room.number)


def by_chatbase(room: Room) -> None:
    chatbase.ask(room.api, room.agent, "Who?", conversationId=room.id)


def retried_by_chatbase(room: Room) -> None:
    path = chatbase.retry(room.agent, room.id)
    assert room.api.stream(path, json={"messageId": room.reply}).status == 200


def by_fixie(room: Room) -> None:
    fixie.send(room.api, None, room.id, "Who?")


def regenerated_by_fixie(room: Room) -> None:
    path = fixie.regenerate(None, room.id, room.reply)
    assert room.api.stream(path, json={}).status == 200


def by_conversations(room: Room) -> None:
    say(room.api, room.id, "Who?")


def streamed_by_conversations(room: Room) -> None:
    path = conversations.stream(room.id)
    assert room.api.stream(path, json={"content": "Who?"}).status == 200


def edited(room: Room) -> None:
    path = conversations.message(room.question)
    assert room.api.stream(path, method="PATCH", json={"content": "Who?"}).status == 200


def regenerated(room: Room) -> None:
    path = conversations.regenerate(room.reply)
    assert room.api.stream(path, json={}).status == 200


WAYS: tuple[Callable[[Room], None], ...] = (
    by_sessions,
    by_opey,
    regenerated_by_opey,
    by_chatbase,
    retried_by_chatbase,
    by_fixie,
    regenerated_by_fixie,
    by_conversations,
    streamed_by_conversations,
    edited,
    regenerated,
)

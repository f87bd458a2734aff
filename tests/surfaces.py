"""The surfaces side by side, for tests of what holds on all of them: the same done and read on
each, in its own shape.

    surfaces = surfaces_of(secret, agent_id)
    made = surfaces["opey"].begin("Hello")
    assert surfaces["fixie"].shown(made) == surfaces["opey"].shown(made)
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from reprise.chat.ids import number_of
from tests import chatbase, conversations, fixie, opey, sessions
from tests.api import DONE, Api, Response


@dataclass(frozen=True)
class Shown:
    """A message as every surface can tell it."""

    id: str
    role: str
    text: str


class Surface(ABC):
    """A client of one surface, with one account's key and one of its agents. Answers are streamed;
    `request` goes to `Api.stream`.
    """

    name: ClassVar[str]

    def __init__(self, secret: str, agent: str) -> None:
        self.api = Api(secret)
        self.agent = agent

    @abstractmethod
    def start(self, text: str, **request: Any) -> Response:
        """A new conversation with its first message."""

    @abstractmethod
    def send(self, conversation: str, text: str, **request: Any) -> Response:
        """Another message."""

    @abstractmethod
    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        """Another answer to a question, by this surface's rule."""

    @abstractmethod
    def read(self, conversation: str) -> Response:
        """All messages of the shown branch."""

    @abstractmethod
    def shown(self, conversation: str) -> list[Shown]:
        """The same, the oldest first. Fails where there is no such conversation."""

    @abstractmethod
    def made(self, started: Response) -> str:
        """The id of the conversation that a stream began."""

    @abstractmethod
    def ending(self, told: Response) -> str:
        """How a stream ended, in this surface's words."""

    def listed(self) -> list[str] | None:
        """The ids of the conversations; None where a surface has no list."""
        return None

    def told(self, answer: Response) -> Any:
        """What is the same however often a request is made."""
        return answer.text

    def begin(self, text: str) -> str:
        """The id of a new conversation, whose first message was answered."""
        return self.made(self.start(text))


class Stopping(Surface):
    """One whose clients can end an answer early."""

    @abstractmethod
    def stop(self, conversation: str, answer: str) -> Response:
        """Have an answer end early."""


class Conversations(Stopping):
    name = "conversations"

    def start(self, text: str, **request: Any) -> Response:
        return self.api.stream(conversations.START, json={"content": text}, **request)

    def send(self, conversation: str, text: str, **request: Any) -> Response:
        path = conversations.stream(conversation)
        return self.api.stream(path, json={"content": text}, **request)

    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        return self.api.stream(conversations.regenerate(answer), **request)

    def stop(self, conversation: str, answer: str) -> Response:
        return self.api.post(conversations.stop(conversation))

    def read(self, conversation: str) -> Response:
        return self.api.get(conversations.messages(conversation))

    def shown(self, conversation: str) -> list[Shown]:
        newest_first = _good(self.read(conversation)).data
        return [Shown(m["id"], m["role"], m["content"]) for m in newest_first][::-1]

    def listed(self) -> list[str]:
        return [each["id"] for each in self.api.get(conversations.CONVERSATIONS).data]

    def made(self, started: Response) -> str:
        made: str = _good(started).events()[0]["data"]["conversation_id"]
        return made

    def ending(self, told: Response) -> str:
        *_, last, done = told.events()
        reason = last["data"]["finish_reason"] if last["type"] == "ai_complete" else ""
        return " ".join(filter(None, (last["type"], reason, done)))


class Opey(Stopping):
    """A thread is called by its conversation's id."""

    name = "opey"

    def __init__(self, secret: str, agent: str) -> None:
        super().__init__(secret, agent)
        self.api = opey.Visitor(key=secret)

    def start(self, text: str, **request: Any) -> Response:
        return self.api.stream("/stream", json={"message": text}, **request)

    def send(self, conversation: str, text: str, **request: Any) -> Response:
        body = {"message": text, "thread_id": conversation}
        return self.api.stream("/stream", json=body, **request)

    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        return self.api.stream(opey.regenerate(conversation, question), **request)

    def stop(self, conversation: str, answer: str) -> Response:
        return self.api.post(opey.stop(conversation))

    def read(self, conversation: str) -> Response:
        return self.api.get(opey.messages(conversation))

    def shown(self, conversation: str) -> list[Shown]:
        roles = {"human": "user", "ai": "assistant"}
        listed = _good(self.read(conversation)).json()["messages"]
        return [Shown(m["id"], roles[m["type"]], m["content"]) for m in listed]

    def made(self, started: Response) -> str:
        made: str = _good(started).events()[0]["thread_id"]
        return made

    def ending(self, told: Response) -> str:
        *_, last = events = opey.types(told)
        return f"{events[-2]} {DONE}" if last == DONE else last


class Chatbase(Surface):
    name = "chatbase"

    def start(self, text: str, **request: Any) -> Response:
        return self.api.stream(chatbase.chat(self.agent), json={"message": text}, **request)

    def send(self, conversation: str, text: str, **request: Any) -> Response:
        body = {"message": text, "conversationId": conversation}
        return self.api.stream(chatbase.chat(self.agent), json=body, **request)

    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        path = chatbase.retry(self.agent, conversation)
        return self.api.stream(path, json={"messageId": answer}, **request)

    def read(self, conversation: str) -> Response:
        return self.api.get(chatbase.messages(self.agent, conversation) + "?limit=100")

    def shown(self, conversation: str) -> list[Shown]:
        return [
            Shown(m["id"], m["role"], "".join(part["text"] for part in m["parts"]))
            for m in _good(self.read(conversation)).data
        ]

    def listed(self) -> list[str]:
        return [each["id"] for each in self.api.get(chatbase.conversations(self.agent)).data]

    def made(self, started: Response) -> str:
        made: str = chatbase.finish_of(_good(started))["messageMetadata"]["conversationId"]
        return made

    def ending(self, told: Response) -> str:
        finish = chatbase.finish_of(told)
        return f"{finish['type']} {finish['finishReason']} {DONE}"


class Fixie(Stopping):
    name = "fixie"

    def start(self, text: str, **request: Any) -> Response:
        path = fixie.conversations(self.agent)
        return self.api.stream(path, json={"message": text}, **request)

    def send(self, conversation: str, text: str, **request: Any) -> Response:
        path = fixie.messages(self.agent, conversation)
        return self.api.stream(path, json={"message": text}, **request)

    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        return self.api.stream(fixie.regenerate(self.agent, conversation, answer), **request)

    def stop(self, conversation: str, answer: str) -> Response:
        return self.api.post(fixie.stop(self.agent, conversation, answer))

    def read(self, conversation: str) -> Response:
        return self.api.get(fixie.conversation(self.agent, conversation))

    def shown(self, conversation: str) -> list[Shown]:
        turns = _good(self.read(conversation)).json()["turns"]
        return [Shown(turn["id"], turn["role"], fixie.text(turn)) for turn in turns]

    def listed(self) -> list[str]:
        found = self.api.get(fixie.conversations(self.agent)).json()["conversations"]
        return [each["id"] for each in found]

    def made(self, started: Response) -> str:
        made: str = fixie.last(started)["id"]
        return made

    def ending(self, told: Response) -> str:
        last = fixie.last(told)
        state: str = last["turns"][-1]["state"] if "turns" in last else last["state"]
        return state

    def told(self, answer: Response) -> Any:
        """How many lines there are on the way depends on time."""
        return fixie.last(answer)


class Sessions(Surface):
    """A client that resends the history. Its sessions are the conversations' numbers, and its
    messages have no ids: those are looked up elsewhere.
    """

    name = "sessions"

    def __init__(self, secret: str, agent: str) -> None:
        super().__init__(secret, agent)
        self.conversations = Conversations(secret, agent)
        self._sent: dict[str, sessions.Messages] = {}

    def start(self, text: str, **request: Any) -> Response:
        return self.api.stream(sessions.STREAM, json=sessions.body(text), **request)

    def send(self, conversation: str, text: str, **request: Any) -> Response:
        """Made again under the same `Idempotency-Key`, it is the same request."""
        said = [*self._messages(conversation), {"role": "user", "content": text}]
        if "headers" in request:
            said = self._sent.setdefault(f"{conversation} {text} {request['headers']}", said)
        return self._resend(conversation, said, **request)

    def redo(self, conversation: str, question: str, answer: str, **request: Any) -> Response:
        """The history up to a question that was answered before."""
        said = self._messages(conversation)
        ids = [each.id for each in self.conversations.shown(conversation)] if said else []
        upto = ids.index(question) + 1 if question in ids else len(said)
        return self._resend(conversation, said[:upto] or sessions.said("Hello"), **request)

    def read(self, conversation: str) -> Response:
        """The history, which has it if it is there."""
        return self.api.get(f"{sessions.HISTORY}?page_size=100")

    def shown(self, conversation: str) -> list[Shown]:
        told = self._messages(conversation)
        ids = [each.id for each in self.conversations.shown(conversation)] if told else []
        return [
            Shown(id_, each["role"], each["content"]) for id_, each in zip(ids, told, strict=True)
        ]

    def listed(self) -> list[str]:
        told = sessions.history(self.api)["sessions"]
        texts = {number_of(each): each for each in self.conversations.listed()}
        return [texts[each["id"]] for each in told]

    def made(self, started: Response) -> str:
        number = sessions.session_of(_good(started))
        return next(each for each in self.conversations.listed() if number_of(each) == number)

    def ending(self, told: Response) -> str:
        """Nothing, where it broke off."""
        return DONE if told.text.endswith(f"data: {DONE}\n\n") else ""

    def _messages(self, conversation: str) -> sessions.Messages:
        """None of a session that is not there."""
        number = number_of(conversation)
        told = _good(self.read(conversation)).json()["sessions"]
        return next((each["messages"] for each in told if each["id"] == number), [])

    def _resend(self, conversation: str, said: sessions.Messages, **request: Any) -> Response:
        body = {
            "model": sessions.MODEL,
            "messages": said,
            "session_id": number_of(conversation),
        }
        return self.api.stream(sessions.STREAM, json=body, **request)


SURFACES: dict[str, type[Surface]] = {
    each.name: each for each in (Conversations, Opey, Chatbase, Fixie, Sessions)
}


def surfaces_of(secret: str, agent: str) -> dict[str, Surface]:
    """One account's clients, by their names. `agent` is the one that the paths of agent surfaces
    name; only under the default one the others find their conversations there.
    """
    return {name: surface(secret, agent) for name, surface in SURFACES.items()}


def _good(answer: Response) -> Response:
    assert answer.status == 200, answer.text
    return answer

"""The clients that there are, by the rules they read with (docs/opey.md): each is written here as
it works, line by line, and given what the functions stream.
"""

import asyncio
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from opey.streams import Encoder, Telling
from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from tests.api import Api, Response
from tests.http.opey.test_events import ROUNDS, generation
from tests.models import FakeModels
from tests.opey import Visitor, regenerate, texts

STREAM = "/stream"


@dataclass
class Portal:
    """The reader of the portal's front end: a thread's messages by their ids, in a list that only
    grows at its end, made of lines that begin with `data: `.
    """

    thread: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    done: bool = False

    def read(self, answer: Response, chunks: Iterable[bytes]) -> "Portal":
        header = answer.headers.get("x-thread-id")
        if header is not None and header != self.thread:
            self.thread = header
        buffer = ""
        for chunk in chunks:
            *lines, buffer = (buffer + chunk.decode()).split("\n")
            for line in lines:
                self._line(line)
        return self

    def _line(self, line: str) -> None:
        if not line.startswith("data: "):
            return
        data = line[len("data: ") :]
        if data.strip() == "[DONE]":
            self.done = True
            return
        event = json.loads(data)
        match event["type"]:
            case "user_message_confirmed":
                mine = self._message(event["correlation_id"])
                mine |= {"id": event["message_id"], "pending": False}
            case "assistant_start":
                moment = datetime.fromtimestamp(event["timestamp"], UTC)
                new = {"id": event["message_id"], "role": "assistant", "text": "", "at": moment}
                self.messages.append(new)
            case "assistant_token":
                self._message(event["message_id"])["text"] += event["content"]
            case "assistant_complete":
                if any(each["id"] == event["message_id"] for each in self.messages):
                    self._message(event["message_id"])["text"] = event["content"]
                elif event["content"]:
                    new = {"id": event["message_id"], "role": "assistant", "text": event["content"]}
                    self.messages.append(new)
            case "tool_start":
                self.tools[event["tool_call_id"]] = {
                    "name": event["tool_name"],
                    "input": event["tool_input"],
                    "status": "running",
                }
            case "tool_complete":
                self.tools[event["tool_call_id"]]["status"] = event["status"]
            case "error":
                self.errors.append(event.get("error_message") or event["error"])
            case "thread_sync" | "keep_alive":
                pass
            case unknown:
                warnings.warn(f"unknown event {unknown}", stacklevel=2)

    def say(self, text: str, correlation: str) -> None:
        mine = {"id": correlation, "role": "user", "text": text, "pending": True}
        self.messages.append(mine)

    def cut_after(self, message_id: str) -> None:
        """What it does by itself when the user regenerates."""
        position = next(n for n, each in enumerate(self.messages) if each["id"] == message_id)
        del self.messages[position + 1 :]

    def _message(self, message_id: str) -> dict[str, Any]:
        return next(each for each in self.messages if each["id"] == message_id)

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.messages]


def portal_error(answer: Response) -> str:
    """What the portal shows for a status that is not 200; 401 makes it ask for another session."""
    data = answer.json()
    if answer.status == 401:
        return "refresh"
    if answer.status == 422:
        text: str = data["detail"][0]["msg"]
        return text
    shown: str = data.get("error") or data["message"]
    return shown


def cli(text: str) -> tuple[str | None, list[dict[str, Any]]]:
    """The command line's reader: events between empty lines. It believes `thread_sync`."""
    thread, events = None, []
    for block in text.split("\n\n"):
        if not block.startswith("data: "):
            continue
        data = block[len("data: ") :]
        if data == "[DONE]":
            break
        event = json.loads(data)
        if event["type"] == "thread_sync":
            thread = event["thread_id"]
        events.append(event)
    return thread, events


class AgentClientError(Exception):
    pass


def agent_client(lines: Iterable[str]) -> Iterator[str | dict[str, Any]]:
    """The Python client: tokens as they come, and whole replies; it raises for an error."""
    for line in lines:
        if not line.strip():
            continue
        line = line.strip()
        if not line.startswith("data: "):
            continue
        data = line[len("data: ") :]
        if data == "[DONE]":
            return
        event = json.loads(data)
        match event["type"]:
            case "assistant_token":
                yield event["content"]
            case "assistant_complete":
                yield event
            case "error":
                raise AgentClientError(event["error_message"])


def whole(answer: Response) -> Iterable[bytes]:
    return answer.writes


def byte_by_byte(answer: Response) -> Iterable[bytes]:
    return (answer.body[n : n + 1] for n in range(len(answer.body)))


def all_at_once(answer: Response) -> Iterable[bytes]:
    return (answer.body,)


@pytest.fixture(params=[whole, byte_by_byte, all_at_once])
def arriving(request: pytest.FixtureRequest) -> Callable[[Response], Iterable[bytes]]:
    """In which pieces a body arrives."""
    chosen: Callable[[Response], Iterable[bytes]] = request.param
    return chosen


Arriving = Callable[[Response], Iterable[bytes]]


def test_the_portal_shows_a_talk(visitor: Visitor, models: FakeModels, arriving: Arriving) -> None:
    portal = Portal("my-thread")
    for number, text in enumerate(("Hello", "What is OBP?")):
        portal.say(text, f"c{number}")
        sent = {"message": text, "thread_id": portal.thread, "correlation_id": f"c{number}"}
        answer = visitor.stream(STREAM, json=sent)
        portal.done = False
        portal.read(answer, arriving(answer))

        assert portal.done
        assert portal.errors == []

    assert portal.thread == "my-thread"
    assert portal.texts == ["Hello", "An answer.", "What is OBP?", "An answer."]
    assert portal.texts == texts(visitor, "my-thread")
    assert not any(each.get("pending") for each in portal.messages)


def test_the_portal_regenerates_from_its_own_message(visitor: Visitor, models: FakeModels) -> None:
    portal = Portal("my-thread")
    portal.say("Hello", "c1")
    sent = {"message": "Hello", "thread_id": "my-thread", "correlation_id": "c1"}
    answer = visitor.stream(STREAM, json=sent)
    portal.read(answer, answer.writes)
    target = portal.messages[0]["id"]

    portal.cut_after(target)
    models.enqueue(["Another", " one."])
    answer = visitor.stream(f"/stream/my-thread/regenerate?message_id={target}")
    portal.read(answer, answer.writes)

    assert portal.texts == ["Hello", "Another one."] == texts(visitor, "my-thread")
    assert portal.messages[1]["at"].year >= 2024


def test_the_portal_learns_the_thread_that_was_made_for_it(
    visitor: Visitor, models: FakeModels
) -> None:
    answer = visitor.stream(STREAM, json={"message": "Hello"})
    portal = Portal("")
    portal.say("Hello", answer.events()[1]["correlation_id"])

    portal.read(answer, answer.writes)

    assert texts(visitor, portal.thread) == portal.texts


def test_the_portal_shows_tools_between_replies() -> None:
    encoder = Encoder(Telling("trip", "c1"))
    wire = b"".join(encoder.encode(event) for event in generation(*ROUNDS))
    portal = Portal("trip")
    portal.say("Hi", "c1")

    portal.read(Response(200, {}, wire), [wire])

    assert portal.texts[1:] == ["Let me see.", "OBP is…"]
    assert {call: tool["status"] for call, tool in portal.tools.items()} == {
        "c1": "success",
        "c2": "error",
        "c3": "success",
    }


def test_no_client_trips_over_silences(visitor: Visitor, models: FakeModels) -> None:
    beats: list[bytes] = []

    async def until_told() -> None:
        while not beats:
            await asyncio.sleep(0.01)

    def seen(write: bytes) -> None:
        if b'"keep_alive"' in write:
            beats.append(write)

    web_engine.use(Engine(models, timing=Timing(silence=0.01)))
    models.enqueue(["Hel", until_told, "lo"])
    sent = {"message": "Hi", "correlation_id": "c1"}

    answer = visitor.stream(STREAM, json=sent, seen=seen)

    portal = Portal("")
    portal.say("Hi", "c1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        portal.read(answer, answer.writes)
    assert portal.texts == ["Hi", "Hello"]
    assert [each for each in agent_client(answer.text.splitlines()) if each == "Hel"]
    assert cli(answer.text)[0] == answer.headers["x-thread-id"]


def test_the_command_line_believes_the_events(visitor: Visitor, models: FakeModels) -> None:
    answer = visitor.post(STREAM, json={"message": "Hello"})

    thread, events = cli(answer.text)

    assert thread == answer.headers["x-thread-id"]
    assert "".join(each["content"] for each in events if each["type"] == "assistant_token") == (
        "An answer."
    )


def test_the_python_client_yields_tokens_and_replies(visitor: Visitor, models: FakeModels) -> None:
    answer = visitor.post(STREAM, json={"message": "Hello"})

    *tokens, reply = agent_client(answer.text.splitlines())

    assert tokens == ["An", " answer", "."]
    assert isinstance(reply, dict)
    assert reply["content"] == "An answer."


def test_all_of_them_see_a_failure(visitor: Visitor, models: FakeModels) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])

    answer = visitor.stream(STREAM, json={"message": "Hello", "correlation_id": "c1"})

    portal = Portal("")
    portal.say("Hello", "c1")
    assert portal.read(answer, answer.writes).errors == ["The answer could not be completed."]
    assert portal.done
    with pytest.raises(AgentClientError, match="could not be completed"):
        list(agent_client(answer.text.splitlines()))
    assert cli(answer.text)[1][-1]["type"] == "error"


def test_the_portal_has_words_for_every_refusal(limited: Visitor, models: FakeModels) -> None:
    hello = {"message": "Hello"}
    tampered = Api(headers={"Cookie": "session=tampered"})

    assert portal_error(tampered.post(STREAM, json=hello)) == "refresh"
    assert portal_error(Api.anonymous().post(STREAM, json=hello)).startswith("Authentication")
    assert portal_error(limited.post(STREAM, json={})) == "Field required"
    assert portal_error(limited.post(STREAM, json={"message": ""})) == "must not be empty"
    for _ in range(30):
        refused = limited.post(regenerate("x", "y"))
        if refused.status == 429:
            break
    assert portal_error(refused).startswith("Rate limit exceeded")


def test_the_cookie_is_found_as_clients_look_for_it(api: Api) -> None:
    """By the beginning of the header, without regard to what follows."""
    header = api.post("/create-session").headers["set-cookie"]

    assert header.startswith("session=")
    value = header.partition(";")[0].removeprefix("session=")
    assert Visitor(value).get("/usage").status == 200

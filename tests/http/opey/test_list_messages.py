"""GET /threads/{thread_id}/messages."""

import asyncio
from typing import Any

import pytest

from reprise.chat.messages import ToolCall
from reprise.llm.protocol import Finished
from reprise.store import bodies
from tests import chatbase
from tests.api import Api
from tests.conversations import create, send
from tests.conversations import messages as messages_of
from tests.models import FakeModels
from tests.opey import (
    NO_COOKIE,
    TAMPERED,
    UNKNOWN_ID,
    Visitor,
    listed,
    messages,
    regenerate,
    say,
    texts,
    turn,
)


def test_a_thread_is_listed_oldest_first(visitor: Visitor) -> None:
    thread, question, reply = turn(visitor, "Hello", "trip")

    answer = visitor.get(messages(thread))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "thread_id": "trip",
        "messages": [
            listed("human", "Hello", id=question),
            listed("ai", texts(visitor, thread)[1], id=reply),
        ],
        "message_count": 2,
    }


def test_streamed_it_is_the_same(visitor: Visitor) -> None:
    thread, *_ = turn(visitor, "Hello")

    assert visitor.stream(messages(thread), method="GET").json() == (
        visitor.get(messages(thread)).json()
    )


@pytest.mark.parametrize("thread", ["unknown", UNKNOWN_ID, "12", "a/b", 'a"b', "…", "%00"])
def test_a_thread_that_there_is_not_has_no_messages(visitor: Visitor, thread: str) -> None:
    answer = visitor.get(messages(thread))

    assert answer.status == 200
    assert answer.json() == {"thread_id": thread, "messages": [], "message_count": 0}


def test_nor_has_someone_elses(visitor: Visitor, other: Visitor) -> None:
    thread, *_ = turn(other, "Hello")

    assert visitor.get(messages(thread)).json()["messages"] == []


def test_the_shown_branch_is_listed(visitor: Visitor, models: FakeModels) -> None:
    _, question, _ = turn(visitor, "Hello", "trip")
    models.enqueue(["New"])
    visitor.post(regenerate("trip", question))

    assert texts(visitor, "trip") == ["Hello", "New"]


def test_a_conversation_of_another_surface_is_a_thread(visitor: Visitor) -> None:
    api = Api(visitor.key)
    made = create(api)
    api.post(messages_of(made), json={"content": "Be brief", "role": "system"})
    send(api, made, "Hello")

    kinds = [each["type"] for each in visitor.get(messages(made)).json()["messages"]]

    assert kinds == ["system", "human", "ai"]


def test_an_answer_that_uses_tools_is_several(visitor: Visitor, models: FakeModels) -> None:
    api = Api(visitor.key)
    agent = chatbase.put_agent(api, tools=(chatbase.CLOCK,), default=True)
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    models.enqueue(["Wait.", call, Finished("tool-calls")])
    made, question, reply = chatbase.begin(api, agent, "Late?")
    output = {"hour": 12, "zone": [None]}
    result = {"toolCallId": "c1", "output": output}
    assert api.post(chatbase.tool_result(agent, made), json=result).status == 200
    models.enqueue(["It is noon."])
    chatbase.ask(api, agent, None, conversationId=made)

    answer = visitor.get(messages(made)).json()

    called = {"name": "clock", "args": {"zone": "UTC"}, "id": "c1", "type": "tool_call"}
    assert answer["message_count"] == 4
    assert answer["messages"] == [
        listed("human", "Late?", id=question),
        listed("ai", "Wait.", id=reply, tool_calls=[called]),
        listed("tool", output, id=f"{reply}.1", tool_call_id="c1", tool_status="success"),
        listed("ai", "It is noon."),
    ]


def test_what_is_being_made_is_listed_so_far(visitor: Visitor, models: FakeModels) -> None:
    seen: list[Any] = []

    def look() -> Any:
        return asyncio.to_thread(lambda: seen.append(texts(visitor, "trip")))

    models.enqueue([look, "Hello"])
    say(visitor, "Hi", "trip")

    assert seen == [["Hi", ""]]


def test_long_texts_are_listed_whole(visitor: Visitor, models: FakeModels) -> None:
    long = "é" * bodies.LIMIT
    models.enqueue([long])

    say(visitor, "Hello", "trip")

    assert texts(visitor, "trip") == ["Hello", long]


def test_it_needs_a_session(aws: None) -> None:
    answer = Api.anonymous().get(messages("trip"))
    assert (answer.status, answer.json()) == (403, NO_COOKIE)
    answer = Api(headers={"Cookie": "session=x"}).get(messages("trip"))
    assert (answer.status, answer.json()) == (401, TAMPERED)

"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages, and the same without an
agent.
"""

import asyncio

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall
from reprise.llm.protocol import Finished
from tests import conversations as conversations_surface
from tests import fixie
from tests.api import Api
from tests.chatbase import CLOCK, put_agent
from tests.fixie import UNKNOWN_ID, begin, last, messages, send, snapshots, turns
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


@pytest.mark.parametrize("way", ["handler", "streaming runtime"])
def test_the_answering_turn_is_streamed(api: Api, agent: str, models: FakeModels, way: str) -> None:
    made = begin(api, agent)
    models.enqueue(["Fine", ", thanks."])

    post = api.post if way == "handler" else api.stream
    answer = post(messages(agent, made["id"]), json={"message": "How are you?"})

    told = last(answer)
    *_, question, reply = turns(api, agent, made["id"])
    assert told == reply
    assert told == {
        "id": AN_ID,
        "timestamp": A_TIME,
        "role": "assistant",
        "inReplyToId": question["id"],
        "state": "done",
        "messages": [{"kind": "text", "content": "Fine, thanks.", "state": "done"}],
    }
    assert fixie.text(question) == "How are you?"


def test_the_model_reads_what_was_said_before(api: Api, agent: str, models: FakeModels) -> None:
    made = begin(api, agent, "One")
    send(api, agent, made["id"], "Two")

    assert [m.text for m in models.requests[-1].messages] == ["One", "An answer.", "Two"]


def test_tools_are_fragments(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    made = begin(api, agent)
    models.enqueue(
        ["Let me see.", ToolCall("c1", "clock", {"zone": "CET"}), Finished("tool-calls")]
    )

    told = send(api, agent, made["id"], "How late is it?")

    assert told["messages"] == [
        {"kind": "text", "content": "Let me see.", "state": "done"},
        {"kind": "functionCall", "name": "clock", "args": {"zone": "CET"}},
    ]
    assert turns(api, agent, made["id"])[-1] == told


def test_it_goes_on_in_what_another_surface_began(api: Api) -> None:
    made = conversations_surface.create(api)
    conversations_surface.send(api, made, "Hello")

    send(api, None, made, "count to 3")

    assert fixie.texts(api, None, made)[-2:] == ["count to 3", "1 2 3"]


def test_while_an_answer_is_in_progress_another_message_is_refused(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = begin(api, agent)
    refused = []

    async def send_another() -> None:
        path = messages(agent, made["id"])
        refused.append(await asyncio.to_thread(api.post, path, json={"message": "And?"}))

    models.enqueue(["Hel", send_another, "lo"])
    told = send(api, agent, made["id"], "Hello")

    assert fixie.text(told) == "Hello"
    assert (refused[0].status, refused[0].text) == (
        409,
        "The conversation's last message is still in progress.",
    )
    assert refused[0].headers["content-type"].startswith("text/plain")
    assert len(turns(api, agent, made["id"])) == 4


def test_asked_twice_with_one_key_it_is_answered_once(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = begin(api, agent)
    path, key = messages(agent, made["id"]), {"Idempotency-Key": "k1"}

    first, again = (api.post(path, json={"message": "And?"}, headers=key) for _ in range(2))

    assert last(again) == last(first)
    assert len(models.requests) == 2
    assert len(turns(api, agent, made["id"])) == 4


def test_an_answer_that_fails_at_once_is_told_and_not_listed(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = begin(api, agent)
    models.enqueue([UpstreamFailed("no", refused=True)])

    told = send(api, agent, made["id"], "And?")

    assert (told["state"], told["messages"]) == ("error", [])
    assert told["errorDetail"] == "The answer could not be completed"
    assert [each["role"] for each in turns(api, agent, made["id"])] == ["user", "assistant", "user"]


@pytest.mark.parametrize("named", [True, False])
def test_an_unknown_conversation_is_not_found(
    api: Api, agent: str, models: FakeModels, named: bool
) -> None:
    for unknown in (UNKNOWN_ID, "nonsense", "0a9b0a5b"):
        path = messages(agent if named else None, unknown)
        answer = api.post(path, json={"message": "Hello"})
        assert (answer.status, answer.text) == (404, "Conversation not found.")
    assert models.requests == []


def test_one_of_another_agent_is_not_found(api: Api, agent: str) -> None:
    other, made = put_agent(api), begin(api, agent)

    for path_of in (other, None):
        answer = api.post(messages(path_of, made["id"]), json={"message": "Hello"})
        assert answer.status == 404


def test_lines_of_a_turn_have_its_real_ids_from_the_first_one_on(api: Api, agent: str) -> None:
    made = begin(api, agent)

    lines = snapshots(api.stream(messages(agent, made["id"]), json={"message": "count to 100"}))

    question, reply = turns(api, agent, made["id"])[-2:]
    assert {(line["id"], line["inReplyToId"]) for line in lines} == {(reply["id"], question["id"])}

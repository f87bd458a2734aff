"""GET /api/v1/agents/{agent_id}/conversations/{conversation_id}, and the same without an agent;
also while its answer is generated.
"""

import asyncio
import json
from functools import partial

import pytest

from reprise.chat.messages import ToolCall
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.store import bodies
from reprise.web import engine as web_engine
from tests import chatbase, fixie
from tests import conversations as conversations_surface
from tests.api import Api
from tests.chatbase import CLOCK, put_agent
from tests.fixie import UNKNOWN_ID, begin, conversation, send, turns
from tests.models import FakeModels


@pytest.fixture
def quick(models: FakeModels) -> FakeModels:
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.005, retry_wait=0.001)))
    return models


def test_it_has_all_turns_oldest_first(api: Api, agent: str) -> None:
    made = begin(api, agent, "One")
    send(api, agent, made["id"], "Two")

    found = api.get(conversation(agent, made["id"]))

    assert found.headers["content-type"] == "application/json"
    told = found.json()
    assert told.keys() == {"id", "turns"}
    assert [turn["role"] for turn in told["turns"]] == ["user", "assistant"] * 2
    assert [turn.get("inReplyToId") for turn in told["turns"]] == [
        None,
        told["turns"][0]["id"],
        None,
        told["turns"][2]["id"],
    ]


def test_what_there_is_of_an_answer_is_seen_by_others(
    api: Api, agent: str, quick: FakeModels
) -> None:
    """A client that polls sees the turn in progress, its text growing, and then its end."""
    made, seen = begin(api, agent), []

    async def poll_until(text: str) -> None:
        async with asyncio.timeout(10):
            while True:
                *_, turn = await asyncio.to_thread(turns, api, agent, made["id"])
                seen.append(turn)
                if fixie.text(turn) == text:
                    return
                await asyncio.sleep(0.002)

    quick.enqueue([partial(poll_until, ""), "Hel", partial(poll_until, "Hel"), "lo"])
    told = send(api, agent, made["id"], "Hello")

    assert {turn["state"] for turn in seen} == {"in-progress"}
    assert {turn["id"] for turn in seen} == {told["id"]}
    assert {turn["inReplyToId"] for turn in seen} == {told["inReplyToId"]}
    assert seen[0]["messages"] == []
    assert seen[-1]["messages"] == [{"kind": "text", "content": "Hel", "state": "in-progress"}]
    assert turns(api, agent, made["id"])[-1] == told


def test_what_a_clients_tool_gave_is_text(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    for number, (output, response) in enumerate((("noon", "noon"), ({"h": 12}, '{"h":12}'))):
        models.enqueue([ToolCall(f"c{number}", "clock", {}), Finished("tool-calls")])
        made = begin(api, agent, "How late is it?")
        given = {"toolCallId": f"c{number}", "output": output}
        assert api.post(chatbase.tool_result(agent, made["id"]), json=given).status == 200

        assert turns(api, agent, made["id"])[1]["messages"] == [
            {"kind": "functionCall", "name": "clock", "args": {}},
            {"kind": "functionResponse", "name": "clock", "response": response},
        ]


def test_what_is_large_is_whole(api: Api, agent: str, models: FakeModels) -> None:
    text = "x" * (bodies.LIMIT + 1)
    models.enqueue([text])
    made = begin(api, agent)

    assert turns(api, agent, made["id"]) == made["turns"]
    assert fixie.text(made["turns"][1]) == text


def test_a_systems_message_is_no_turn(api: Api) -> None:
    made = conversations_surface.create(api)
    path = conversations_surface.messages(made)
    api.post(path, json={"content": "Be brief", "role": "system"})
    conversations_surface.send(api, made, "Hello")

    assert [turn["role"] for turn in turns(api, None, made)] == ["user", "assistant"]


def test_any_text_comes_through(api: Api, agent: str, models: FakeModels) -> None:
    text = 'Grüße "🌍"\n\r\t\\ \u2028 \u0000 \x1b </script>'
    models.enqueue(list(text))
    made = begin(api, agent, text)

    found = api.get(conversation(agent, made["id"]))

    assert "\n" not in found.text
    assert [fixie.text(turn) for turn in json.loads(found.body)["turns"]] == [text, text]


@pytest.mark.parametrize("unknown", [UNKNOWN_ID, "nonsense"])
def test_an_unknown_one_is_not_found(api: Api, agent: str, unknown: str) -> None:
    for path_of in (agent, None):
        found = api.get(conversation(path_of, unknown))
        assert (found.status, found.text) == (404, "Conversation not found.")


def test_one_of_another_agent_is_not_found(api: Api, agent: str) -> None:
    made = begin(api, agent)

    for path_of in (put_agent(api), None):
        assert api.get(conversation(path_of, made["id"])).status == 404


def test_one_without_an_agent_is_the_default_ones(api: Api, agent: str) -> None:
    default, made = put_agent(api, default=True), conversations_surface.create(api)

    for path_of in (default, None):
        assert api.get(conversation(path_of, made)).json() == {"id": made, "turns": []}
    assert api.get(conversation(agent, made)).status == 404

"""`runtimeParameters`: beside what the agent has, for a conversation or for one answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from reprise.chat.agents import BUILT_IN, QUERY_KNOWLEDGE_BASE, Agent
from reprise.chat.messages import ToolCall
from reprise.engine import agents
from reprise.engine.tools import BuiltIn
from reprise.llm.protocol import Finished
from tests import chatbase, fixie
from tests.api import Api
from tests.chatbase import put_agent
from tests.fixie import begin, conversations, last, regenerate, send
from tests.models import FakeModels

OWN = "You are a shop's assistant."


@pytest.fixture
def told(api: Api) -> str:
    """The id of an agent with instructions."""
    return put_agent(api, instructions=OWN, public=True)


@pytest.fixture
def consulted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The corpora of each answer."""
    seen: list[tuple[str, ...]] = []

    def built_in_tools(agent: Agent, corpora: Sequence[str]) -> Mapping[str, BuiltIn]:
        async def query(asked: Mapping[str, Any]) -> Any:
            seen.append(tuple(corpora))
            await asyncio.sleep(0)
            return {"kind": "docs", "results": []}

        return {QUERY_KNOWLEDGE_BASE: query} if corpora else {}

    monkeypatch.setattr(agents, "built_in_tools", built_in_tools)
    return seen


def instructions(models: FakeModels) -> list[str | None]:
    return [request.instructions for request in models.requests]


def prompt(text: str | None) -> dict[str, Any]:
    return {"runtimeParameters": {"systemPrompt": text}}


def test_a_system_prompt_is_added_to_the_agents_instructions(
    api: Api, told: str, models: FakeModels
) -> None:
    begin(api, told, **prompt("Rhyme."))

    assert instructions(models) == [f"{OWN}\n\nRhyme."]


def test_it_stands_alone_where_the_agent_has_none(api: Api, agent: str, models: FakeModels) -> None:
    begin(api, agent, **prompt("Rhyme."))

    assert instructions(models) == ["Rhyme."]


@pytest.mark.parametrize("message", ["Hello", None])
def test_what_is_given_at_the_beginning_stays(
    api: Api, told: str, models: FakeModels, message: str | None
) -> None:
    made = begin(api, told, message, **prompt("Rhyme."))
    reply = send(api, told, made["id"], "And?")
    last(api.post(regenerate(told, made["id"], reply["id"])))

    assert instructions(models) == [f"{OWN}\n\nRhyme."] * 3


def test_so_it_does_where_nobody_says_anything_at_first(
    api: Api, told: str, models: FakeModels
) -> None:
    made = begin(api, told, None, generateInitialMessage=False, **prompt("Rhyme."))
    send(api, told, made["id"], "Hello")

    assert instructions(models) == [f"{OWN}\n\nRhyme."]


def test_what_is_given_later_is_for_one_answer(api: Api, told: str, models: FakeModels) -> None:
    made = begin(api, told, **prompt("Rhyme."))
    reply = send(api, told, made["id"], "And?", **prompt("Be brief."))
    path = regenerate(told, made["id"], reply["id"])
    reply = last(api.post(path, json=prompt("Shout.")))
    send(api, told, made["id"], "And?", **prompt(None))
    send(api, told, made["id"], "And?", **prompt(""))
    send(api, told, made["id"], "And?", runtimeParameters={"unknown": 5})

    added = ["Rhyme.", "Be brief.", "Shout.", "Rhyme.", None, "Rhyme."]
    assert instructions(models) == [f"{OWN}\n\n{each}" if each else OWN for each in added]


def test_it_stays_on_other_surfaces(api: Api, told: str, models: FakeModels) -> None:
    made = begin(api, told, **prompt("Rhyme."))
    chatbase.ask(api, told, "And?", conversationId=made["id"])

    assert instructions(models)[1] == f"{OWN}\n\nRhyme."


def test_the_public_may_give_one(told: str, models: FakeModels) -> None:
    anybody = Api.anonymous()
    made = begin(anybody, told, **prompt("Rhyme."))
    send(anybody, told, made["id"], "And?")

    assert instructions(models) == [f"{OWN}\n\nRhyme."] * 2


def asks(models: FakeModels) -> None:
    call = ToolCall("c1", QUERY_KNOWLEDGE_BASE, {"query": "sky"})
    models.enqueue([call, Finished("tool-calls")])


def corpus(name: str) -> dict[str, Any]:
    return {"runtimeParameters": {"corpusId": name}}


def test_a_corpus_can_be_looked_into_beside_the_agents_own(
    api: Api, models: FakeModels, consulted: list[tuple[str, ...]]
) -> None:
    tool = BUILT_IN[QUERY_KNOWLEDGE_BASE]
    agent = put_agent(api, corpora=("handbook",), tools=(tool,))
    asks(models)

    made = begin(api, agent, **corpus("weather"))

    assert consulted == [("handbook", "weather")]
    assert made["turns"][1]["messages"] == [
        {"kind": "functionCall", "name": "queryKnowledgeBase", "args": {"query": "sky"}},
        {
            "kind": "functionResponse",
            "name": "queryKnowledgeBase",
            "response": '{"kind":"docs","results":[]}',
        },
        {"kind": "text", "content": "An answer.", "state": "done"},
    ]
    assert fixie.turns(api, agent, made["id"]) == made["turns"]


def test_the_tool_is_offered_where_only_the_corpus_makes_it_useful(
    api: Api, agent: str, models: FakeModels, consulted: list[tuple[str, ...]]
) -> None:
    made = begin(api, agent, **corpus("weather"))
    send(api, agent, made["id"], "And?", **corpus(""))
    send(api, agent, made["id"], "And?", **corpus("other"))

    offered = [[tool.name for tool in request.tools] for request in models.requests]
    assert offered == [[QUERY_KNOWLEDGE_BASE], [], [QUERY_KNOWLEDGE_BASE]]


def test_keys_are_overridden_one_by_one(
    api: Api, agent: str, models: FakeModels, consulted: list[tuple[str, ...]]
) -> None:
    made = begin(api, agent, runtimeParameters={"corpusId": "weather", "systemPrompt": "Rhyme."})
    asks(models)
    send(api, agent, made["id"], "And?", **prompt("Shout."))

    assert consulted == [("weather",)]
    assert instructions(models)[1] == "Shout."


@pytest.mark.parametrize("who", ["public", "another account"])
def test_others_look_into_nothing_but_what_the_agent_has(
    api: Api,
    stranger: Api,
    models: FakeModels,
    consulted: list[tuple[str, ...]],
    who: str,
) -> None:
    tool = BUILT_IN[QUERY_KNOWLEDGE_BASE]
    agent = put_agent(api, corpora=("handbook",), tools=(tool,), public=True)
    client = Api.anonymous() if who == "public" else stranger
    asks(models)

    refused = client.post(conversations(agent), json={"message": "Hi", **corpus("secrets")})
    begin(client, agent, **corpus("handbook"))

    assert (refused.status, refused.text) == (
        400,
        "Invalid request: runtimeParameters.corpusId: is none that this agent may look into.",
    )
    assert consulted == [("handbook",)]

"""How an agent's answers are made: by the agent, the request, and the conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reprise.chat.agents import BUILT_IN, QUERY_KNOWLEDGE_BASE, Agent, AgentTool
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint
from reprise.chat.messages import Addition
from reprise.engine import agents as module
from reprise.engine.agents import (
    built_in_tools,
    either_of,
    first_of,
    may_consult,
    options_for,
    partitions,
)
from reprise.engine.begin import Options
from reprise.engine.tools import BuiltIn
from reprise.knowledge import corpora
from reprise.llm.protocol import Tool
from reprise.store import keys
from tests.store.scribe import OTHER, OWNER, Scribe

CLOCK = AgentTool("clock", "Tells the time", {"type": "object"})
QUERY = BUILT_IN[QUERY_KNOWLEDGE_BASE]
PUBLIC = keys.agent("support")  # the partition of those who talk to it without a key
AGENT = Agent(
    "support",
    "Support",
    OWNER,
    "account",
    "local",
    model="vendor/model",
    instructions="Be kind.",
    temperature=0.5,
    tools=(CLOCK, QUERY),
    corpora=("handbook",),
    public=True,
)
BARE = Agent("bare", "Bare", OWNER, "account", "local")
CONVERSATION = Scribe().conversation(owner=OWNER)

Consulted = list[tuple[str, ...]]


@pytest.fixture
def consulted(monkeypatch: pytest.MonkeyPatch) -> Consulted:
    """The corpora that tools were made for, the last ones last."""
    seen: Consulted = []

    def made(agent: Agent, corpora: Sequence[str]) -> Mapping[str, BuiltIn]:
        seen.append(tuple(corpora))
        return built_in_tools(agent, corpora)

    monkeypatch.setattr(module, "built_in_tools", made)
    return seen


def names(options: Options) -> list[str]:
    return [tool.name for tool in options.tools]


def within(
    options: Options, owner: str = OWNER, instructions: str | None = None, corpus: str | None = None
) -> Options:
    """In a conversation that has an addition."""
    assert options.within
    addition = Addition(instructions, corpus)
    return options.within(replace(CONVERSATION, owner=owner, addition=addition))


def test_an_agent_answers_as_it_is_configured(consulted: Consulted) -> None:
    options = options_for(AGENT)

    assert (options.model, options.temperature, options.max_tokens) == ("vendor/model", 0.5, None)
    assert options.instructions == "Be kind."
    assert options.tools[0] == Tool("clock", "Tells the time", {"type": "object"})
    assert names(options) == ["clock", QUERY_KNOWLEDGE_BASE]
    assert options.built_in.keys() == {QUERY_KNOWLEDGE_BASE}
    assert consulted == [("handbook",)]


def test_one_that_is_not_configured_takes_the_defaults() -> None:
    options = options_for(BARE)

    assert replace(options, within=None) == Options()


def test_a_request_may_want_it_otherwise(consulted: Consulted) -> None:
    options = options_for(
        AGENT,
        model="other",
        temperature=0.0,
        max_tokens=5,
        instructions="Be brief.",
        corpora=("weather",),
    )

    assert (options.model, options.temperature, options.max_tokens) == ("other", 0.0, 5)
    assert options.instructions == "Be brief."
    assert consulted == [("weather",)]


def test_or_without_what_it_has() -> None:
    options = options_for(AGENT, instructions="", corpora=())

    assert options.instructions is None
    assert names(options) == ["clock"]
    assert options.built_in == {}


def test_a_tool_that_has_nothing_to_search_is_not_offered() -> None:
    assert names(options_for(replace(AGENT, corpora=()))) == ["clock"]


def test_what_is_wanted_otherwise_stays_so_within_a_conversation(consulted: Consulted) -> None:
    options = within(options_for(AGENT, model="other", max_tokens=5, corpora=("weather",)))

    assert (options.model, options.max_tokens) == ("other", 5)
    assert consulted[-1] == ("weather",)


@pytest.mark.parametrize(
    ("asked", "conversation", "told"),
    [
        (None, None, "Be kind."),
        ("Rhyme.", None, "Be kind.\n\nRhyme."),
        (None, "Shout.", "Be kind.\n\nShout."),
        ("Rhyme.", "Shout.", "Be kind.\n\nRhyme."),
        ("", "Shout.", "Be kind."),
        (None, "", "Be kind."),
    ],
)
def test_instructions_are_added_by_the_request_or_else_the_conversation(
    asked: str | None, conversation: str | None, told: str
) -> None:
    options = options_for(AGENT, added=Addition(asked))

    assert within(options, instructions=conversation).instructions == told


@pytest.mark.parametrize(
    ("asked", "conversation", "searched"),
    [
        (None, None, ("handbook",)),
        ("weather", None, ("handbook", "weather")),
        (None, "weather", ("handbook", "weather")),
        ("tides", "weather", ("handbook", "tides")),
        ("", "weather", ("handbook",)),
        ("handbook", None, ("handbook",)),
    ],
)
def test_so_is_a_corpus(
    consulted: Consulted, asked: str | None, conversation: str | None, searched: tuple[str, ...]
) -> None:
    within(options_for(AGENT, added=Addition(corpus=asked)), corpus=conversation)

    assert consulted[-1] == searched


def test_the_tool_comes_with_a_corpus_that_was_added() -> None:
    options = options_for(BARE, added=Addition(corpus="weather"))

    assert names(within(options)) == [QUERY_KNOWLEDGE_BASE]
    assert names(within(options_for(BARE), corpus="weather")) == [QUERY_KNOWLEDGE_BASE]
    assert names(within(options_for(BARE))) == []


def test_it_does_not_come_with_those_that_the_agent_has_and_shall_not_search() -> None:
    silent = replace(AGENT, tools=(CLOCK,))

    assert names(within(options_for(silent))) == ["clock"]
    assert names(within(options_for(silent), corpus="handbook")) == ["clock"]


@pytest.mark.parametrize("owner", [PUBLIC, OTHER])
def test_what_others_added_is_not_searched(consulted: Consulted, owner: str) -> None:
    """Not even where it was stored with the conversation: an agent may have changed since."""
    for asked, stored in (("secrets", None), (None, "secrets"), ("handbook", "secrets")):
        within(options_for(AGENT, added=Addition(corpus=asked)), owner, corpus=stored)

    assert set(consulted) == {("handbook",)}
    assert names(within(options_for(BARE), owner, corpus="secrets")) == []


def test_who_may_look_into_what() -> None:
    assert may_consult(AGENT, OWNER, "secrets")
    assert may_consult(AGENT, PUBLIC, "handbook")
    assert may_consult(AGENT, OTHER, "handbook")
    assert not may_consult(AGENT, PUBLIC, "secrets")
    assert not may_consult(AGENT, OTHER, "secrets")


# The tool


@pytest.fixture
def handbook(kept: Path) -> str:
    mint = Mint(randbits=Random(1).getrandbits)
    corpus = corpora.create(mint, 7, "Handbook")
    corpora.add(mint, OWNER, corpus.id, "tea.txt", b"Tea is served at four.")
    return corpus.id


async def query(agent: Agent, corpora: Sequence[str], asked: Mapping[str, Any]) -> Any:
    return await built_in_tools(agent, corpora)[QUERY_KNOWLEDGE_BASE](asked)


async def test_it_finds_passages_of_the_agents_account(handbook: str) -> None:
    found = await query(AGENT, [handbook], {"query": "When is tea served?"})

    (result,) = found["results"]
    assert found["kind"] == "docs"
    assert result == {
        "document": "tea.txt",
        "page": 1,
        "score": result["score"],
        "text": "Tea is served at four.",
    }
    assert result["score"] > 0


async def test_it_finds_nothing_of_anothers(handbook: str) -> None:
    theirs = replace(AGENT, owner=OTHER)

    assert await query(theirs, [handbook], {"query": "tea"}) == {"kind": "docs", "results": []}


async def test_it_finds_nothing_in_what_is_gone(handbook: str) -> None:
    corpora.delete(OWNER, handbook)

    assert await query(AGENT, [handbook], {"query": "tea"}) == {"kind": "docs", "results": []}


@pytest.mark.parametrize("asked", [{}, {"query": 5}, {"query": None}, {"question": "tea"}])
async def test_it_says_what_it_needs(asked: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="query: must be a text"):
        await query(AGENT, ["handbook"], asked)


# Where an agent's conversations lie


def test_an_agents_account_reads_what_the_public_has_with_it() -> None:
    implicit = Agent.implicit(OWNER, "account", "local")

    assert partitions(AGENT, OWNER) == (OWNER, PUBLIC)
    assert partitions(AGENT, OTHER) == (OTHER,)
    assert partitions(AGENT, PUBLIC) == (PUBLIC,)
    assert partitions(implicit, OWNER) == (OWNER,)


async def in_order(owner: str, there: Mapping[str, Any], seen: list[str]) -> Any:
    seen.append(owner)
    what = there[owner]
    if isinstance(what, Exception):
        raise what
    return what


@pytest.mark.parametrize(
    ("there", "result", "looked"),
    [
        ({"a": 1, "b": 2}, 1, ["a"]),
        ({"a": NotFound("Conversation"), "b": 2}, 2, ["a", "b"]),
    ],
)
async def test_the_first_that_has_it_is_used(
    there: dict[str, Any], result: int, looked: list[str]
) -> None:
    seen: list[str] = []

    assert await first_of(("a", "b"), lambda owner: in_order(owner, there, seen)) == result
    assert seen == looked
    assert await either_of(("a", "b"), lambda owner: _read(there, owner)) == result


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ({"a": NotFound("Conversation"), "b": NotFound("Conversation")}, "Conversation"),
        ({"a": NotFound("Conversation"), "b": NotFound("Message")}, "Message"),
        ({"a": NotFound("Message"), "b": NotFound("Conversation")}, "Message"),
        ({}, "Conversation"),
    ],
)
async def test_what_nobody_has_is_told_by_how_far_one_came(
    there: dict[str, Any], missing: str
) -> None:
    with pytest.raises(NotFound) as caught:
        await first_of(tuple(there), lambda owner: in_order(owner, there, []))
    assert caught.value.what == missing
    with pytest.raises(NotFound) as caught:
        await either_of(tuple(there), lambda owner: _read(there, owner))
    assert caught.value.what == missing


async def test_what_goes_wrong_in_the_first_is_not_looked_for_elsewhere() -> None:
    there = {"a": Invalid("x", "y"), "b": 2}

    with pytest.raises(Invalid):
        await first_of(("a", "b"), lambda owner: in_order(owner, there, []))
    with pytest.raises(Invalid):
        await either_of(("a", "b"), lambda owner: _read(there, owner))


def _read(there: Mapping[str, Any], owner: str) -> Any:
    if isinstance(there[owner], Exception):
        raise there[owner]
    return there[owner]

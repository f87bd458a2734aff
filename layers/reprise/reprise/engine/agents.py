"""How an agent's answers are to be made, in the engine's words, and where its conversations lie."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from reprise.chat.agents import BUILT_IN, QUERY_KNOWLEDGE_BASE, Agent
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.messages import NO_ADDITION, Addition, Conversation
from reprise.engine.begin import Options
from reprise.engine.tools import BuiltIn
from reprise.llm.protocol import Tool
from reprise.store import keys

T = TypeVar("T")


def options_for(
    agent: Agent,
    *,
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    instructions: str | None = None,
    corpora: Sequence[str] | None = None,
    added: Addition = NO_ADDITION,
) -> Options:
    """An agent's own way of answering, but for what a request wants otherwise, with what it or its
    conversation has `added`.
    """
    told = agent.instructions if instructions is None else instructions
    own = tuple(agent.corpora if corpora is None else corpora)

    def made(addition: Addition, corpora: tuple[str, ...]) -> Options:
        tools = agent.tools
        if len(corpora) > len(own) and not any(t.name == QUERY_KNOWLEDGE_BASE for t in tools):
            tools = (*tools, BUILT_IN[QUERY_KNOWLEDGE_BASE])
        built_in = built_in_tools(agent, corpora)
        return Options(
            model=agent.model if model is None else model,
            temperature=agent.temperature if temperature is None else temperature,
            max_tokens=max_tokens,
            instructions="\n\n".join(filter(None, (told, addition.instructions))) or None,
            tools=tuple(
                Tool(tool.name, tool.description, dict(tool.schema))
                for tool in tools
                if not tool.builtin or tool.name in built_in
            ),
            built_in=built_in,
        )

    def within(conversation: Conversation) -> Options:
        addition = added.over(conversation.addition)
        corpus = addition.corpus
        if not corpus or not may_consult(agent, conversation.owner, corpus) or corpus in own:
            return made(addition, own)
        return made(addition, (*own, corpus))

    return replace(made(added, own), within=within)


def may_consult(agent: Agent, owner: str, corpus: str) -> bool:
    """Whether an owner's conversation with an agent may look into a corpus: its account's may look
    into any of that account's, all others' only into what the agent has anyway.
    """
    return owner == agent.owner or corpus in agent.corpora


def built_in_tools(agent: Agent, corpora: Sequence[str]) -> Mapping[str, BuiltIn]:
    """What runs the agent's built-in tools, by their names, on these corpora of its owner's."""

    async def query(asked: Mapping[str, Any]) -> Any:
        # only when a model asks: they load SQLite, and more
        from reprise.knowledge import corpora as knowledge
        from reprise.knowledge.matches import results

        question = asked.get("query")
        if not isinstance(question, str):
            raise Invalid("query", "must be a text")
        found = await asyncio.to_thread(knowledge.search, agent.owner, corpora, question)
        return results(found)

    return {QUERY_KNOWLEDGE_BASE: query} if corpora else {}


def partitions(agent: Agent, owner: str) -> tuple[str, ...]:
    """Where the conversations with an agent lie that an owner may read: its own, and for the
    agent's account those that the public has.
    """
    if agent.named and owner == agent.owner:
        return owner, keys.agent(agent.named)
    return (owner,)


async def first_of(partitions: Sequence[str], use: Callable[[str], Awaitable[T]]) -> T:
    """What comes of a use in the first of the partitions that have what is asked for, which is
    looked for elsewhere only where it is not. Raises NotFound and what the use raises.
    """
    missing: NotFound | None = None
    for owner in partitions:
        try:
            return await use(owner)
        except NotFound as error:
            if missing is None or missing.what == "Conversation":
                missing = error
    raise missing or NotFound("Conversation")


async def either_of(partitions: Sequence[str], read: Callable[[str], T]) -> T:
    """The same for a read, which is made in all of them at once."""
    reads = (asyncio.to_thread(read, owner) for owner in partitions)
    found = await asyncio.gather(*reads, return_exceptions=True)

    async def result(owner: str) -> T:
        each = found[partitions.index(owner)]
        if isinstance(each, BaseException):
            raise each
        return each

    return await first_of(partitions, result)

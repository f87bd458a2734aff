"""Agents as items, and which of them is an account's default.

| item | PK | SK |
|---|---|---|
| an agent, or that its id is taken for good | `AGENT#id` | `AGENT` |
| the account's default one, in full | `USER#u` | `AGENT` |
| which agents an account has | `USER#u` | `AGENT#id` |

The second is a copy of the first: whoever calls without naming an agent gets it in one read. Both
say of an agent whether it is the default, and change together.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from reprise.chat.agents import BUILT_IN, Agent, AgentTool
from reprise.store import keys
from reprise.store.table import Item, Refused, Transaction, get, query_all

T = TypeVar("T")

MAX_BYTES = 400_000  # of an agent; the table takes items of 409,600


class AgentItem(Item, discriminator="AG"):
    """`tools` and `corpora` are JSON; of a built-in tool only the name is stored."""

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    owner_pk = UnicodeAttribute()
    account_id = UnicodeAttribute()
    plan = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    instructions = UnicodeAttribute(null=True)
    temperature = NumberAttribute(null=True)
    tools = UnicodeAttribute(null=True)
    corpora = UnicodeAttribute(null=True)
    public = BooleanAttribute()
    default = BooleanAttribute()


class TakenItem(Item, discriminator="AX"):
    """In an agent's place when it is deleted: clients may know its id, and conversations are stored
    under it, so it never becomes another account's.
    """

    owner_pk = UnicodeAttribute()


class AgentOfAccountItem(Item, discriminator="AA"):
    """What a list shows of an agent."""

    name = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    public = BooleanAttribute()


@dataclass(frozen=True)
class Entry:
    """An agent as a list shows it."""

    id: str
    name: str
    model: str | None
    public: bool
    default: bool


def size_of(agent: Agent) -> int:
    """Bytes of its item, and a few more."""
    return sum(
        len(name) + len(str(value).encode())
        for name, typed in _to_item(agent, keys.agent(agent.id)).serialize().items()
        for value in typed.values()
    )


def find(agent_id: str) -> Agent | None:
    return _agent(get(Item, keys.agent(agent_id), keys.AGENT))


def default_of(owner: str) -> Agent | None:
    """The agent that an account has chosen, if it has."""
    return _agent(get(Item, owner, keys.AGENT))


def all_of(owner: str) -> list[Entry]:
    """An account's agents, by id."""
    entries: list[Entry] = []
    default = None
    for item in query_all(owner, Item.sk.startswith(keys.AGENT)):
        match item:
            case AgentItem():  # it comes first: its key is the beginning of the others'
                default = item.id
            case AgentOfAccountItem():
                agent_id = item.sk.removeprefix(keys.agent_of_account(""))
                is_default = agent_id == default
                entries.append(Entry(agent_id, item.name, item.model, item.public, is_default))
    return entries


def put(agent: Agent, *, make_default: bool) -> Agent | None:
    """Store an agent, in the place of its account's that has this id. Returns it as it is stored;
    None when the id is another account's.

    It stays what it is, the default one or not, unless it shall become the default.
    """

    def writes(transaction: Transaction, chosen: str | None) -> Agent:
        stored = replace(agent, default=make_default or chosen == agent.id)
        free = Item.pk.does_not_exist() | (AgentItem.owner_pk == agent.owner)
        transaction.put("agent", _to_item(stored, keys.agent(agent.id)), free)
        listed = AgentOfAccountItem(
            agent.owner,
            keys.agent_of_account(agent.id),
            name=agent.name,
            model=agent.model,
            public=agent.public,
        )
        transaction.put("listed", listed)
        if not stored.default:
            transaction.check("chosen", Item, (agent.owner, keys.AGENT), _is_chosen(chosen))
            return stored
        transaction.put("chosen", _to_item(stored, agent.owner), _is_chosen(chosen))
        if chosen not in (None, agent.id):
            transaction.update(
                "before",
                AgentItem(keys.agent(str(chosen)), keys.AGENT),
                [AgentItem.default.set(False)],
                AgentItem.id.exists(),
            )
        return stored

    return _write(agent.owner, writes)


def delete(owner: str, agent_id: str) -> bool:
    """False when the account has no such agent. Where it was the default, there is none then."""

    def writes(transaction: Transaction, chosen: str | None) -> bool:
        taken = TakenItem(keys.agent(agent_id), keys.AGENT, owner_pk=owner)
        theirs = (AgentItem.owner_pk == owner) & AgentItem.id.exists()
        transaction.put("agent", taken, theirs)
        transaction.delete("listed", AgentOfAccountItem(owner, keys.agent_of_account(agent_id)))
        if chosen == agent_id:
            transaction.delete("chosen", AgentItem(owner, keys.AGENT), _is_chosen(chosen))
        else:
            transaction.check("chosen", Item, (owner, keys.AGENT), _is_chosen(chosen))
        return True

    return _write(owner, writes) or False


def _write(owner: str, writes: Callable[[Transaction, str | None], T]) -> T | None:
    """Commit what is to be written, given the id of the account's default agent; again where
    another one was chosen meanwhile. None when the agent is not the account's.
    """
    while True:
        default = default_of(owner)
        transaction = Transaction()
        written = writes(transaction, default.id if default else None)
        try:
            transaction.commit()
        except Refused as refused:
            if "agent" in refused.reasons:
                return None
            continue
        return written


def _is_chosen(agent_id: str | None) -> Condition:
    """That the account's default agent is still this one, or none."""
    return AgentItem.id == agent_id if agent_id else Item.pk.does_not_exist()


def _to_item(agent: Agent, partition: str) -> AgentItem:
    return AgentItem(
        partition,
        keys.AGENT,
        id=agent.id,
        name=agent.name,
        owner_pk=agent.owner,
        account_id=agent.account_id,
        plan=agent.plan,
        model=agent.model,
        instructions=agent.instructions,
        temperature=agent.temperature,
        tools=_dump([_encode_tool(tool) for tool in agent.tools]),
        corpora=_dump(agent.corpora),
        public=agent.public,
        default=agent.default,
    )


def _agent(item: Item | None) -> Agent | None:
    if not isinstance(item, AgentItem):
        return None
    tools = (_decode_tool(tool) for tool in json.loads(item.tools or "[]"))
    return Agent(
        id=item.id,
        name=item.name,
        owner=item.owner_pk,
        account_id=item.account_id,
        plan=item.plan,
        model=item.model,
        instructions=item.instructions,
        temperature=float(item.temperature) if item.temperature is not None else None,
        tools=tuple(tool for tool in tools if tool),
        corpora=tuple(json.loads(item.corpora or "[]")),
        public=item.public,
        default=item.default,
    )


def _dump(values: Sequence[object]) -> str | None:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else None


def _encode_tool(tool: AgentTool) -> dict[str, object]:
    if tool.builtin:
        return {"name": tool.name, "builtin": True}
    return {"name": tool.name, "description": tool.description, "schema": tool.schema}


def _decode_tool(stored: dict[str, Any]) -> AgentTool | None:
    """None for a built-in tool that there is no more."""
    if stored.get("builtin"):
        return BUILT_IN.get(stored["name"])
    return AgentTool(**stored)

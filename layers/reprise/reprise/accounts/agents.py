"""Agents: put by the operator for an account, found by whoever calls."""

import re
import threading
from collections.abc import Callable

from reprise.accounts.callers import Caller
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid, NotFound, Unauthorized
from reprise.chat.ids import number_of
from reprise.store import agents as store
from reprise.store import keys
from reprise.store.accounts import Account
from reprise.store.agents import Entry

ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
KEPT = 30  # seconds that a process takes an agent for what it was when it was read
MOST_KEPT = 64  # agents that it remembers so; each has up to 400 KB


class _Kept:
    """What was there when somebody looked, for all threads of this process. What was not there is
    not remembered: an agent is found as soon as it is put, and no guesses fill the memory.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agents: dict[str, tuple[float, Agent]] = {}  # the longest kept first

    def get(self, key: str, now: float, read: Callable[[], Agent | None]) -> Agent | None:
        since, agent = self._agents.get(key, (now, None))
        if agent is not None and 0 <= now - since < KEPT:
            return agent
        agent = read()
        with self._lock:
            self._agents.pop(key, None)
            if agent is not None:
                self._agents[key] = now, agent
            while len(self._agents) > MOST_KEPT:
                del self._agents[next(iter(self._agents))]
        return agent

    def clear(self) -> None:
        with self._lock:
            self._agents.clear()


_kept = _Kept()
forget = _kept.clear  # what this process remembers; others need half a minute for it


def find(agent_id: str, now: float) -> Agent | None:
    """An agent by its id, whoever asks, as it was at most half a minute ago; in one read, or none.
    `now` is in seconds since the Unix epoch.
    """
    if not ID.fullmatch(agent_id):
        return None
    return _kept.get(keys.agent(agent_id), now, lambda: store.find(agent_id))


def default_of(caller: Caller, now: float) -> Agent:
    """The default agent of a caller's account, at the same price; an account that has chosen none
    has an implicit one.
    """
    implicit = Agent.implicit(caller.owner, caller.account_id, caller.plan)
    kept = _kept.get(caller.owner, now, lambda: store.default_of(caller.owner) or implicit)
    return kept or implicit


def for_caller(agent_id: str | None, caller: Caller | None, now: float) -> Agent:
    """The agent that a request names, or by None the default one; `caller`: None for somebody
    without credentials.

    Raises NotFound for one that is unknown or not open to the caller, Unauthorized where somebody
    without credentials names none. What `find` has found a moment before is not read again.
    """
    if caller is not None and agent_id in (None, caller.account_id):
        default = default_of(caller, now)
        if agent_id is None or default.named is None:
            return default
        raise NotFound("Agent")  # the implicit one, where the account has chosen another
    if agent_id is None:
        raise Unauthorized
    agent = find(agent_id, now)
    if agent is None or not agent.open_to(caller.owner if caller else None):
        raise NotFound("Agent")
    return agent


def list_of(account: Account) -> list[Entry]:
    """An account's agents, its implicit one among them where that is the default."""
    entries = store.all_of(keys.account(account.number))
    if any(entry.default for entry in entries):
        return entries
    implicit = _implicit(account)
    return [Entry(implicit.id, implicit.name, implicit.model, implicit.public, True), *entries]


def show(account: Account, agent_id: str) -> Agent:
    """One of an account's agents as it is now. Raises NotFound."""
    owner = keys.account(account.number)
    if agent_id == account.id and store.default_of(owner) is None:
        return _implicit(account)
    agent = store.find(agent_id) if ID.fullmatch(agent_id) else None
    if agent is None or agent.owner != owner:
        raise NotFound(f"Agent {agent_id}")
    return agent


def put(agent: Agent, *, default: bool = False) -> Agent:
    """Store an agent, in the place of its account's that has this id if there is one, and make it
    the account's default if it shall be. Returns it as it is stored.

    Raises Invalid when the id is another account's or may become one, and for an agent that is too
    large.
    """
    number = number_of(agent.id)
    if number is not None and (agent.id == agent.account_id or keys.account(number) != agent.owner):
        raise Invalid("id", "is reserved: ids of accounts look like this")
    size = store.size_of(agent)
    if size > store.MAX_BYTES:
        raise Invalid("agent", f"has {size:,} bytes; {store.MAX_BYTES:,} fit into the table")
    stored = store.put(agent, make_default=default)
    if stored is None:
        raise Invalid("id", f"{agent.id} belongs to another account")
    forget()
    return stored


def delete(account: Account, agent_id: str) -> None:
    """Remove an agent; its conversations stay, and its id stays the account's. Raises NotFound."""
    owner = keys.account(account.number)
    if not ID.fullmatch(agent_id) or not store.delete(owner, agent_id):
        raise NotFound(f"Agent {agent_id}")
    forget()


def _implicit(account: Account) -> Agent:
    return Agent.implicit(keys.account(account.number), account.id, account.plan)

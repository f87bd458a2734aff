"""What `make dev` begins with, in an empty table and in one that was kept."""

import time

import pytest

from cli.seed import seed_local_account
from reprise.accounts import accounts, agents, keys
from reprise.chat.agents import Agent
from reprise.chat.ids import Mint
from reprise.store import keys as partitions
from reprise.store.accounts import Account
from tests.api import everything_stored

SECRET = "rp_a-key-of-the-tests"

pytestmark = pytest.mark.usefixtures("aws")


def agent(account: Account, agent_id: str) -> Agent:
    owner = partitions.account(account.number)
    return Agent(agent_id, "Another", owner, account.id, account.plan)


def test_there_is_a_public_agent_which_is_the_accounts_default() -> None:
    secret = seed_local_account(None)

    caller, _ = keys.authenticate(secret, time.time())
    demo = agents.for_caller("demo", None, time.time())
    assert demo == agents.default_of(caller, time.time())
    assert (demo.owner, demo.plan, demo.public) == (caller.owner, "local", True)


def test_what_was_kept_stays_as_it_is() -> None:
    seed_local_account(SECRET)
    local = accounts.by_name("local")
    agents.put(agent(local, "demo"))
    before = everything_stored()

    assert seed_local_account(SECRET) == SECRET

    assert everything_stored() == before


def test_another_default_stays_the_default() -> None:
    local = accounts.create(Mint(), "local", "local")
    agents.put(agent(local, "mine"), default=True)

    seed_local_account(SECRET)

    assert [entry.id for entry in agents.list_of(local)] == ["mine"]


def test_somebody_elses_demo_stays_theirs() -> None:
    ada = accounts.create(Mint(), "ada", "standard")
    theirs = agents.put(agent(ada, "demo"))

    seed_local_account(SECRET)

    assert agents.find("demo", time.time()) == theirs

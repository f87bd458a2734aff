"""What `make dev` begins with: an account `local`, a key for it, and an agent `demo`."""

from contextlib import suppress

from reprise.accounts import accounts, agents, keys
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint
from reprise.store import accounts as store
from reprise.store import keys as partitions
from reprise.store.accounts import Account

NAME = "local"
AGENT = "demo"


def seed_local_account(secret: str | None) -> str:
    """The secret of a valid key of account `local`. Both are made where they are missing, and so is
    the account's public agent `demo`.

    `secret`: what it shall be, 16 characters or more; None makes one. Raises Invalid for a shorter
    one.
    """
    mint = Mint()
    try:
        account = accounts.by_name(NAME)
    except NotFound:
        account = accounts.create(mint, NAME, "local")
    _seed_agent(account)
    if secret:
        there = store.key_by_digest(keys.digest(secret))
        if there and there.account_id == account.id and not there.revoked:
            return secret
    return keys.create(mint, account, secret=secret or None)[1]


def _seed_agent(account: Account) -> None:
    """Where the table was kept and holds another default agent, or somebody else's `demo`, that
    stays.
    """
    if not any(entry.default and entry.id == account.id for entry in agents.list_of(account)):
        return
    demo = Agent(
        id=AGENT,
        name="Demo",
        owner=partitions.account(account.number),
        account_id=account.id,
        plan=account.plan,
        instructions="You are a friendly assistant. Be brief.",
        public=True,
    )
    with suppress(Invalid):
        agents.put(demo, default=True)

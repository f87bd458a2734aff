"""Accounts: made by the operator, found by name."""

import re

from reprise.accounts.plans import PLANS
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint
from reprise.store import accounts as store
from reprise.store.accounts import Account

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@+-]{0,63}", re.ASCII)


def create(mint: Mint, name: str, plan: str) -> Account:
    """Raises Invalid for a name that is taken or cannot be one, and for an unknown plan."""
    if not _NAME.fullmatch(name):
        raise Invalid("name", "up to 64 letters, digits and . _ @ + - are allowed")
    if plan not in PLANS:
        raise Invalid("plan", f"there are {', '.join(PLANS)}")
    while True:
        number = mint.number()
        account = Account(number, mint.text_id(number), name, plan, mint.now_ms())
        match store.create(account):
            case "stored":
                return account
            case "name taken":
                raise Invalid("name", f"there is an account {name} already")


def by_name(name: str) -> Account:
    """Raises NotFound."""
    account = store.by_name(name)
    if account is None:
        raise NotFound(f"Account {name}")
    return account

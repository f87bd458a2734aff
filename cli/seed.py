"""What `make dev` begins with: an account `local` and a key for it."""

from reprise.accounts import accounts, keys
from reprise.chat.errors import NotFound
from reprise.chat.ids import Mint
from reprise.store import accounts as store

NAME = "local"


def seed_local_account(secret: str | None) -> str:
    """The secret of a valid key of account `local`, which is made where it is missing.

    `secret`: what it shall be, 16 characters or more; None makes one. Raises Invalid for a shorter
    one.
    """
    mint = Mint()
    try:
        account = accounts.by_name(NAME)
    except NotFound:
        account = accounts.create(mint, NAME, "local")
    if secret:
        there = store.key_by_digest(keys.digest(secret))
        if there and there.account_id == account.id and not there.revoked:
            return secret
    return keys.create(mint, account, secret=secret or None)[1]

"""Accounts: made by the operator and found by name; or made for a user of the issuer of JWTs, at
first sight.
"""

import hashlib
import re

from reprise.accounts import plans
from reprise.accounts.plans import DEFAULT_PLAN
from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint
from reprise.store import accounts as store
from reprise.store import keys
from reprise.store.accounts import Account, Subject

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@+-]{0,63}", re.ASCII)


def create(mint: Mint, name: str, plan: str) -> Account:
    """Raises Invalid for a name that is taken or cannot be one, and for an unknown plan."""
    if not _NAME.fullmatch(name):
        raise Invalid("name", "up to 64 letters, digits and . _ @ + - are allowed")
    check_plan(plan)
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


def put_on(account: Account, plan: str) -> None:
    """Put an account, its keys and its cookie sessions on another plan, from the next request on.
    What is left of the month's credits stays as it is.

    Once it was cut off, some may be on the old plan until it is called again. Raises Invalid.
    """
    from reprise.store import logins  # functions never do this

    check_plan(plan)
    if not (store.set_plan(account, plan) and logins.set_plan(keys.account(account.number), plan)):
        raise Invalid("plan", "somebody else has changed it at the same time")


def check_plan(plan: str) -> None:
    """Raises Invalid for one that an account cannot be on."""
    if plan not in plans.load().keys() - {plans.ANONYMOUS}:
        raise Invalid("plan", f"there are {', '.join(plans.names())}")


def of_subject(mint: Mint, issuer: str, subject: str) -> Subject:
    """The account of somebody whom an issuer vouches for, in one read; the first time it is made,
    once however many ask.
    """
    digest = subject_digest(issuer, subject)
    found = store.subject_by_digest(digest)
    while found is None:
        number = mint.number()
        account = Account(
            number, mint.text_id(number), subject_name(digest), DEFAULT_PLAN, mint.now_ms(), digest
        )
        found = store.create_for_subject(account)
    return found


def subject_digest(issuer: str, subject: str) -> str:
    """SHA-256 in hexadecimal of issuer, NUL, subject: who they are is not stored."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()


def subject_name(digest: str) -> str:
    """The name of an account made at first sight, by which the operator finds it; nobody can have
    given it to another.
    """
    return f"oidc:{digest[:32]}"

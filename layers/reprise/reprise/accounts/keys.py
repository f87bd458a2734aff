"""API keys: `rp_` and 32 random bytes, shown once, stored as their SHA-256."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from reprise.accounts.callers import SCOPES, Caller
from reprise.chat.errors import Expired, Invalid, NotFound, Unauthorized
from reprise.chat.ids import Mint, number_of
from reprise.store import accounts as store
from reprise.store import keys
from reprise.store.accounts import Account, ApiKey

PREFIX = "rp_"
LEAST_SECRET = 16  # characters of a secret that the operator chooses


def create(
    mint: Mint,
    account: Account,
    *,
    scopes: Iterable[str] = SCOPES,
    expires: float | None = None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for an account. Returns it with its secret, which nothing can show again.

    `expires` is in seconds since the Unix epoch. Raises Invalid.
    """
    wanted = frozenset(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise Invalid("scope", f"there are {', '.join(SCOPES)}")
    if secret is None:
        secret = PREFIX + secrets.token_urlsafe(32)
    elif len(secret) < LEAST_SECRET or not secret.isprintable() or " " in secret:
        raise Invalid("secret", f"needs {LEAST_SECRET} characters or more, without spaces")
    key = ApiKey(
        id=mint.text_id(account.number),
        digest=digest(secret),
        account_id=account.id,
        owner=keys.account(account.number),
        plan=account.plan,
        scopes=wanted,
        created=mint.now_ms(),
        expires=expires,
    )
    while not store.put_key(key):
        current = store.by_name(account.name)
        key = replace(key, plan=current.plan if current else account.plan)
    return key, secret


def authenticate(secret: str, now: float) -> tuple[Caller, ApiKey]:
    """The caller behind a secret, in one read. Raises Unauthorized for one that is unknown or
    revoked, Expired.
    """
    key = store.key_by_digest(digest(secret))
    if key is None or key.revoked:
        raise Unauthorized
    if key.expires is not None and key.expires <= now:
        raise Expired
    return Caller(key.account_id, key.owner, key.plan, key.scopes), key


def touch(key: ApiKey, now: float) -> None:
    """Note the day of a key's use, once a day."""
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    if key.last_used != today:
        store.touch_key(key.digest, today)


def revoke(key_id: str, now_ms: int) -> None:
    """Make a key useless from now on, with the cookie sessions that were made with it; it stays
    listed. Raises NotFound.
    """
    from reprise.store import logins  # functions never do this

    number = number_of(key_id)
    if number is None or not store.revoke_key(keys.account(number), key_id, now_ms):
        raise NotFound(f"Key {key_id}")
    logins.end(keys.account(number), key_id)


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal. Not salted nor slowed: the secrets are 32 random bytes."""
    return hashlib.sha256(secret.encode()).hexdigest()

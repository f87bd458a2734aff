"""Cookie sessions: 32 random bytes in the cookie, their SHA-256 in the table, good for 14 days."""

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Literal

from reprise.accounts import plans
from reprise.accounts.callers import SCOPES, Caller
from reprise.chat.errors import RepriseError, Unauthorized
from reprise.store import keys
from reprise.store import sessions as store
from reprise.store.sessions import KEPT, Session

if TYPE_CHECKING:
    from reprise.store.accounts import ApiKey

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
TOKEN_LIMIT = 10_000  # of an anonymous session
REQUEST_LIMIT = 20


class Malformed(Unauthorized):
    """A cookie that no session of ours has ever had."""


class UsedUp(RepriseError):
    """An anonymous session that has had all it may have of its `session`'s requests or tokens."""

    def __init__(self, of: Literal["requests", "tokens"], session: Session) -> None:
        super().__init__(f"the session's {of} are used up")
        self.of = of
        self.session = session


def create(caller: Caller, key: "ApiKey | None", now: float) -> tuple[Session, str]:
    """Begin a session for an account, which identified itself by an API key or otherwise. Returns
    it with its secret, which nothing can show again. It ends when the key does.

    Raises Unauthorized where the key was revoked, or the account put on another plan, at this very
    moment.
    """
    from reprise.store import logins  # other requests never do this

    secret = secrets.token_urlsafe(32)
    expires = int(now) + KEPT
    if key and key.expires is not None:
        expires = min(expires, int(key.expires))
    session = Session(
        _digest(secret), caller.account_id, caller.owner, caller.plan, caller.scopes, expires
    )
    if not logins.put(session, key):
        raise Unauthorized
    return session, secret


def create_anonymous(now: float) -> tuple[Session, str]:
    """The same for nobody in particular."""
    secret = secrets.token_urlsafe(32)
    digest = _digest(secret)
    owner, scopes = keys.anonymous(digest), frozenset(SCOPES)
    session = Session(digest, None, owner, plans.ANONYMOUS, scopes, int(now) + KEPT)
    store.put(session)
    return session, secret


def end_by(secret: str) -> None:
    """End the session behind a cookie, if there is one."""
    if _SECRET.fullmatch(secret):
        store.delete(_digest(secret))


def find(secret: str, now: float) -> Session:
    """The session behind a cookie, in one read. Raises Malformed, and Unauthorized for one that is
    unknown, ended or expired, or on a plan that there is no more.
    """
    if not _SECRET.fullmatch(secret):
        raise Malformed
    session = store.find(_digest(secret))
    if session is None or session.expires <= now or session.plan not in plans.load():
        raise Unauthorized
    return session


def end(session: Session) -> None:
    if session.account_id is None:
        store.delete(session.digest)
        return
    from reprise.store import logins

    logins.delete(session)


def caller_of(session: Session) -> Caller:
    """Who asks in a session."""
    return Caller(
        session.account_id or session.digest[:32],
        session.owner,
        session.plan,
        session.scopes,
    )


def count(session: Session) -> None:
    """Count a request of an anonymous session. Raises UsedUp, also where others of its requests
    were quicker; Unauthorized where it has ended meanwhile.
    """
    _check(session, REQUEST_LIMIT - 1)
    counted = store.add(session.digest, requests=1)
    if counted is None:
        raise Unauthorized
    _check(counted, REQUEST_LIMIT)


def spend(session: Session, tokens: int) -> None:
    """Count what an answer took."""
    store.add(session.digest, tokens=tokens)


def _check(session: Session, requests: int) -> None:
    if session.tokens >= TOKEN_LIMIT:
        raise UsedUp("tokens", session)
    if session.requests > requests:
        raise UsedUp("requests", session)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

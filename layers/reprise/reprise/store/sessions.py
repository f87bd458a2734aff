"""Cookie sessions by the hash of their secret: all that admission needs, in one item."""

from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.update import Action

from reprise.store import keys
from reprise.store.table import Item, get, write

KEPT = 14 * 24 * 3600  # seconds


class SessionItem(Item, discriminator="SE"):
    account_id = UnicodeAttribute(null=True)
    owner_pk = UnicodeAttribute()
    plan = UnicodeAttribute()
    scopes = UnicodeSetAttribute()
    ttl = NumberAttribute()
    requests = NumberAttribute(default=0)
    tokens = NumberAttribute(default=0)


@dataclass(frozen=True)
class Session:
    """`digest` is the SHA-256 of the secret; `account_id` is None for an anonymous one. `requests`
    and `tokens` are what was used in it; `expires` is in seconds since the Unix epoch.
    """

    digest: str
    account_id: str | None
    owner: str
    plan: str
    scopes: frozenset[str]
    expires: int
    requests: int = 0
    tokens: int = 0


def put(session: Session) -> None:
    to_item(session).save()


def to_item(session: Session) -> SessionItem:
    return SessionItem(
        keys.session(session.digest),
        keys.SESSION,
        account_id=session.account_id,
        owner_pk=session.owner,
        plan=session.plan,
        scopes=set(session.scopes),
        ttl=session.expires,
    )


def find(digest: str) -> Session | None:
    item = get(SessionItem, keys.session(digest), keys.SESSION)
    return _session(item) if item else None


def add(digest: str, *, requests: int = 0, tokens: int = 0) -> Session | None:
    """Count what was used, and return what that makes. None where the session is gone."""
    item = SessionItem(keys.session(digest), keys.SESSION)
    actions: list[Action] = [SessionItem.requests.add(requests), SessionItem.tokens.add(tokens)]
    if not write(lambda: item.update(actions, SessionItem.pk.exists())):
        return None
    return _session(item)


def delete(digest: str) -> None:
    SessionItem(keys.session(digest), keys.SESSION).delete()


def _session(item: SessionItem) -> Session:
    return Session(
        digest=item.pk.removeprefix(keys.session("")),
        account_id=item.account_id,
        owner=item.owner_pk,
        plan=item.plan,
        scopes=frozenset(item.scopes),
        expires=int(item.ttl),
        requests=int(item.requests),
        tokens=int(item.tokens),
    )

"""The cookie sessions of accounts: which there are, so that they change with the account's plan and
end with the key that they were made with.
"""

from collections.abc import Iterator

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from reprise.store import keys
from reprise.store.accounts import AccountItem, ApiKey, KeyItem
from reprise.store.sessions import Session, SessionItem, to_item
from reprise.store.table import Item, Refused, Transaction, query_all


class LoginItem(Item, discriminator="SA"):
    """That an account has a session, and the id of the key that it was made with, if it was. It may
    outlive the session, for as long as that could have lasted.
    """

    key = UnicodeAttribute(null=True)
    ttl = NumberAttribute()


def put(session: Session, key: ApiKey | None) -> bool:
    """Store a session of an account. False where its key was revoked meanwhile, or its plan is
    another by now.
    """
    listed = LoginItem(
        session.owner,
        keys.session(session.digest),
        key=key.id if key else None,
        ttl=session.expires,
    )
    transaction = Transaction()
    transaction.put("session", to_item(session))
    transaction.put("listed", listed)
    # Both change before the sessions are looked for: who comes too late for that is refused here.
    if key:
        same = KeyItem.revoked.does_not_exist() & (KeyItem.plan == session.plan)
        transaction.check("key", KeyItem, (keys.api_key(key.digest), keys.KEY), same)
    else:
        profile = session.owner, keys.PROFILE
        transaction.check("account", AccountItem, profile, AccountItem.plan == session.plan)
    try:
        transaction.commit()
    except Refused:
        return False
    return True


def delete(session: Session) -> None:
    transaction = Transaction()
    transaction.delete("session", SessionItem(keys.session(session.digest), keys.SESSION))
    transaction.delete("listed", LoginItem(session.owner, keys.session(session.digest)))
    transaction.commit()


def set_plan(owner: str, plan: str) -> bool:
    """Put the sessions of an account on the plan that it is on. False when somebody else put it on
    another one meanwhile. Calling it again goes on where it was cut off.
    """
    for login in _of(owner):
        transaction = Transaction()
        transaction.check("account", AccountItem, (owner, keys.PROFILE), AccountItem.plan == plan)
        item = SessionItem(login.sk, keys.SESSION)
        transaction.update(
            "session", item, [SessionItem.plan.set(plan)], SessionItem.owner_pk == owner
        )
        try:
            transaction.commit()
        except Refused as refused:
            if "account" in refused.reasons:
                return False
    return True


def end(owner: str, key_id: str) -> None:
    """End the sessions that were made with a key."""
    for login in _of(owner):
        if login.key == key_id:
            SessionItem(login.sk, keys.SESSION).delete()
            login.delete()


def _of(owner: str) -> Iterator[LoginItem]:
    items = query_all(owner, Item.sk.startswith(keys.session("")))
    return (item for item in items if isinstance(item, LoginItem))

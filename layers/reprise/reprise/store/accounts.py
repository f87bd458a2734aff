"""Accounts, their API keys, and whom the issuer of JWTs knows them as, as items."""

from dataclasses import dataclass
from typing import Literal

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from reprise.store import keys
from reprise.store.table import (
    Item,
    Key,
    Refusal,
    Refused,
    Transaction,
    get,
    get_many,
    query,
    write,
)


class AccountItem(Item, discriminator="A"):
    """`subject` is the digest of whom the issuer of JWTs knows it as, if it does."""

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    plan = UnicodeAttribute()
    created = NumberAttribute()
    subject = UnicodeAttribute(null=True)


class NameItem(Item, discriminator="N"):
    """Makes names unique, and accounts findable by them."""

    account = UnicodeAttribute()


class KeyItem(Item, discriminator="K"):
    """A key by the hash of its secret: all that admission needs, in one item."""

    id = UnicodeAttribute()
    account_id = UnicodeAttribute()
    owner_pk = UnicodeAttribute()
    plan = UnicodeAttribute()
    scopes = UnicodeSetAttribute()
    created = NumberAttribute()
    expires = NumberAttribute(null=True)
    revoked = NumberAttribute(null=True)
    last_used = UnicodeAttribute(null=True)


class KeyOfAccountItem(Item, discriminator="KA"):
    """Which keys an account has: the id leads to the hash."""

    digest = UnicodeAttribute()


class SubjectItem(Item, discriminator="SU"):
    """A user of the issuer by the hash of who they are there: all that admission needs, in one
    item.
    """

    account_id = UnicodeAttribute()
    owner_pk = UnicodeAttribute()
    plan = UnicodeAttribute()
    created = NumberAttribute()


@dataclass(frozen=True)
class Account:
    """`subject` is the digest of whom an issuer knows it as, None for one that the operator made;
    `created` in milliseconds since the Unix epoch.
    """

    number: int
    id: str
    name: str
    plan: str
    created: int
    subject: str | None = None


_KEYS_AT_ONCE = 50  # in one transaction, which takes a hundred


@dataclass(frozen=True)
class ApiKey:
    """`digest` is the SHA-256 of the secret; `expires` in seconds, `created` and `revoked` in
    milliseconds since the Unix epoch; `last_used` is a day in ISO format.
    """

    id: str
    digest: str
    account_id: str
    owner: str
    plan: str
    scopes: frozenset[str]
    created: int
    expires: float | None = None
    revoked: int | None = None
    last_used: str | None = None


@dataclass(frozen=True)
class Subject:
    """Whom an issuer vouches for, as the account that is theirs; `created` in milliseconds since
    the Unix epoch.
    """

    account_id: str
    owner: str
    plan: str
    created: int


def create(account: Account) -> Literal["stored", "name taken", "number taken"]:
    """Store an account and its name together."""
    try:
        _creation(account).commit()
    except Refused as refused:
        return "name taken" if "name" in refused.reasons else "number taken"
    return "stored"


def create_for_subject(account: Account) -> Subject | None:
    """Store an account with its name and its subject. Returns what is stored: if somebody was
    faster, theirs. None when the number is taken.
    """
    item = SubjectItem(
        keys.subject(str(account.subject)),
        keys.SUBJECT,
        account_id=account.id,
        owner_pk=keys.account(account.number),
        plan=account.plan,
        created=account.created,
    )
    transaction = _creation(account)
    transaction.put("subject", item, SubjectItem.pk.does_not_exist())
    try:
        transaction.commit()
    except Refused as refused:
        match refused.reasons:
            case {"subject": Refusal(item=SubjectItem() as there)}:
                return _subject(there)
            case {"name": _}:
                raise  # it is derived from the digest: trying again would not help
        return None
    return _subject(item)


def subject_by_digest(digest: str) -> Subject | None:
    item = get(SubjectItem, keys.subject(digest), keys.SUBJECT)
    return _subject(item) if item else None


def _creation(account: Account) -> Transaction:
    partition = keys.account(account.number)
    profile = AccountItem(
        partition,
        keys.PROFILE,
        id=account.id,
        name=account.name,
        plan=account.plan,
        created=account.created,
        subject=account.subject,
    )
    name = NameItem(keys.account_name(account.name), keys.NAME, account=partition)
    transaction = Transaction()
    transaction.put("account", profile, AccountItem.pk.does_not_exist())
    transaction.put("name", name, NameItem.pk.does_not_exist())
    return transaction


def by_name(name: str) -> Account | None:
    named = get(NameItem, keys.account_name(name), keys.NAME)
    item = get(AccountItem, named.account, keys.PROFILE) if named else None
    if item is None:
        return None
    number = int(item.pk.rsplit("#", 1)[1])
    return Account(number, item.id, item.name, item.plan, int(item.created), item.subject)


def set_plan(account: Account, plan: str) -> bool:
    """Put an account on a plan, and whatever tells a request of it: its subject and its keys. False
    when somebody else put it on another one meanwhile.

    First the account with its subject, then the keys, of which there may be any number: those that
    are made from then on have the plan already (see `put_key`). Calling it again goes on where it
    was cut off.
    """
    owner = keys.account(account.number)
    transaction = Transaction()
    profile = AccountItem(owner, keys.PROFILE)
    transaction.update("account", profile, [AccountItem.plan.set(plan)], AccountItem.pk.exists())
    if account.subject:
        subject = SubjectItem(keys.subject(account.subject), keys.SUBJECT)
        transaction.update(
            "subject", subject, [SubjectItem.plan.set(plan)], SubjectItem.pk.exists()
        )
    transaction.commit()
    behind = [key for key in keys_of(owner) if key.plan != plan]
    for start in range(0, len(behind), _KEYS_AT_ONCE):
        transaction = Transaction()
        transaction.check("account", AccountItem, (owner, keys.PROFILE), AccountItem.plan == plan)
        for key in behind[start : start + _KEYS_AT_ONCE]:
            item = KeyItem(keys.api_key(key.digest), keys.KEY)
            transaction.update(key.id, item, [KeyItem.plan.set(plan)], KeyItem.owner_pk == owner)
        try:
            transaction.commit()
        except Refused as refused:
            if "account" in refused.reasons:
                return False
            raise
    return True


def put_key(key: ApiKey) -> bool:
    """Store a key; one with the same secret is replaced. False when its account is on another plan
    by now.
    """
    item = KeyItem(
        keys.api_key(key.digest),
        keys.KEY,
        id=key.id,
        account_id=key.account_id,
        owner_pk=key.owner,
        plan=key.plan,
        scopes=set(key.scopes),
        created=key.created,
        expires=key.expires,
    )
    listed = KeyOfAccountItem(key.owner, keys.api_key_of_account(key.id), digest=key.digest)
    transaction = Transaction()
    transaction.put("key", item)
    transaction.put("listed", listed)
    profile: Key = (key.owner, keys.PROFILE)
    same = AccountItem.pk.does_not_exist() | (AccountItem.plan == key.plan)
    transaction.check("account", AccountItem, profile, same)
    try:
        transaction.commit()
    except Refused:
        return False
    return True


def key_by_digest(digest: str) -> ApiKey | None:
    item = get(KeyItem, keys.api_key(digest), keys.KEY)
    return _key(item) if item else None


def keys_of(owner: str) -> list[ApiKey]:
    """All keys of an account, in the order of their making."""
    found: list[ApiKey] = []
    start = None
    while True:
        listed, start = query(
            owner, Item.sk.startswith(keys.api_key_of_account("")), limit=100, start=start
        )
        wanted = [
            (keys.api_key(item.digest), keys.KEY)
            for item in listed
            if isinstance(item, KeyOfAccountItem)
        ]
        items = get_many(wanted).values() if wanted else ()
        ours = (item for item in items if isinstance(item, KeyItem) and item.owner_pk == owner)
        found += map(_key, ours)
        if not start:
            return sorted(found, key=lambda key: key.created)


def touch_key(digest: str, day: str) -> None:
    """Note the day of a key's last use; nothing where the key is gone."""
    item = KeyItem(keys.api_key(digest), keys.KEY)
    write(lambda: item.update([KeyItem.last_used.set(day)], KeyItem.pk.exists()))


def revoke_key(owner: str, key_id: str, now_ms: int) -> bool:
    """False when the account has no such key."""
    listed = get(KeyOfAccountItem, owner, keys.api_key_of_account(key_id))
    if listed is None:
        return False
    KeyItem(keys.api_key(listed.digest), keys.KEY).update(
        [KeyItem.revoked.set(now_ms)], KeyItem.pk.exists()
    )
    return True


def _subject(item: SubjectItem) -> Subject:
    return Subject(item.account_id, item.owner_pk, item.plan, int(item.created))


def _key(item: KeyItem) -> ApiKey:
    return ApiKey(
        id=item.id,
        digest=item.pk.removeprefix(keys.api_key("")),
        account_id=item.account_id,
        owner=item.owner_pk,
        plan=item.plan,
        scopes=frozenset(item.scopes),
        created=int(item.created),
        expires=item.expires,
        revoked=int(item.revoked) if item.revoked else None,
        last_used=item.last_used,
    )

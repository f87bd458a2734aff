"""Prompts as items in their account's partition.

| item | PK | SK |
|---|---|---|
| prompt of the account | `USER#u` | `PROMPT#n` |
| how often the account used a template | same | `PROMPT#n`, by the template's number |

Contents are compressed: 100,000 characters may have as many bytes as an item holds.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pynamodb.attributes import Attribute, BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from reprise.chat.prompts import Draft, Prompt
from reprise.store import keys
from reprise.store.claims import Claim
from reprise.store.table import Item, Refused, Transaction, get, query_all, write


class PromptItem(Item, discriminator="PR"):
    """`content` is zlib's of UTF-8, `metadata` JSON."""

    title = UnicodeAttribute()
    content = BinaryAttribute(legacy_encoding=False)
    scenario = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    metadata = UnicodeAttribute()
    created = NumberAttribute()
    updated = NumberAttribute()
    uses = NumberAttribute()


class TemplateUsesItem(Item, discriminator="PT"):
    uses = NumberAttribute()


@dataclass(frozen=True)
class Uses:
    """How often an account used the template of a number."""

    number: int
    count: int


def create(owner: str, prompt: Prompt, claim: Claim | None = None) -> bool:
    """Store a new one, with the claim of its request. False when its number is taken: the caller
    makes another. Raises Claimed and IdempotencyMismatch.
    """
    item = PromptItem(
        owner,
        keys.prompt(prompt.number),
        **{name: _stored(name, value) for name, value in asdict(prompt.said).items()},
        created=prompt.created,
        updated=prompt.updated,
        uses=prompt.uses,
    )
    transaction = Transaction()
    if claim:
        claim.add_to(transaction, str(prompt.number))
    transaction.put("prompt", item, PromptItem.pk.does_not_exist())
    try:
        transaction.commit()
    except Refused as refused:
        if claim and "claim" in refused.reasons:
            claim.refused(refused.reasons["claim"], str(prompt.number))
        return False
    return True


def find(owner: str, number: int) -> Prompt | None:
    item = get(PromptItem, owner, keys.prompt(number))
    return _prompt(item) if item else None


def uses_of(owner: str, number: int) -> int:
    """How often an account used a template."""
    item = get(TemplateUsesItem, owner, keys.prompt(number))
    return int(item.uses) if item else 0


def newest_first(owner: str) -> Iterator[Prompt | Uses]:
    """All prompts of an account, page by page; behind them its uses of templates, whose numbers are
    small.
    """
    for item in query_all(owner, Item.sk.startswith(keys.PROMPT), reverse=True):
        if isinstance(item, PromptItem):
            yield _prompt(item)
        elif isinstance(item, TemplateUsesItem):
            yield Uses(_number(item), int(item.uses))


def update(owner: str, number: int, changes: Mapping[str, Any], now_ms: int) -> Prompt | None:
    """Change some of a Draft's fields, by their names; two who change different ones do not get in
    each other's way. None where there is no such prompt.
    """
    item = PromptItem(owner, keys.prompt(number))
    actions: list[Action] = [PromptItem.updated.set(now_ms)]
    for name, value in changes.items():
        attribute: Attribute[Any] = getattr(PromptItem, name)
        actions.append(attribute.remove() if value is None else attribute.set(_stored(name, value)))
    if not write(lambda: item.update(actions, PromptItem.pk.exists())):
        return None
    return _prompt(item)


def delete(owner: str, number: int) -> bool:
    """False where there is no such prompt."""
    item = PromptItem(owner, keys.prompt(number))
    return write(lambda: item.delete(PromptItem.pk.exists()))


def add_use(transaction: Transaction, owner: str, prompt: Prompt) -> None:
    """Count a use in the transaction that begins it, as its write `prompt`: refused where the
    prompt is gone.
    """
    sort = keys.prompt(prompt.number)
    if prompt.template:
        counted: list[Action] = [TemplateUsesItem.kind.set(TemplateUsesItem)]
        counted.append(TemplateUsesItem.uses.add(1))
        transaction.update("prompt", TemplateUsesItem(owner, sort), counted)
        return
    uses = PromptItem.uses.add(1)
    transaction.update("prompt", PromptItem(owner, sort), [uses], PromptItem.pk.exists())


def _stored(name: str, value: Any) -> Any:
    match name:
        case "content":
            return zlib.compress(value.encode())
        case "metadata":
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _prompt(item: PromptItem) -> Prompt:
    return Prompt(
        number=_number(item),
        said=Draft(
            item.title,
            zlib.decompress(item.content).decode(),
            item.scenario,
            item.description,
            json.loads(item.metadata),
        ),
        created=int(item.created),
        updated=int(item.updated),
        uses=int(item.uses),
    )


def _number(item: Item) -> int:
    return int(item.sk.removeprefix(keys.PROMPT))

"""What lies in a conversation's partition, and the chunks of its generations.

Attribute names in the table are one or two letters where an item is written every turn.
"""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from reprise.store.table import Item

CHUNKS_KEPT = 14 * 24 * 3600  # seconds
LEASE_KEPT = 3600  # seconds behind its expiry: then the table drops it, and a worker repairs


class ConversationItem(Item, discriminator="C"):
    id = UnicodeAttribute()
    owner = UnicodeAttribute()
    title = UnicodeAttribute(null=True)
    head = UnicodeAttribute(null=True)
    version = NumberAttribute()
    created = NumberAttribute()
    activity = NumberAttribute()
    model = UnicodeAttribute(null=True)


class MessageItem(Item, discriminator="M"):
    """A message that is one text has it in `text`, any other its parts in `body`, as
    `chat.events.dump_parts` writes them. Where they are too large, `blob` is their key in the
    bucket and `text` a preview.
    """

    role = UnicodeAttribute(attr_name="r")
    parent = UnicodeAttribute(attr_name="p", null=True)
    depth = NumberAttribute(attr_name="d")
    path = BinaryAttribute(attr_name="h", legacy_encoding=False, null=True)
    state = UnicodeAttribute(attr_name="s")
    text = UnicodeAttribute(attr_name="t", null=True)
    body = UnicodeAttribute(attr_name="b", null=True)
    blob = UnicodeAttribute(attr_name="o", null=True)
    updated = NumberAttribute(attr_name="u")
    model = UnicodeAttribute(attr_name="m", null=True)
    finish_reason = UnicodeAttribute(attr_name="f", null=True)
    input_tokens = NumberAttribute(attr_name="ti", null=True)
    output_tokens = NumberAttribute(attr_name="to", null=True)
    hidden = BooleanAttribute(attr_name="x", null=True)
    before = UnicodeAttribute(attr_name="w", null=True)


class LeaseItem(Item, discriminator="L"):
    """Who writes the next answer. Held while `expires` (seconds) lies ahead."""

    generation = UnicodeAttribute(attr_name="g")
    expires = NumberAttribute(attr_name="e")
    ttl = NumberAttribute()


class VersionsItem(Item, discriminator="V"):
    """Siblings under one parent in the order they were made. `tips` alternates a sibling and the
    tip that was last shown under it, where that is not the sibling itself; a later entry wins. A
    list, so that a redo can add to both without reading them first.
    """

    ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    tips: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)


class ChunkItem(Item, discriminator="G"):
    """Consecutive events of a generation, as `chat.events.pack` writes them."""

    events = UnicodeAttribute(attr_name="e")
    ttl = NumberAttribute()

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
    UnicodeSetAttribute,
)

from reprise.store.table import Item

CHUNKS_KEPT = 14 * 24 * 3600  # seconds
LEASE_KEPT = 3600  # seconds behind its expiry: then the table drops it, and a worker repairs


class ConversationItem(Item, discriminator="C"):
    """`agent` and `end_user` are partitions of their indexes: see `keys`."""

    id = UnicodeAttribute()
    owner = UnicodeAttribute()
    title = UnicodeAttribute(null=True)
    head = UnicodeAttribute(null=True)
    version = NumberAttribute()
    created = NumberAttribute()
    activity = NumberAttribute()
    model = UnicodeAttribute(null=True)
    switched = BooleanAttribute(attr_name="sw", null=True)
    branched = BooleanAttribute(attr_name="br", null=True)
    thread = UnicodeAttribute(null=True)
    agent = UnicodeAttribute(null=True)
    end_user = UnicodeAttribute(null=True)
    instructions = UnicodeAttribute(null=True)
    corpus = UnicodeAttribute(null=True)
    uploads = NumberAttribute(null=True)


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
    estimated = BooleanAttribute(attr_name="te", null=True)
    hidden = BooleanAttribute(attr_name="x", null=True)
    before = UnicodeAttribute(attr_name="w", null=True)
    begun = UnicodeAttribute(attr_name="g", null=True)
    events = NumberAttribute(attr_name="n", null=True)
    payer = UnicodeAttribute(attr_name="hp", null=True)
    unit = NumberAttribute(attr_name="hu", null=True)
    cost = NumberAttribute(attr_name="c", null=True)
    feedback = UnicodeAttribute(attr_name="fb", null=True)


class LeaseItem(Item, discriminator="L"):
    """Who writes the next answer. Held while `expires` (seconds) lies ahead. `stop` is set by
    whoever wants it to end.
    """

    generation = UnicodeAttribute(attr_name="g")
    expires = NumberAttribute(attr_name="e")
    stop = BooleanAttribute(attr_name="x", null=True)
    ttl = NumberAttribute()


class VersionsItem(Item, discriminator="V"):
    """Siblings of one role under one parent, from the second one on; their ids sort by age. `left`
    are marks (see `store.versions`) of heads below them that another branch took over from: the
    tips that were shown. Both can be added to without being read.
    """

    ids = UnicodeSetAttribute(null=True)
    left: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)


class ChunkItem(Item, discriminator="G"):
    """Consecutive events of a generation, as `chat.events.pack` writes them."""

    events = UnicodeAttribute(attr_name="e")
    ttl = NumberAttribute()


class UploadItem(Item, discriminator="F"):
    """A file of a conversation. `text` has its pages as JSON, unless it is too large: then it lies
    in the bucket with an index of it, and `text` is absent. What nobody uploads expires.
    """

    name = UnicodeAttribute()
    size = NumberAttribute()
    created = NumberAttribute()
    status = UnicodeAttribute()
    pages = NumberAttribute(null=True)
    tokens = NumberAttribute(null=True)
    text = UnicodeAttribute(null=True)
    problem = UnicodeAttribute(null=True)
    ttl = NumberAttribute(null=True)

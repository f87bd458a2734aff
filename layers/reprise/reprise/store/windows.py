"""Rate windows: how many requests somebody made since it began."""

from pynamodb.attributes import NumberAttribute

from reprise.store import keys
from reprise.store.table import Item, get


class WindowItem(Item, discriminator="R"):
    requests = NumberAttribute(attr_name="n")
    ttl = NumberAttribute()


def add(scope: str, subject: str, start: int, end: int) -> int:
    """Count one more request in a window, and return how many that makes. `start` and `end` are
    seconds since the Unix epoch.

    Without a condition, so no two can collide: whoever counts above the limit is refused.
    """
    item = WindowItem(keys.window(scope, subject, start), keys.WINDOW)
    item.update(
        [
            WindowItem.requests.add(1),
            WindowItem.kind.set(WindowItem),
            WindowItem.ttl.set(end),
        ]
    )
    return int(item.requests)


def count(scope: str, subject: str, start: int) -> int:
    """How many requests a window has so far."""
    item = get(WindowItem, keys.window(scope, subject, start), keys.WINDOW)
    return int(item.requests) if item else 0

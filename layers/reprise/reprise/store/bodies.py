"""What of a conversation is too large for the table, in the bucket: parts of messages, an object
each, and its files."""

import uuid
from collections.abc import Callable

from reprise.store import bucket, keys

LIMIT = 200_000  # bytes of UTF-8 that a message may take up in the table; an item holds 400 KB
PREVIEW = 500  # characters of such a message that stay in the item


def put(partition: str, message_id: str, body: str) -> str:
    """Store a body and return its key. Each write has a key of its own, so that two writers of one
    message cannot end up with each other's text.
    """
    key = f"{keys.bodies(partition)}{message_id}/{uuid.uuid4().hex}"
    bucket.put(key, body.encode(), "application/json")
    return key


def get(key: str) -> str:
    return bucket.get(key).decode()


def delete(partition: str, unwanted: Callable[[str], bool]) -> None:
    """Remove the bodies of a conversation that are `unwanted`, by the message's id, or the sort key
    of the file, that they are of.
    """
    bucket.delete_all(keys.bodies(partition), lambda rest: unwanted(rest.partition("/")[0]))

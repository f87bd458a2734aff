"""Ids that are addresses: whoever holds one knows where the item lies, without an index or a
counter.

A *number* has 53 bits (41 of milliseconds since 2024, 12 random), so that JSON and JavaScript keep
it exact. The text id of a conversation, an account or a key is a UUIDv8 that begins with its
number. A message id is a UUIDv8 of its own millisecond, its conversation's number and 28 random
bits: as text it sorts by time, and it names its conversation.

Parsing never raises: whatever is not an id is None, and so "not found".
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
NUMBER_BITS = 53
_MS_BITS = 41
_UUID_BITS = 122  # what a UUIDv8 leaves after version and variant
_UUID8 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)


def _format(value: int) -> str:
    """122 bits as UUIDv8 text; text order is the order of the values (RFC 9562 §5.8)."""
    high, middle, low = value >> 74, (value >> 62) & 0xFFF, value & ((1 << 62) - 1)
    bits = (high << 80) | (0x8 << 76) | (middle << 64) | (0b10 << 62) | low
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _parse(text: str) -> int | None:
    if not _UUID8.fullmatch(text):
        return None
    bits = int(text.replace("-", ""), 16)
    return (bits >> 80) << 74 | (bits >> 64 & 0xFFF) << 62 | bits & ((1 << 62) - 1)


def number_of(text_id: str) -> int | None:
    """The number that a conversation's, account's or key's text id begins with."""
    value = _parse(text_id)
    return None if value is None else value >> (_UUID_BITS - NUMBER_BITS)


def parse_number(text: str) -> int | None:
    """A number given as decimal text, as integer ids come in paths."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return None
    number = int(text)
    return number if 0 < number < 1 << NUMBER_BITS else None


def made_at(number: int) -> int:
    """When a number was made, in milliseconds since the Unix epoch; one that was hashed says
    nothing.
    """
    return (number >> (NUMBER_BITS - _MS_BITS)) + EPOCH_MS


def conversation_of(message_id: str) -> int | None:
    """The number of the conversation that a message id names."""
    value = _parse(message_id)
    return None if value is None else value >> 28 & ((1 << NUMBER_BITS) - 1)


def milliseconds_of(message_id: str) -> int:
    """When a message was made, in milliseconds since the Unix epoch.

    Raises ValueError for a text that is not a message id: callers pass ids that were parsed before.
    """
    value = _parse(message_id)
    if value is None:
        raise ValueError("not a message id")
    return (value >> (_UUID_BITS - _MS_BITS)) + EPOCH_MS


def hashed_number(owner: str, text: str) -> int:
    """The number of the conversation that a client named itself: 53 bits of SHA-256(owner,
    text).
    """
    digest = hashlib.sha256(f"{owner}\0{text}".encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - NUMBER_BITS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Mint:
    """Makes ids. Clock (milliseconds since the Unix epoch) and randomness are given, so tests are
    exact.
    """

    now_ms: Callable[[], int] = _now_ms
    randbits: Callable[[int], int] = secrets.randbits

    def number(self) -> int:
        return (self.now_ms() - EPOCH_MS) << 12 | self.randbits(12)

    def text_id(self, number: int) -> str:
        """A text id for `number`; the 69 bits after the number are random."""
        rest = _UUID_BITS - NUMBER_BITS
        return _format(number << rest | self.randbits(rest))

    def message_id(self, conversation: int, after: str | None = None) -> str:
        """An id in `conversation` that sorts behind `after`, its parent's, whatever the clock
        says.
        """
        ms = self.now_ms()
        if after is not None:
            ms = max(ms, milliseconds_of(after) + 1)
        return _format((ms - EPOCH_MS) << 81 | conversation << 28 | self.randbits(28))

"""How much of a document is read, and why one is not."""

from dataclasses import dataclass
from typing import Literal

from reprise.chat.errors import Invalid

Reason = Literal[
    "damaged",
    "empty",
    "encrypted",
    "no-text",
    "not-a-pdf",
    "not-text",
    "too-complex",
    "too-large",
    "too-many-pages",
    "too-much-text",
    "took-too-long",
]


@dataclass(frozen=True)
class Limits:
    """Of one document: bytes that it has, pages, characters of its text, seconds that reading it
    may take, and bytes of memory that this may need beside the program itself.
    """

    size: int
    pages: int
    characters: int
    seconds: float
    memory: int


# Somebody waits for an upload; the whole of it stays below 10 seconds and 512 MB.
UPLOAD = Limits(
    size=10 * 1_048_576, pages=2_000, characters=12_000_000, seconds=9, memory=320_000_000
)
# For a corpus an operator waits, at a machine of their own.
CORPUS = Limits(
    size=100_000_000, pages=10_000, characters=40_000_000, seconds=300, memory=1_500_000_000
)


class Unreadable(Invalid):
    """A document whose text cannot be had. `problem` is worded so that it can stand behind the
    document's name.
    """

    def __init__(self, reason: Reason, limits: Limits = UPLOAD) -> None:
        super().__init__("file", _problem(reason, limits))
        self.reason = reason


def _problem(reason: Reason, limits: Limits) -> str:
    match reason:
        case "damaged":
            return "is damaged"
        case "empty":
            return "is empty"
        case "encrypted":
            return "is encrypted, and cannot be read without its password"
        case "no-text":
            return "has no text: what is only in images cannot be read"
        case "not-a-pdf":
            return "is not a PDF"
        case "not-text":
            return "is neither a PDF nor text in UTF-8"
        case "too-complex":
            return "needs too much memory to be read"
        case "too-large":
            return f"has more than {limits.size:,} bytes"
        case "too-many-pages":
            return f"has more than {limits.pages:,} pages"
        case "too-much-text":
            return f"has more than {limits.characters:,} characters of text"
        case "took-too-long":
            return f"takes longer than {limits.seconds:g} seconds to be read"

"""What a search has found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from reprise.chat.errors import RepriseError


class Unsearchable(RepriseError):
    """What was to be searched cannot be searched now; the text is fit for whoever asked."""


@dataclass(frozen=True)
class Match:
    """A passage. `page` counts from 1, None where there is none; a higher `score` is a better one,
    among those of one search.
    """

    document: str
    page: int | None
    text: str
    score: float


def by_turns(found: Iterable[Sequence[Match]], limit: int) -> list[Match]:
    """The best of each search, then the second best of each, …: scores of different searches do not
    compare.
    """
    turns = chain.from_iterable(zip_longest(*found))
    return [match for match in turns if match is not None][:limit]


def results(found: Iterable[Match]) -> dict[str, Any]:
    """As a model is told by the tool that searches, and clients are shown."""
    return {
        "kind": "docs",
        "results": [
            {
                "document": match.document,
                "page": match.page,
                "score": float(f"{match.score:.3g}"),
                "text": match.text,
            }
            for match in found
        ],
    }

"""Documents cut into passages: pieces that are long enough to be understood, and short enough that
several can be shown to a model.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SIZE = 1_200  # characters of a passage at most: about 300 tokens
OVERLAP = 150  # that it repeats of the one before, where that ends within a paragraph

_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s|[。！？｡]")
_SPACE = re.compile(r"\s")


@dataclass(frozen=True)
class Passage:
    """`page` counts from 1."""

    page: int
    text: str


def passages(pages: Iterable[str], size: int = SIZE, overlap: int = OVERLAP) -> Iterator[Passage]:
    """The passages of a document, in their order. None goes over the end of a page, so that each
    can be cited; together they have all of its text.

    `overlap` is at most a quarter of `size`.
    """
    for number, page in enumerate(pages, 1):
        for text in _pieces(page, size, overlap):
            yield Passage(number, text)


def _pieces(text: str, size: int, overlap: int) -> Iterator[str]:
    start, text = 0, text.rstrip()
    while (rest := len(text) - start) > 0:
        if text[start].isspace():
            start += 1
            continue
        if rest <= size:
            yield text[start:]
            return
        # what is left is shared out, rather than leaving crumbs
        length = min(size, (rest + overlap + 1) // 2)
        end, whole = _end(text, start + length // 2, start + length)
        yield text[start:end].rstrip()
        start = end if whole else _after_space(text, end - overlap, end)


def _end(text: str, least: int, most: int) -> tuple[int, bool]:
    """Where to cut: behind a paragraph, sentence, line or word, as late as possible. And whether
    it is the first of these.
    """
    for pattern in (_PARAGRAPH, _SENTENCE, _SPACE):
        if ends := [found.end() for found in pattern.finditer(text, least, most)]:
            return ends[-1], pattern is _PARAGRAPH
    return most, False


def _after_space(text: str, least: int, most: int) -> int:
    found = _SPACE.search(text, least, most)
    return found.end() if found else least

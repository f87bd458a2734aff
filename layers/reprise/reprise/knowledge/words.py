"""The words of a text, in any language, as they are looked up.

Case, accents and the width of letters make no difference. Scripts that put no spaces between words
are cut into pairs of characters that overlap. All of that is done here and not by SQLite, whose
tokenizers know fewer scripts, and not in every version the same.
"""

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 64  # characters of a word; what is longer is cut

# Thai, Lao, Tibetan, Burmese, Khmer; kana, Chinese, Korean
_DENSE = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowels of Indian scripts and the like belong to words, which `\w` does not say. (The two bars
# between them end sentences.)
_WORD = re.compile(rf"[\w\u0900-\u0963\u0966-\u0dff{_DENSE}]+")
_PIECE = re.compile(rf"(?P<dense>[{_DENSE}]+)|[^{_DENSE}]+")
_ACCENT = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c7\u064b-\u065f\u0670]")
_HYPHEN = re.compile("(?<=[^\\W\\d_])[-\u2010]\n(?=[^\\W\\d_])")


def words(text: str) -> Iterator[str]:
    """Each word, as often as it occurs; of a dense script each pair of characters, and the last
    one alone.
    """
    for run, dense in _runs(text):
        if dense:
            yield from (run[at : at + 2] for at in range(len(run)))
        else:
            yield run[:LONGEST]


def query(question: str, most: int) -> str | None:
    """A question as an FTS5 query for whatever has one of its words; None where it has none.

    `most` bounds the words: of more than that, the longest. Never raises: what has a meaning in
    FTS5's syntax does not get there.
    """
    wanted: dict[str, None] = {}
    for run, dense in _runs(question):
        if not dense:
            wanted[f'"{run[:LONGEST]}"'] = None
        elif len(run) == 1:
            wanted[f'"{run}"*'] = None  # as the first of a pair, or alone
        else:
            wanted |= {f'"{run[at : at + 2]}"': None for at in range(len(run) - 1)}
    return " OR ".join(sorted(wanted, key=len, reverse=True)[:most]) or None


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Runs of characters without anything between them, and whether they are of a dense script."""
    for word in _WORD.findall(_folded(text)):
        if word.isascii():
            yield word, False
        else:
            for piece in _PIECE.finditer(word):
                yield piece[0], piece["dense"] is not None


def _folded(text: str) -> str:
    # a word that was divided at the end of a line
    text = _HYPHEN.sub("", text)
    if not text.isascii():
        text = _ACCENT.sub("", unicodedata.normalize("NFKD", text.replace("\u00ad", "")))
        text = unicodedata.normalize("NFC", text).casefold()
    return text.lower().replace("_", " ")

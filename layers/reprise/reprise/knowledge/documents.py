"""Documents, of whatever kind, as the text of their pages."""

import codecs
from dataclasses import dataclass

from reprise.knowledge import pdf
from reprise.knowledge.limits import CORPUS, Limits, Unreadable
from reprise.knowledge.text import clean

MARKDOWN = (".md", ".markdown")
_UTF_16 = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)


@dataclass(frozen=True)
class Content:
    media_type: str
    pages: tuple[str, ...]


def read(name: str, data: bytes, limits: Limits = CORPUS) -> Content:
    """The text of a PDF, or of a text or Markdown file in UTF-8. Its name only tells the last two
    apart. Text is one page, unless form feeds divide it.

    Raises Unreadable, with the reason.
    """
    text = _decoded(data)
    if pdf.is_pdf(data) and (text is None or text.lstrip().startswith(pdf.MAGIC.decode())):
        return Content("application/pdf", pdf.extract(data, limits).pages)
    if len(data) > limits.size:
        raise Unreadable("too-large", limits)
    if text is None:
        raise Unreadable("not-text", limits)
    pages = tuple(map(clean, text.split("\f")))
    if not any(map(str.strip, pages)):
        raise Unreadable("empty", limits)
    if len(pages) > limits.pages:
        raise Unreadable("too-many-pages", limits)
    if sum(map(len, pages)) > limits.characters:
        raise Unreadable("too-much-text", limits)
    markdown = name.lower().endswith(MARKDOWN)
    return Content("text/markdown" if markdown else "text/plain", pages)


def _decoded(data: bytes) -> str | None:
    """As text; None where it is none."""
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text

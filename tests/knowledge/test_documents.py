"""Documents are read by what they are."""

from dataclasses import replace

import pytest

from reprise.knowledge.documents import Content, read
from reprise.knowledge.limits import CORPUS, Reason, Unreadable
from tests.knowledge.pdfs import document


@pytest.mark.parametrize(
    ("name", "data", "media_type", "pages"),
    [
        ("a.txt", b"Hello", "text/plain", ("Hello",)),
        ("a", "Grüße, 你好".encode(), "text/plain", ("Grüße, 你好",)),
        ("a.txt", "\ufeffHello".encode(), "text/plain", ("Hello",)),
        ("a.txt", "Grüße".encode("utf-16"), "text/plain", ("Grüße",)),
        ("a.md", b"# Title\r\n\r\nText", "text/markdown", ("# Title\n\nText",)),
        ("a.Markdown", b"# Title", "text/markdown", ("# Title",)),
        ("a.txt", b"One\fTwo\n", "text/plain", ("One", "Two")),
        ("a.pdf", document("One", "Two"), "application/pdf", ("One", "Two")),
        ("a.txt", document("One"), "application/pdf", ("One",)),
        ("a.md", b"A PDF begins with %PDF-1.7.", "text/markdown", ("A PDF begins with %PDF-1.7.",)),
    ],
)
def test_a_document_has_a_type_and_pages(
    name: str, data: bytes, media_type: str, pages: tuple[str, ...]
) -> None:
    assert read(name, data) == Content(media_type, pages)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\f\n", "empty"),
        (b"a\0b", "not-text"),
        (b"\xff\xd8\xff\xe0", "not-text"),
        ("Grüße".encode("latin-1"), "not-text"),
        (b"%PDF-1.7\n\xff", "damaged"),
        (b"%PDF-1.7\n", "damaged"),
        (b"a" * 101, "too-much-text"),
        (b"a" * 201, "too-large"),
        (b"a\f" * 10, "too-many-pages"),
    ],
)
def test_or_a_reason_why_it_is_not_read(data: bytes, reason: Reason) -> None:
    limits = replace(CORPUS, size=200, characters=100, pages=9)

    with pytest.raises(Unreadable) as caught:
        read("a.pdf", data, limits)

    assert caught.value.reason == reason

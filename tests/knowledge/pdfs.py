"""PDFs made by hand: whole ones, broken ones, and such as mean harm.

    Pdf().page("Hello").bytes()

Objects are numbered in the order in which they are added; 1 is the page tree, 2 the catalogue, 3 a
font.
"""

import io
import zlib
from collections.abc import Iterable, Sequence
from typing import Self

from pypdf import PdfReader, PdfWriter

TREE, CATALOGUE, FONT = 1, 2, 3


class Pdf:
    def __init__(self) -> None:
        self._objects: dict[int, bytes] = {}
        self.pages: list[int] = []
        self.trailer = b""  # more entries of it
        self.add(b"")
        self.add(b"<< /Type /Catalog /Pages 1 0 R >>")
        self.add(
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
        )

    @property
    def next(self) -> int:
        """The number of the object that is added next."""
        return len(self._objects) + 1

    def add(self, content: bytes) -> int:
        self._objects[self.next] = content
        return self.next - 1

    def replace(self, number: int, content: bytes) -> Self:
        self._objects[number] = content
        return self

    def stream(self, data: bytes, entries: bytes = b"") -> int:
        return self.add(stream(data, entries))

    def page(self, *lines: str, content: int | None = None, resources: bytes = b"") -> Self:
        """A page with these lines, or with an object as its content."""
        if content is None:
            content = self.stream(zlib.compress(shown(lines)), b"/Filter /FlateDecode")
        resources = resources or b"/Font << /F1 %d 0 R >>" % FONT
        page = (
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 612 792] "
            b"/Resources << %b >> /Contents %d 0 R >>"
        )
        self.pages.append(self.add(page % (TREE, resources, content)))
        return self

    def image_page(self) -> Self:
        """A page with nothing but an image of one pixel."""
        image = self.stream(
            b"\0",
            b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray "
            b"/BitsPerComponent 8",
        )
        content = self.stream(b"q 612 0 0 792 0 0 cm /Im1 Do Q")
        return self.page(content=content, resources=b"/XObject << /Im1 %d 0 R >>" % image)

    def bytes(self) -> bytes:
        """The file. The page tree is what was added, unless it has been replaced."""
        tree = self._objects[TREE] or (
            b"<< /Type /Pages /Count %d /Kids [%b] >>"
            % (len(self.pages), b" ".join(b"%d 0 R" % page for page in self.pages))
        )
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places: list[int] = []
        for number, content in (self._objects | {TREE: tree}).items():
            places.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<< /Size %d /Root %d 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (
            *(len(places) + 1, CATALOGUE, self.trailer, start),
        )
        return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data)


def shown(lines: Iterable[str]) -> bytes:
    """The operators that show lines one below the other."""
    texts = [b"(%b) Tj T*" % escaped(line) for line in lines]
    return b"BT /F1 10 Tf 12 TL 72 720 Td\n%b\nET" % b"\n".join(texts)


def kerned(lines: Iterable[str]) -> bytes:
    """The same, as typesetting programs do it: words in pieces, with spaces that are only gaps."""
    rows = []
    for line in lines:
        words = [
            b"(%b)%d(%b)-333" % (escaped(word[:2]), 12, escaped(word[2:])) for word in line.split()
        ]
        rows.append(b"[%b] TJ 0 -12 Td" % b"".join(words))
    return b"BT /F1 10 Tf 72 720 Td\n%b\nET" % b"\n".join(rows)


def escaped(text: str) -> bytes:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")


def document(*pages: str) -> bytes:
    """A PDF with these texts for its pages."""
    made = Pdf()
    for page in pages:
        made.page(*page.split("\n"))
    return made.bytes()


def encrypted(data: bytes, **passwords: str) -> bytes:
    """The same with a `user_password`, an `owner_password` or both."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(**passwords, algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def book(pages: Sequence[bytes], size: int = 0, noise: bytes = b"") -> bytes:
    """A PDF of pages with these operators, made as large by something that no page shows."""
    made = Pdf()
    for page in pages:
        content = made.stream(zlib.compress(page), b"/Filter /FlateDecode")
        made.page(content=content)
    if missing := size - len(made.bytes()):
        made.stream((noise * (missing // max(len(noise), 1) + 1))[:missing])
    return made.bytes()


# Harm


def unfolding(size: int, times: int = 1) -> bytes:
    """A page whose content unfolds to so many bytes, through so many filters."""
    squeeze, piece = zlib.compressobj(9), b"(all work and no play) Tj " * 40_000
    squeezed = b"".join(squeeze.compress(piece) for _ in range(size // len(piece)))
    data = squeezed + squeeze.flush()
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    made = Pdf()
    filters = b" ".join([b"/FlateDecode"] * times)
    return made.page(content=made.stream(data, b"/Filter [%b]" % filters)).bytes()


def unfolding_pages(count: int, size: int) -> bytes:
    """So many pages, each of which unfolds to so many bytes that show nothing."""
    made = Pdf()
    data = zlib.compress(b"(%b) pop" % (b"x" * size), 9)
    for _ in range(count):
        made.page(content=made.stream(data, b"/Filter /FlateDecode"))
    return made.bytes()


def many_pages(count: int, at_once: int) -> bytes:
    """So many pages that are all the same one, `at_once` in each node of the tree."""
    made = Pdf()
    page = made.page("Again").pages[0]
    kids = b" ".join([b"%d 0 R" % page] * at_once)
    nodes = [
        made.add(b"<< /Type /Pages /Parent 1 0 R /Count %d /Kids [%b] >>" % (at_once, kids))
        for _ in range(count // at_once)
    ]
    children = b" ".join(b"%d 0 R" % node for node in nodes)
    made.replace(TREE, b"<< /Type /Pages /Count %d /Kids [%b] >>" % (count, children))
    return made.bytes()


def tree_that_is_its_own_child() -> bytes:
    made = Pdf().page("Hello")
    kids = b"%d 0 R 1 0 R" % made.pages[0]
    return made.replace(TREE, b"<< /Type /Pages /Count 2 /Kids [%b] >>" % kids).bytes()


def object_that_is_itself() -> bytes:
    made = Pdf()
    return made.page(content=made.add(b"%d 0 R" % made.next)).bytes()


def length_that_is_its_own_stream() -> bytes:
    made = Pdf()
    own = b"<< /Length %d 0 R >>\nstream\nBT (a) Tj ET\nendstream" % made.next
    return made.page(content=made.add(own)).bytes()


def form_that_shows_itself() -> bytes:
    made = Pdf()
    own = b"/XObject << /X %d 0 R >> /Font << /F1 %d 0 R >>" % (made.next, FONT)
    made.stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /Resources << %b >>" % own)
    return made.page(content=made.stream(b"/X Do"), resources=own).bytes()


def forms_of_forms(depth: int, each: int) -> bytes:
    """Forms that show the next one several times: a few lines stand for each ** depth."""
    made = Pdf()
    text = b"/Font << /F1 %d 0 R >>" % FONT
    kind = b"/Type /XObject /Subtype /Form /Resources << %b >>"
    resources, content = text, shown(["ha" * 500])
    for _ in range(depth):
        form = made.stream(content, kind % resources)
        resources, content = b"%b /XObject << /X %d 0 R >>" % (text, form), b"/X Do " * each
    return made.page(content=made.stream(content), resources=resources).bytes()


def nested_arrays(depth: int) -> bytes:
    made = Pdf()
    return made.page(content=made.stream(b"[" * depth + b"]" * depth + b" TJ")).bytes()


def map_of_everything() -> bytes:
    """A font whose table of characters maps two billion codes."""
    made = Pdf()
    ranges = b"<0000> <FFFF> <0000>\n" * 30_000
    table = made.stream(
        zlib.compress(
            b"1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange\n"
            b"30000 beginbfrange\n%bendbfrange" % ranges
        ),
        b"/Filter /FlateDecode",
    )
    made.replace(
        FONT,
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode %d 0 R >>"
        % table,
    )
    return made.page("Hello").bytes()


def table_that_precedes_itself() -> bytes:
    """A cross-reference table whose predecessor is itself."""
    made = Pdf().page("Hello")
    made.trailer = b"/Prev 0000000000"
    data = made.bytes()
    return data.replace(b"/Prev 0000000000", b"/Prev %010d" % data.rindex(b"xref\n0 "))


def objects_in_each_other() -> bytes:
    """Two streams of objects, each of which lies in the other."""
    body = bytearray(b"%PDF-1.7\n")
    entries = b"\0\0\0\0" + b"".join(bytes([2, 0, within, 0]) for within in (3, 3, 2, 2))
    places = len(body)
    body += b"5 0 obj\n"
    body += stream(entries, b"/Type /XRef /Size 5 /W [1 2 1] /Root 1 0 R")
    body += b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % places
    return bytes(body)


def long_page(count: int) -> bytes:
    """A page with so many operators, which take time."""
    made = Pdf()
    operators = b"BT /F1 10 Tf " + b"1 0 0 1 9 9 Tm (a) Tj " * count + b"ET"
    content = made.stream(zlib.compress(operators, 9), b"/Filter /FlateDecode")
    return made.page(content=content).bytes()


def many_complaints(count: int) -> bytes:
    """A page that pypdf has something to say about, again and again."""
    made = Pdf()
    return made.page(content=made.stream(b"/None Do " * count)).bytes()

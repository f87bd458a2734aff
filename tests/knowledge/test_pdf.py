"""The text of PDFs: of good ones it comes, of others the reason why not."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from reprise.knowledge import pdf, pdf_child, pdf_exit
from reprise.knowledge.limits import UPLOAD, Limits, Reason, Unreadable
from reprise.knowledge.pdf import extract
from tests.knowledge import pdfs
from tests.knowledge.pdfs import Pdf, document, encrypted

HELLO = document("Hello")
BRIEFLY = replace(UPLOAD, seconds=1.5)
AT_MOST_SECONDS, AT_MOST_BYTES = 10, 512_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def refusal(data: bytes, limits: Limits = UPLOAD) -> tuple[Reason, str]:
    """Why a document is not read, as a code and in words."""
    with pytest.raises(Unreadable) as caught:
        extract(data, limits)
    assert caught.value.field == "file"
    return caught.value.reason, caught.value.problem


class TestText:
    def test_comes_page_by_page(self) -> None:
        extracted = extract(document("One", "Two\nlines", "Three"))

        assert extracted.pages == ("One", "Two\nlines", "Three")

    def test_of_a_page_without_any_is_empty(self) -> None:
        data = Pdf().page("One").image_page().page("Three").bytes()

        assert extract(data).pages == ("One", "", "Three")

    def test_of_many_pages_is_in_their_order(self) -> None:
        """Two processes read them."""
        pages = [f"Page {number}" for number in range(2 * pdf_child.FOR_TWO + 1)]

        assert extract(document(*pages)).pages == tuple(pages)

    def test_is_in_any_script(self) -> None:
        made = Pdf()
        table = made.stream(
            b"1 begincodespacerange <00> <FF> endcodespacerange 2 beginbfchar "
            b"<41> <4F60597D> <42> <D83DDE00> endbfchar"
        )
        made.replace(
            pdfs.FONT,
            b"<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode %d 0 R >>" % table,
        )

        assert extract(made.page("AB").bytes()).pages == ("你好😀",)

    def test_has_no_halves_of_characters(self) -> None:
        made = Pdf()
        table = made.stream(
            b"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <41> <D83D> endbfchar"
        )
        made.replace(
            pdfs.FONT,
            b"<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode %d 0 R >>" % table,
        )

        (page,) = extract(made.page("AxA").bytes()).pages

        assert page.encode()

    def test_is_read_behind_what_is_no_part_of_the_file(self) -> None:
        assert extract(b"\r\n" * 100 + HELLO).pages == ("Hello",)

    def test_of_a_document_that_only_must_not_be_changed_is_read(self) -> None:
        locked = encrypted(HELLO, user_password="", owner_password="secret")

        assert extract(locked).pages == ("Hello",)

    def test_of_300_pages_and_10_mb(self) -> None:
        """`make bench ONLY=knowledge` tells how long it takes."""
        noise = random.Random(1).randbytes(1_000_000)
        page = pdfs.shown(["Nothing that was said is lost, and every answer is kept."] * 40)

        patiently = replace(UPLOAD, seconds=60)
        extracted = extract(pdfs.book([page] * 300, 10_000_000, noise), patiently)

        assert len(extracted.pages) == 300
        assert extracted.pages[299].count("Nothing") == 40


class TestRefusal:
    def test_of_nothing(self) -> None:
        assert refusal(b"") == ("empty", "is empty")

    def test_of_no_pages(self) -> None:
        assert refusal(Pdf().bytes()) == ("empty", "is empty")

    @pytest.mark.parametrize(
        "data",
        [b"Hello", b"\x89PNG\r\n\x1a\n", b"<html>", b"PDF-1.7", b" " * 1024 + HELLO],
        ids=lambda data: repr(data[:8]),
    )
    def test_of_what_is_no_pdf_whatever_its_name(self, data: bytes) -> None:
        assert refusal(data) == ("not-a-pdf", "is not a PDF")

    def test_of_one_that_needs_a_password(self) -> None:
        reason, problem = refusal(encrypted(HELLO, user_password="secret"))

        assert reason == "encrypted"
        assert problem == "is encrypted, and cannot be read without its password"

    @pytest.mark.parametrize(
        "data",
        [
            b"%PDF-1.7",
            b"%PDF-1.7\n" + bytes(range(256)) * 100,
            HELLO[: len(HELLO) // 2],
            HELLO.replace(b"/Kids", b"/Cats"),
            document("Hello").replace(b"/Catalog /Pages 1", b"/Catalog /Pages 9"),
        ],
        ids=["head", "noise", "half", "no kids", "no tree"],
    )
    def test_of_a_damaged_one(self, data: bytes) -> None:
        reason, _ = refusal(data)

        assert reason in ("damaged", "empty")

    def test_of_one_with_a_damaged_page(self) -> None:
        made = Pdf().page("One")
        made.page(content=made.stream(b"no zlib", b"/Filter /Unknown"))

        assert refusal(made.bytes()) == ("damaged", "is damaged")

    def test_of_nothing_but_images(self) -> None:
        reason, problem = refusal(Pdf().image_page().image_page().bytes())

        assert reason == "no-text"
        assert problem == "has no text: what is only in images cannot be read"

    def test_of_too_many_bytes(self) -> None:
        limits = replace(UPLOAD, size=1_000)

        assert refusal(HELLO + bytes(1_000), limits) == ("too-large", "has more than 1,000 bytes")

    def test_of_too_many_pages(self) -> None:
        limits = replace(UPLOAD, pages=2)

        assert len(extract(document("1", "2"), limits).pages) == 2
        assert refusal(document("1", "2", "3"), limits) == (
            "too-many-pages",
            "has more than 2 pages",
        )

    @pytest.mark.parametrize("count", [3, 2 * pdf_child.FOR_TWO], ids=["few pages", "many pages"])
    def test_of_too_much_text(self, count: int) -> None:
        pages = ["x" * 50] * count

        assert len(extract(document(*pages), replace(UPLOAD, characters=50 * count)).pages) == count
        assert refusal(document(*pages), replace(UPLOAD, characters=50 * count - 1)) == (
            "too-much-text",
            f"has more than {50 * count - 1:,} characters of text",
        )

    def test_of_what_takes_too_long(self) -> None:
        assert refusal(pdfs.long_page(1_000_000), BRIEFLY) == (
            "took-too-long",
            "takes longer than 1.5 seconds to be read",
        )

    def test_of_what_needs_too_much_memory(self) -> None:
        little = replace(UPLOAD, memory=100_000_000)

        reason, problem = refusal(pdfs.unfolding_pages(4, 30_000_000), little)

        assert (reason, problem) == ("too-complex", "needs too much memory to be read")


HOSTILE: dict[str, tuple[Callable[[], bytes], Limits, set[Reason | None]]] = {
    "a stream that unfolds to 300 MB": (
        lambda: pdfs.unfolding(300_000_000),
        UPLOAD,
        {"too-complex"},
    ),
    "and so through three filters": (
        lambda: pdfs.unfolding(300_000_000, 3),
        UPLOAD,
        {"too-complex"},
    ),
    "a stream that may be unfolded and is too long": (
        lambda: pdfs.unfolding(30_000_000),
        BRIEFLY,
        {"took-too-long", "too-complex"},
    ),
    "100,000 pages in a row": (
        lambda: pdfs.many_pages(100_000, 100_000),
        UPLOAD,
        {"too-many-pages"},
    ),
    "100,000 pages in a tree": (
        lambda: pdfs.many_pages(100_000, 1_000),
        UPLOAD,
        {"too-many-pages"},
    ),
    "a tree that is its own child": (pdfs.tree_that_is_its_own_child, UPLOAD, {"damaged"}),
    "an object that is itself": (pdfs.object_that_is_itself, UPLOAD, {"damaged", "no-text"}),
    "a length within what it is the length of": (
        pdfs.length_that_is_its_own_stream,
        UPLOAD,
        {"damaged", "too-complex", "no-text"},
    ),
    "a form that shows itself": (pdfs.form_that_shows_itself, UPLOAD, {"no-text"}),
    "forms of forms of forms": (
        lambda: pdfs.forms_of_forms(12, 10),
        BRIEFLY,
        {"took-too-long", "too-much-text", "too-complex"},
    ),
    "a million brackets": (lambda: pdfs.nested_arrays(1_000_000), UPLOAD, {"damaged"}),
    "a table of two billion characters": (
        pdfs.map_of_everything,
        UPLOAD,
        {"too-complex", "damaged", None},
    ),
    "a cross-reference table before itself": (
        pdfs.table_that_precedes_itself,
        UPLOAD,
        {"damaged", None},
    ),
    "objects within each other": (pdfs.objects_in_each_other, UPLOAD, {"damaged"}),
    "a hundred thousand complaints": (
        lambda: pdfs.many_complaints(100_000),
        UPLOAD,
        {"no-text"},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_time_and_memory_and_leaves_us_alone(
    apart: ProcessPoolExecutor, name: str
) -> None:
    make, limits, expected = HOSTILE[name]

    reason, seconds, most_bytes = apart.submit(tried, make(), limits).result()

    assert reason in expected
    assert seconds < AT_MOST_SECONDS
    assert most_bytes < AT_MOST_BYTES
    assert apart.submit(extract, HELLO).result().pages == ("Hello",)


@pytest.fixture(scope="module")
def apart() -> Iterator[ProcessPoolExecutor]:
    """A process whose only children are those that read: a test's own has others, too."""
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        yield executor


def tried(data: bytes, limits: Limits) -> tuple[Reason | None, float, int]:
    """Why a file is not read, the seconds that took, and the most bytes of any reader so far."""
    began, reason = time.monotonic(), None
    try:
        extract(data, limits)
    except Unreadable as error:
        reason = error.reason
    unit = 1 if sys.platform == "darwin" else 1024
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return reason, time.monotonic() - began, most


@linux
def test_no_process_is_left_of_one_that_took_too_long() -> None:
    long = Pdf()
    for _ in range(pdf_child.FOR_TWO):  # so that there are two
        long.page(content=long.stream(b"BT /F1 9 Tf " + b"(a) Tj 1 0 0 1 9 9 Tm " * 20_000 + b"ET"))
    limits = replace(UPLOAD, size=len(long.bytes()), seconds=1.03125)

    def running() -> list[str]:
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(path.read_text())
            except OSError:
                continue  # it has ended meanwhile
        return [line for line in lines if f'"seconds": {limits.seconds}' in line]

    assert refusal(long.bytes(), limits)[0] == "took-too-long"

    until = time.monotonic() + 5
    while running() and time.monotonic() < until:
        time.sleep(0.01)
    assert running() == []


def test_credentials_stay_here() -> None:
    passed_on = pdf._environment({"AWS_SECRET_ACCESS_KEY": "x", "LD_LIBRARY_PATH": "/var/lang/lib"})

    assert set(passed_on) == {"LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONUTF8"}


def test_a_reader_that_cannot_start_is_no_fault_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(RuntimeError, match=r"ended with 1: .*No module named"):
        extract(HELLO)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (-signal.SIGXCPU, "took-too-long"),
        (-signal.SIGKILL, "too-complex"),
        (pdf_exit.TOO_MUCH_MEMORY, "too-complex"),
        (-signal.SIGSEGV, "damaged"),
        (-signal.SIGABRT, "damaged"),
    ],
)
def test_how_a_reader_ended_tells_why(status: int, reason: Reason) -> None:
    assert pdf_exit.reason(status) == reason


def run_alone(script: str) -> int:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", script], env=environ, check=False).returncode


def test_where_the_kernel_does_not_limit_memory_it_is_watched() -> None:
    script = (
        "import time\n"
        "from reprise.knowledge.pdf_child import watch_memory\n"
        "watch_memory(50_000_000)\n"
        "kept = b'x' * {}\n"
        "time.sleep({})"
    )

    assert run_alone(script.format(10_000_000, 0.2)) == 0
    assert run_alone(script.format(100_000_000, 30)) == pdf_exit.TOO_MUCH_MEMORY


@linux
@pytest.mark.parametrize("allowed", ["", "resource.setrlimit(resource.RLIMIT_AS, (1 << 40,) * 2)"])
def test_the_kernel_limits_memory(allowed: str) -> None:
    """Also where it has limited it before, which cannot be undone."""
    script = (
        f"import resource\n{allowed}\n"
        "from reprise.knowledge.pdf_child import limit_memory\n"
        "assert limit_memory(50_000_000)\n"
        "try:\n"
        "    kept = b'x' * 100_000_000\n"
        "except MemoryError:\n"
        "    raise SystemExit(7)"
    )

    assert run_alone(script) == 7


def test_a_kernel_that_does_not_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert not pdf_child.limit_memory(50_000_000)

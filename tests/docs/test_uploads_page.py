"""What `docs/uploads.md` says is so: its commands work as printed, and it leaves nothing out."""

import re

from reprise.chat.errors import NotFound
from reprise.engine import uploads as engine_uploads
from reprise.engine.uploads import BadFile
from reprise.knowledge.limits import UPLOAD, Unreadable
from reprise.store import uploads as store
from tests.api import routes
from tests.dev_server import DevServer
from tests.docs.walkthrough import ROOT, assert_prints, read, run
from tests.uploads import SESSIONS

PATH = "docs/uploads.md"
TEXT = (ROOT / PATH).read_text()


def test_the_commands_print_what_the_page_says(server: DevServer) -> None:
    page = read(PATH)

    outputs = run(page.blocks, server.environ)

    for block, output in zip(page.blocks, outputs, strict=True):
        # ids and sizes are numbers, for which a page cannot have a …
        printed = re.sub(r'("id"|"file_size"): ?\d+', r"\1: 0", output)
        assert_prints(block, printed)


def test_every_endpoint_is_described_and_called() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", TEXT, re.MULTILINE))
    commands = "\n".join(block.commands for block in read(PATH).blocks)
    urls = commands.replace("$SESSION", "{session_id}").replace("$ID", "{upload_id}")

    assert described == {f"{r.method} {r.path.removeprefix(SESSIONS)}" for r in routes("uploads")}
    for route in routes("uploads"):
        assert f'"$API{route.path}"' in urls, f"{route.method} {route.path}"


def test_every_reason_is_described() -> None:
    described = set(re.findall(r"^\| \d{3} \| `([^`]+)` \|", TEXT, re.MULTILINE))
    for reason in (
        "damaged",
        "empty",
        "encrypted",
        "no-text",
        "not-a-pdf",
        "too-complex",
        "too-large",
        "took-too-long",
    ):
        assert str(BadFile.unreadable(Unreadable(reason, UPLOAD))) in described
    assert f"{NotFound('Upload')}" in described


def test_its_numbers_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([\w ]+) \| ([\d,]+) \w+ \|$", TEXT, re.MULTILINE))

    assert rows["text"] == f"{UPLOAD.characters:,}"
    assert rows["time to read it"] == f"{UPLOAD.seconds:g}"
    assert rows["memory to read it"] == f"{UPLOAD.memory // 1_000_000}"
    assert f"| pages | {UPLOAD.pages:,} |" in TEXT
    assert f"A session has {store.MOST} files at most" in TEXT
    assert f"within {engine_uploads.READ_WITHIN // 60} minutes" in TEXT

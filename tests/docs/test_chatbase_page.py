"""What `docs/chatbase.md` says is so: its commands work as printed, and it leaves nothing out."""

import re

import pytest

from tests.api import routes
from tests.chatbase import BASE
from tests.dev_server import DevServer
from tests.docs.walkthrough import ROOT, assert_prints_what_it_says, read

PATH = "docs/chatbase.md"
TEXT = (ROOT / PATH).read_text()


@pytest.mark.xdist_group("docs")
def test_the_commands_print_what_the_page_says(dev: DevServer) -> None:
    assert_prints_what_it_says(PATH, dev.environ)


def test_every_endpoint_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", TEXT, re.MULTILINE))

    assert described == {f"{r.method} {r.path.removeprefix(BASE)}" for r in routes("chatbase")}


def test_every_endpoint_is_called() -> None:
    commands = "\n".join(block.commands for block in read(PATH).blocks)
    urls = re.sub(r"\$(AGENT|ID|ANSWER)|ada", "…", commands)

    for route in routes("chatbase"):
        path = re.sub(r"{\w+}", "…", route.path.removeprefix(BASE))
        assert re.search(rf'"\$API{path}["?]', urls), f"{route.method} {route.path}"


def test_every_error_code_is_described() -> None:
    code = "".join((ROOT / "functions/chatbase" / n).read_text() for n in ("wire.py", "retry.py"))

    codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', code))
    assert len(codes) > 15
    assert codes == set(re.findall(r"^\| \d{3} \| `(\w+)` \|", TEXT, re.MULTILINE))


def test_every_event_is_described() -> None:
    code = (ROOT / "functions/chatbase/answers.py").read_text()

    events = set(re.findall(r'"type": "([a-z-]+)"', code))
    described = re.search(r"\| event \|.*?\n\n", TEXT, re.DOTALL)
    assert described
    assert events == set(re.findall(r"`([a-z-]+)`", described[0]))

"""What `docs/opey.md` says is so: its commands work as printed, and it leaves nothing out."""

import re

import pytest

from tests.api import routes
from tests.dev_server import DevServer
from tests.docs.walkthrough import ROOT, assert_prints_what_it_says, read

PATH = "docs/opey.md"
TEXT = (ROOT / PATH).read_text()
ENDPOINTS = [route for route in routes("opey") if route.method != "OPTIONS"]


@pytest.mark.xdist_group("docs")
def test_the_commands_print_what_the_page_says(dev: DevServer) -> None:
    assert_prints_what_it_says(PATH, dev.environ)


def test_every_endpoint_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", TEXT, re.MULTILINE))

    assert described == {f"{route.method} {route.path}" for route in ENDPOINTS}


def test_every_endpoint_is_called() -> None:
    commands = "\n".join(block.commands for block in read(PATH).blocks)

    for route in ENDPOINTS:
        path = route.path.format(thread_id="my-thread-123")
        assert re.search(rf'"\$API{path}["?]', commands), f"{route.method} {route.path}"


def test_every_error_code_is_described() -> None:
    wire = (ROOT / "functions/opey/wire.py").read_text()

    codes = set(re.findall(r'"([a-z]+_[a-z_]+)"', wire)) & set(
        re.findall(r'"(\w+_(?:failed|invalid|allowed|progress|changed|exceeded|error))"', wire)
    )
    assert len(codes) >= 6
    assert codes - {"value_error"} == set(re.findall(r"^\| \d{3} \| `(\w+_\w+)` \|", TEXT, re.M))


def test_every_event_is_described() -> None:
    streams = (ROOT / "functions/opey/streams.py").read_text()

    events = set(re.findall(r'"type": "([a-z_]+)"', streams))
    described = re.search(r"\| event \|.*?\n\n", TEXT, re.DOTALL)
    assert described
    named = set(re.findall(r"`([a-z_]+)`", described[0]))
    assert events <= named

"""What `docs/sessions.md` says is so: its commands work as printed, and it leaves nothing out. So
do the examples of the document that this surface began with.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sessions.openapi import ANSWERS
from tests.api import routes
from tests.dev_server import DevServer
from tests.docs.conftest import KEY
from tests.docs.walkthrough import ROOT, assert_prints_what_it_says, read

PATH = "docs/sessions.md"
TEXT = (ROOT / PATH).read_text()
BASE = "/v1/chat"
SEED = re.findall(
    r"^```(\w+)\n(.*?)^```$",
    (ROOT / "tests/docs/sessions_seed.txt").read_text(),
    re.MULTILINE | re.DOTALL,
)
# What the scripts return, and do not print themselves, becomes the last line.
TELLING = """
import asyncio, json
_run = asyncio.run
asyncio.run = lambda main: print("\\n" + json.dumps(_run(main)))
"""
STORY = "You said: Tell me a story"
SESSION = "123"  # as the examples call theirs


def test_the_commands_print_what_the_page_says(server: DevServer) -> None:
    assert_prints_what_it_says(PATH, server.environ)


def test_every_endpoint_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", TEXT, re.MULTILINE))

    assert described == {f"{r.method} {r.path.removeprefix(BASE)}" for r in routes("sessions")}


def test_every_endpoint_is_called() -> None:
    commands = "\n".join(block.commands for block in read(PATH).blocks)

    for route in routes("sessions"):
        path = re.sub(r"{\w+}", r"\\$ID", route.path.removeprefix(BASE))
        assert re.search(rf'"\$API{path}["?]', commands), f"{route.method} {route.path}"


def test_every_status_is_described() -> None:
    described = set(map(int, re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE)))

    assert described == {status for each in ANSWERS.values() for status in each.errors}


# --- The examples of the document that this surface began with ------------------------------------


def example(server: DevServer, language: str, saying: str, session: int = 0) -> str:
    """What an example prints, the one of its language that says so; with key, id and port."""
    (code,) = (code for of, code in SEED if of == language and saying in code)
    port = server.url.rpartition(":")[2]
    code = code.replace("YOUR_ACCESS_TOKEN", KEY).replace("7001", port)
    code = re.sub(rf"\b{SESSION}\b", str(session), code)
    assert "YOUR" not in code
    command = ["bash", "-euc", code]
    if language == "python":
        command = [sys.executable, "-W", "ignore", "-c", TELLING + code]
    done = subprocess.run(
        command,
        env={**server.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def client(server: DevServer) -> Iterator[httpx.Client]:
    auth = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=server.url, headers=auth, trust_env=False) as client:
        yield client


def latest(client: httpx.Client) -> dict[str, Any]:
    """The session of which somebody has just made something."""
    found: dict[str, Any] = client.get("/v1/chat/history?page_size=1").json()["sessions"][0]
    return found


def streamed(said: str) -> str:
    """The text of a stream."""
    *events, done, rest = said.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all(event.startswith("data: ") for event in events)
    return "".join(event.removeprefix("data: ") for event in events)


def begun(client: httpx.Client) -> int:
    asked = {"model": "gpt-4", "messages": [{"role": "user", "content": "Tell me a story"}]}
    return int(client.post("/v1/chat/stream", json=asked).headers["x-session-id"])


def test_the_seeds_curl_streams(server: DevServer, client: httpx.Client) -> None:
    said = streamed(example(server, "bash", '"temperature": 0.7'))

    assert said.endswith(STORY)
    assert latest(client)["messages"] == [
        {"role": "user", "content": "Tell me a story"},
        {"role": "assistant", "content": said},
    ]


def test_the_seeds_script_prints_the_tokens(server: DevServer, client: httpx.Client) -> None:
    """Without the spaces, which it strips."""
    said, returned = example(server, "python", "def stream_chat").rsplit("\n", 2)[:2]

    assert said.endswith(STORY.replace(" ", ""))
    assert returned == "null"
    assert latest(client)["messages"][1]["content"].replace(" ", "") == said.strip()


def test_the_seeds_curl_switches_the_model(server: DevServer, client: httpx.Client) -> None:
    made = begun(client)

    said = example(server, "bash", "# Switch model", made)

    told, _, switched = said.rpartition("\n\n")
    assert streamed(f"{told}\n\n").endswith(STORY)
    assert json.loads(switched)["model"] == "gpt-3.5-turbo"
    assert json.loads(switched)["session_id"] == made
    assert (latest(client)["id"], latest(client)["model"]) == (made, "gpt-3.5-turbo")


def test_the_seeds_script_switches_the_model(server: DevServer, client: httpx.Client) -> None:
    made = begun(client)

    returned = json.loads(example(server, "python", "def switch_model", made))

    assert returned == {
        "session_id": made,
        "model": "gpt-3.5-turbo",
        "messages": latest(client)["messages"],
        "title": "Tell me a story",
    }


def test_the_seeds_curl_reads_the_history_and_deletes(
    server: DevServer, client: httpx.Client
) -> None:
    made = begun(client)

    said = example(server, "bash", "# Get chat history", made)

    whole, filtered, deleted = re.sub(r"}{", "}\n{", said).splitlines()
    for page in (json.loads(whole), json.loads(filtered)):
        assert page["sessions"][0]["id"] == made
        assert (page["page"], page["page_size"]) == (1, 10)
    assert {each["model"] for each in json.loads(filtered)["sessions"]} == {"gpt-4"}
    assert json.loads(deleted) == {"message": "Session deleted successfully"}
    found = client.get("/v1/chat/history?page_size=100").json()["sessions"]
    assert made not in [each["id"] for each in found]


def test_the_seeds_script_reads_the_history(server: DevServer, client: httpx.Client) -> None:
    made = begun(client)

    returned = json.loads(example(server, "python", "def get_chat_history"))

    assert returned["sessions"][0]["id"] == made
    assert returned["sessions"][0]["messages"][1]["content"].endswith(STORY)


def test_every_example_of_the_seed_is_run() -> None:
    source = (ROOT / "tests/docs/test_sessions_page.py").read_text()
    sayings = re.findall(r'example\(server, "(\w+)", [\'"](.+?)[\'"][,)]', source)

    for language, code in SEED:
        assert any(of == language and saying in code for of, saying in sayings), code
    assert len(sayings) == len(SEED) == 6

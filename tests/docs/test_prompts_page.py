"""What `docs/prompts.md` says is so: its commands work as printed, and it leaves nothing out. So do
the commands of the document that this surface began with.
"""

import json
import re
import subprocess

from tests.api import routes
from tests.dev_server import DevServer
from tests.docs.conftest import KEY
from tests.docs.walkthrough import ROOT, assert_prints_what_it_says, read

PATH = "docs/prompts.md"
TEXT = (ROOT / PATH).read_text()
PRINTED = json.loads((ROOT / "tests/docs/prompts_seed.json").read_text())


def test_the_commands_print_what_the_page_says(server: DevServer) -> None:
    assert_prints_what_it_says(PATH, server.environ)


def test_every_endpoint_is_described() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", TEXT, re.MULTILINE))

    assert described == {f"{route.method} {route.path}" for route in routes("prompts")}


def test_every_endpoint_is_called() -> None:
    commands = "\n".join(block.commands for block in read(PATH).blocks)

    for route in routes("prompts"):
        path = re.escape(route.path).replace(r"\{prompt_id\}", r"\$ID")
        method = f"-X {route.method} " if route.method in ("PUT", "DELETE") else ""
        assert re.search(rf'curl -si? {method}"\$API{path}["?]', commands), route.path


def test_every_status_is_described() -> None:
    described = set(map(int, re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE)))

    from prompts.openapi import ANSWERS

    assert described == {status for each in ANSWERS.values() for status in each.errors}


def seeded(server: DevServer, name: str, prompt_id: int | None = None) -> dict[str, object]:
    """What a command of the seed prints, with token, port and id put in."""
    command: str = PRINTED[name]
    assert "YOUR_TOKEN" in command
    assert "http://localhost:7001/" in command
    command = command.replace("YOUR_TOKEN", KEY).replace("http://localhost:7001", server.url)
    if prompt_id is not None:
        command = re.sub(r"(/prompts/|\"prompt_id\": )1\b", rf"\g<1>{prompt_id}", command)
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl -s ", 1)],
        env={**server.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_seeds_commands_work_as_printed(server: DevServer) -> None:
    made = seeded(server, "create")
    number = made["id"]
    assert isinstance(number, int)
    assert made["content"] == "Summarize the following text: {text}"
    assert made["usage_count"] == 0

    listed = seeded(server, "list")
    assert isinstance(listed["items"], list)
    assert made in listed["items"]
    assert (listed["page"], listed["page_size"]) == (1, 20)

    preview = seeded(server, "preview", number)
    assert preview["preview"]
    assert isinstance(preview["tokens_used"], int)
    assert preview["model_used"] == "demo"

    changed = seeded(server, "update", number)
    assert (changed["title"], changed["content"]) == ("Updated Title", "Updated content")
    assert (changed["scenario"], changed["usage_count"]) == ("summarization", 1)

    assert seeded(server, "delete", number) == {"message": "Prompt deleted successfully"}


def test_the_preview_of_the_seed_works_with_its_own_id_too(server: DevServer) -> None:
    assert "Sample text to summarize" in str(seeded(server, "preview")["preview"])

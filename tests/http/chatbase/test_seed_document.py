"""The OpenAPI document that this surface began with, `seed.json` (all of it but its prose): what is
answered is as it says, whatever is asked, and nothing is an internal error.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from chatbase import retry
from reprise.chat.errors import NoCredits, NoneGiven, NotFound, PlanRestricted, RateLimited
from reprise.web.app import InvalidRequest
from tests.chatbase import BASE
from tests.dev_server import DevServer

DOCUMENT = json.loads(Path(__file__).with_name("seed.json").read_text())
((PATH, OPERATION),) = (
    (path, operations["post"]) for path, operations in DOCUMENT["paths"].items()
)
EXAMPLES = 25  # of each phase
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
ERRORS = {
    "400": InvalidRequest({}),
    "401": NoneGiven(),
    "402": NoCredits(),
    "403": PlanRestricted(),
    "404": NotFound("Message"),
    "429": RateLimited(100, 7),
    "500": RuntimeError(),
}


def about(ids: dict[str, str], *, stream: bool) -> dict[str, Any]:
    """The document with ids that there are as its examples."""
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    operation = document["paths"][PATH]["post"]
    for parameter in operation["parameters"]:
        parameter["example"] = ids[parameter["name"]]
    body = document["components"]["schemas"]["RetryRequest"]["properties"]
    body["messageId"]["example"], body["stream"]["example"] = ids["messageId"], stream
    # it says that the stream is a text; schemathesis takes that for the form of each event
    del operation["responses"]["200"]["content"]["text/event-stream"]["schema"]
    return document


def begun(server: DevServer) -> dict[str, str]:
    """What there is to be retried."""
    url = f"{server.url}{BASE}/agents/demo/chat"
    said = {"message": "Hello", "stream": False}
    answer = httpx.post(url, json=said, headers=server.auth).json()["data"]
    conversation = answer["metadata"]["conversationId"]
    return {"agentId": "demo", "conversationId": conversation, "messageId": answer["id"]}


def shown(server: DevServer, ids: dict[str, str]) -> str:
    """The id of the answer that is shown now."""
    url = f"{server.url}{BASE}/agents/demo/conversations/{ids['conversationId']}/messages"
    answer: str = httpx.get(url, headers=server.auth).json()["data"][1]["id"]
    return answer


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with DevServer({"REPRISE_DEMO_TOKENS_PER_SECOND": "0"}) as server:
        yield server


@pytest.mark.parametrize(("stream", "anywhere"), [(True, False), (False, True)])
def test_every_answer_is_as_the_document_says(
    server: DevServer, tmp_path: Path, stream: bool, anywhere: bool
) -> None:
    """Of a conversation that there is, and `anywhere`: that is where generated ids lead."""
    ids = begun(server)
    (tmp_path / "document.json").write_text(json.dumps(about(ids, stream=stream)))
    there = "".join(f'"path.{name}" = "{ids[name]}"\n' for name in ("agentId", "conversationId"))
    (tmp_path / "settings.toml").write_text("" if anywhere else f"[parameters]\n{there}")

    tried = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            *("--config-file", "settings.toml"),
            *("run", "document.json", "--url", f"{server.url}{BASE}"),
            *("--header", f"Authorization: Bearer {server.api_key}"),
            *("--checks", ",".join(CHECKS)),
            *("--max-examples", str(EXAMPLES), "--seed", "1"),
            *("--generation-database", "none", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert tried.returncode == 0, tried.stdout[-6000:] + tried.stderr[-2000:]
    assert shown(server, ids) != ids["messageId"], "nothing was retried"


@pytest.mark.parametrize("status", [each for each in OPERATION["responses"] if each != "200"])
def test_every_error_of_the_document_has_its_words(status: str) -> None:
    wanted = OPERATION["responses"][status]["content"]["application/json"]["example"]

    answer = retry.errors(Request({"type": "http"}), ERRORS[status])

    assert answer.status_code == int(status)
    assert json.loads(bytes(answer.body)) == wanted

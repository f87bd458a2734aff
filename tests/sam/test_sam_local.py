"""The built functions in `sam local`'s containers: `make test-sam`, which needs Docker.

Not of `make test`. A conversation goes through every endpoint that the template has.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from local.template import Route
from tests.api import DONE, Response, routes
from tests.dev_server import KEY, NOT_INHERITED, ROOT, free_port

pytestmark = [pytest.mark.sam, pytest.mark.xdist_group("sam")]

CONVERSATIONS = "/v1/chat/conversations"
CONVERSATION = f"{CONVERSATIONS}/{{conversation_id}}"
MESSAGES = f"{CONVERSATION}/messages"
MESSAGE = "/v1/chat/messages/{message_id}"
SECONDS_TO_START = 120
SECONDS_TO_ANSWER = 300  # the first call makes an image of the layers


def _environ(**settings: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not _own(name)}
    return inherited | {"REPRISE_DEMO_TOKENS_PER_SECOND": "0", "no_proxy": "*", **settings}


def _own(name: str) -> bool:
    return name.startswith(NOT_INHERITED)


class Served:
    """A client of `make sam-local`, which notes whom it has called."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=SECONDS_TO_ANSWER, trust_env=False)
        self.called: set[tuple[str, str]] = set()

    def __call__(
        self,
        method: str,
        path: str,
        ids: Mapping[str, str] | None = None,
        json: Any = None,
        key: str = KEY,
    ) -> Response:
        """`path` is a path of the template; `ids` are put in for its variables."""
        self.called.add((method, path))
        answer = self._client.request(
            method,
            path.format_map(ids or {}),
            json=json,
            headers={"Authorization": f"Bearer {key}"},
        )
        return Response(answer.status_code, dict(answer.headers), answer.content)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    port = free_port()
    settings = {"PORT": str(port), "AWS_PORT": str(free_port()), "REPRISE_LOCAL_API_KEY": KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "local.sam"],
        cwd=ROOT,
        env=_environ(**settings),
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield Served(url)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(200)
    assert status == 0


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        assert process.poll() is None, "make sam-local ended at its start"
        try:
            httpx.get(f"{url}/", timeout=5, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(url)


def test_a_conversation_through_every_endpoint(served: Served) -> None:
    started = served("POST", f"{CONVERSATIONS}/stream", json={"content": "Count to 3"})
    assert started.status == 200, started.text
    assert [each["data"] for each in chunks(started)] == ["1", " 2", " 3"]
    assert started.events()[-1] == DONE

    created = served("POST", CONVERSATIONS, json={"title": "Trip"})
    assert created.status == 201, created.text
    ids = {"conversation_id": created.data["id"]}

    sent = served("POST", MESSAGES, ids, json={"content": "Count to 2"})
    assert sent.status == 201, sent.text
    assert [each["content"] for each in sent.data] == ["Count to 2", "1 2"]

    streamed = served("POST", f"{MESSAGES}/stream", ids, json={"content": "Count to 4"})
    assert [each["data"] for each in chunks(streamed)] == ["1", " 2", " 3", " 4"]

    listed = served("GET", MESSAGES, ids)
    assert [each["content"] for each in listed.data] == [
        "1 2 3 4",
        "Count to 4",
        "1 2",
        "Count to 2",
    ]

    renamed = served("PATCH", CONVERSATION, ids, json={"title": "Trip to Lisbon"})
    assert renamed.status == 200, renamed.text
    assert served("GET", CONVERSATION, ids).data["title"] == "Trip to Lisbon"
    assert {each["title"] for each in served("GET", CONVERSATIONS).data} >= {"Trip to Lisbon"}

    message = {"message_id": listed.data[-1]["id"]}
    assert served("GET", MESSAGE, message).data["content"] == "Count to 2"
    assert served("DELETE", MESSAGE, message).status == 200
    assert served("GET", MESSAGE, message).status == 404
    assert len(served("GET", MESSAGES, ids).data) == 3

    assert served("DELETE", CONVERSATION, ids).status == 200
    assert served("GET", CONVERSATION, ids).status == 404

    assert served.called >= {(each.method, each.path) for each in routes("conversations")}


def chunks(answer: Response) -> list[Any]:
    return [each for each in answer.events()[:-1] if each["type"] == "ai_chunk"]


@pytest.mark.parametrize("route", list(routes()), ids=lambda route: f"{route.method} {route.path}")
def test_who_has_no_key_is_refused_in_containers_too(served: Served, route: Route) -> None:
    ids = dict.fromkeys(("conversation_id", "message_id"), "0a9b0a5b-abd4-8815-be96-fdacae4412ce")

    answer = served(route.method, route.path, ids, json={"content": "Hello"}, key="rp_unknown")

    assert answer.status == 401, answer.text
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("name", ["ListMessages", "PurgeConversation"])
def test_a_function_is_called_with_its_sample_event(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.sam", name],
        cwd=ROOT,
        env=_environ(),
        capture_output=True,
        text=True,
        timeout=SECONDS_TO_ANSWER,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer is None or answer["statusCode"] == 200, done.stdout

"""The built functions in `sam local`'s containers: `make test-sam`, which needs Docker.

Not of `make test`. A conversation goes through every endpoint that the template has.
"""

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from local.backend import DYNAMODB
from local.banner import READY
from local.build.target import this_machine
from local.sam import docker as engine
from local.sam.template import FUNCTIONS
from local.template import Route
from tests import prompts, sessions, uploads
from tests.api import DONE, Response, routes
from tests.dev_server import KEY, free_port
from tests.fixie import snapshots
from tests.sam.sam_local import containers, docker, sam_local

pytestmark = [pytest.mark.sam, pytest.mark.xdist_group("sam")]

CONVERSATIONS = "/v1/chat/conversations"
CONVERSATION = f"{CONVERSATIONS}/{{conversation_id}}"
MESSAGES = f"{CONVERSATION}/messages"
MESSAGE = "/v1/chat/messages/{message_id}"
STREAM = f"{MESSAGES}/stream"
AGENT = "/api/v2/agents/{agent_id}"
FIXIE = "/api/v1/conversations"
UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"  # well-formed
# one of each surface: what they are packed with is the same for all
FIRST_ROUTES = list(
    {route.function.handler.partition(".")[0]: route for route in reversed(list(routes()))}.values()
)
SECONDS_TO_ANSWER = 600  # a function's first call makes an image of the layers


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """Whoever ends the tests by SIGTERM, as `timeout` does, has the containers removed as well."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


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
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Response:
        """`path` is a path of the template; `ids` are put in for its variables."""
        self.called.add((method, path))
        answer = self._client.request(
            method,
            path.format_map(ids or {}),
            json=json,
            content=content,
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
        )
        self._client.cookies.clear()  # who sends one says so
        return Response(answer.status_code, dict(answer.headers), answer.content)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    port = free_port()
    settings = {"PORT": str(port), "AWS_PORT": "0", "REPRISE_LOCAL_API_KEY": KEY}
    with sam_local(**settings) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:  # until it ends: it has a limit of its own
            said += line
            if READY in line:
                break
        assert READY in said, f"make sam-local ended at its start: {said}"
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Served(f"http://127.0.0.1:{port}")
    assert process.returncode == 0
    assert containers() == []


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

    streamed = served("POST", STREAM, ids, json={"content": "Count to 4"})
    assert [each["data"] for each in chunks(streamed)] == ["1", " 2", " 3", " 4"]
    answer = {"message_id": streamed.events()[-2]["data"]["id"]}

    seen = {"Last-Event-ID": f"{answer['message_id']}:2"}
    left = served("GET", STREAM, ids, headers=seen).events_without_ids()
    assert left == streamed.events()[3:]
    assert served("GET", STREAM, ids).status == 204
    assert served("POST", f"{CONVERSATION}/stop", ids).data["stopped"] is False

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

    again = served("POST", f"{MESSAGE}/regenerate", answer)
    assert [each["data"] for each in chunks(again)] == ["1", " 2", " 3", " 4"]
    versions = served("GET", f"{MESSAGE}/versions", answer).data
    assert [(each["version"], each["versions"]) for each in versions] == [(1, 2), (2, 2)]
    selected = served("POST", f"{MESSAGE}/select", answer).data
    assert selected[0]["id"] == answer["message_id"]
    edited = served(
        "PATCH", MESSAGE, {"message_id": listed.data[1]["id"]}, {"content": "Count to 1"}
    )
    assert [each["data"] for each in chunks(edited)] == ["1"]

    message = {"message_id": listed.data[-1]["id"]}
    assert served("GET", MESSAGE, message).data["content"] == "Count to 2"
    assert served("DELETE", MESSAGE, message).status == 200
    assert served("GET", MESSAGE, message).status == 404
    assert len(served("GET", MESSAGES, ids).data) == 3

    assert served("DELETE", CONVERSATION, ids).status == 200
    assert served("GET", CONVERSATION, ids).status == 404

    assert served.called >= {(each.method, each.path) for each in routes("conversations")}


def test_a_session_with_a_file_and_a_prompt_through_every_endpoint(served: Served) -> None:
    said = [{"role": "user", "content": "Count to 3"}]
    streamed = served("POST", "/v1/chat/stream", json={"model": "demo", "messages": said})
    assert sessions.text_of(streamed) == "1 2 3"
    number = sessions.session_of(streamed)
    ids = {"session_id": str(number)}

    sent = served("POST", f"{uploads.SESSIONS}/{{session_id}}/upload", ids, **a_file())
    assert sent.status == 200, sent.text
    upload_id = str(sent.json()["file"]["id"])
    offer = {"filename": "a.pdf", "size": 1000}
    offered = served("POST", f"{uploads.SESSIONS}/{{session_id}}/uploads", ids, json=offer)
    assert offered.status == 201, offered.text
    one = f"{uploads.SESSIONS}/{{session_id}}/uploads/{{upload_id}}"
    for each, status in ((upload_id, "ready"), (str(offered.json()["id"]), "pending")):
        assert served("GET", one, ids | {"upload_id": each}).json()["status"] == status

    switch = {"session_id": number, "model": "demo"}
    switched = served("POST", "/v1/chat/switch-model", json=switch)
    assert [each["content"] for each in switched.json()["messages"]] == ["Count to 3", "1 2 3"]
    listed = served("GET", "/v1/chat/history").json()["sessions"]
    assert number in [each["id"] for each in listed]
    assert served("DELETE", "/v1/chat/sessions/{session_id}", ids).status == 200
    assert served("GET", one, ids | {"upload_id": upload_id}).status == 404

    made = served("POST", prompts.PROMPTS, json=prompts.NEW)
    assert made.status == 200, made.text
    prompt_id = made.json()["id"]
    own, prompt = {"prompt_id": str(prompt_id)}, f"{prompts.PROMPTS}/{{prompt_id}}"
    preview = served("POST", f"{prompts.PROMPTS}/preview", json={"prompt_id": prompt_id})
    assert preview.status == 200, preview.text
    changed = served("PUT", prompt, own, json={"title": "Other"})
    assert changed.json()["title"] == "Other"
    assert served("GET", prompt, own).json()["usage_count"] == 1
    assert prompt_id in [each["id"] for each in served("GET", prompts.PROMPTS).json()["items"]]
    assert served("DELETE", prompt, own).status == 200

    for surface in ("sessions", "uploads", "prompts"):
        assert served.called >= {(each.method, each.path) for each in routes(surface)}


def a_file() -> dict[str, Any]:
    form = uploads.form([uploads.file(uploads.HELLO)])
    return {"content": form["body"], "headers": form["headers"]}


def chunks(answer: Response) -> list[Any]:
    return [each for each in answer.events()[:-1] if each["type"] == "ai_chunk"]


def test_an_answer_and_another_one_on_chatbase(served: Served) -> None:
    agent = {"agent_id": "demo"}

    told = served("POST", f"{AGENT}/chat", agent, {"message": "Count to 3", "stream": True})
    assert deltas(told) == ["1", " 2", " 3"]
    finish = next(each for each in told.events()[:-1] if each["type"] == "finish")
    ids = agent | {"conversation_id": finish["messageMetadata"]["conversationId"]}
    again = {"messageId": finish["messageMetadata"]["messageId"], "stream": True}

    retried = served("POST", f"{AGENT}/conversations/{{conversation_id}}/retry", ids, again)

    assert deltas(retried) == ["1", " 2", " 3"]


def test_an_answer_and_another_one_on_fixie(served: Served) -> None:
    begun = snapshots(served("POST", FIXIE, json={"message": "Count to 3"}))[-1]
    turn = begun["turns"][-1]
    assert turn["messages"][-1]["content"] == "1 2 3"
    ids = {"conversation_id": begun["id"], "message_id": turn["id"]}

    again = served("POST", f"{FIXIE}/{{conversation_id}}/messages/{{message_id}}/regenerate", ids)

    assert snapshots(again)[-1]["messages"][-1]["content"] == "1 2 3"


def test_an_answer_and_another_one_on_opey(served: Served) -> None:
    made = served("POST", "/create-session")
    assert made.status == 200, made.text
    cookie = {"Cookie": made.headers["set-cookie"].partition(";")[0]}

    told = served("POST", "/stream", json={"message": "Count to 3"}, headers=cookie)
    assert said(told) == ["1 2 3"]
    thread, question = told.events()[0]["thread_id"], told.events()[1]["message_id"]
    again = served(
        "POST",
        "/stream/{thread_id}/regenerate?message_id={message_id}",
        {"thread_id": thread, "message_id": question},
        headers=cookie,
    )

    assert said(again) == ["1 2 3"]


def deltas(answer: Response) -> list[str]:
    assert answer.status == 200, answer.text
    return [each["delta"] for each in answer.events()[:-1] if each["type"] == "text-delta"]


def said(answer: Response) -> list[str]:
    assert answer.status == 200, answer.text
    events = answer.events()[:-1]
    return [each["content"] for each in events if each["type"] == "assistant_complete"]


@pytest.mark.parametrize("route", FIRST_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_has_no_key_is_told_so_in_containers_too(served: Served, route: Route) -> None:
    ids = dict.fromkeys(re.findall(r"{(\w+)}", route.path), UNKNOWN_ID)
    body = None if route.method in ("GET", "OPTIONS") else {"content": "Hello"}

    answer = served(route.method, route.path, ids, json=body, key="rp_unknown")

    if route.method == "OPTIONS":
        assert answer.status == 200, answer.text
        return  # sam answers it itself
    if route.path.endswith(("/health", "/status")):
        assert answer.status == 200, answer.text
    elif route.function.handler.startswith("opey.") and route.path != "/create-session":
        assert answer.status == 403, answer.text  # no cookie
    else:
        assert answer.status == 401, answer.text
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("name", ["ListVersions", "PurgeConversation"])
def test_a_function_is_called_with_its_sample_event(name: str) -> None:
    with sam_local(name) as call:
        said, _ = call.communicate(timeout=SECONDS_TO_ANSWER)

    assert call.returncode == 0
    answer = json.loads(said)
    assert answer is None or answer["statusCode"] == 200, said


def test_an_interrupted_call_says_so_and_leaves_no_container() -> None:
    before = containers()

    with sam_local("PurgeConversation", stderr=subprocess.PIPE) as call:
        assert call.stderr
        while "SAM_CONTAINER_ID" not in call.stderr.readline():
            assert call.poll() is None
        call.send_signal(signal.SIGTERM)
        said, complaint = call.communicate(timeout=SECONDS_TO_ANSWER)

    assert (call.returncode, said) == (130, "")
    assert complaint.endswith("Interrupted.\n")
    assert containers() == before


def test_what_a_killed_run_left_behind_is_removed_and_nothing_else() -> None:
    here = engine.host()
    with socket.create_server((here.address, 0)) as backend:
        gone, there = (
            docker(
                *("create", "--label", "sam.cli.container.type=lambda"),
                *("--volume", f"{FUNCTIONS}:/var/task:ro"),
                *("--env", f"{DYNAMODB}=http://{here.name}:{port}"),
                *(f"public.ecr.aws/lambda/python:3.13-{this_machine()}", "a.handler"),
            )
            for port in (free_port(), backend.getsockname()[1])
        )
        try:
            engine.remove_left_over(FUNCTIONS, here)

            left = containers()
        finally:
            subprocess.run(("docker", "rm", "--force", gone, there), check=False)
    assert there in left
    assert gone not in left


@pytest.mark.parametrize("variable", ["PORT", "AWS_PORT"])
def test_a_port_that_is_taken_is_named(variable: str) -> None:
    address = engine.host().address if variable == "AWS_PORT" else "127.0.0.1"
    with socket.create_server((address, 0)) as taken:
        settings = {"PORT": "0", "AWS_PORT": "0"} | {variable: str(taken.getsockname()[1])}
        with sam_local(stderr=subprocess.PIPE, **settings) as process:
            _, complaint = process.communicate(timeout=SECONDS_TO_ANSWER)

    assert process.returncode == 1
    assert complaint == f"Port {settings[variable]} is taken: set {variable} to another\n"

"""What the AI SDK's own reader makes of the streams: npm's `ai`, at the version that
`tests/chatbase_client/package.json` pins. `make test` installs it where there is Node.
"""

import asyncio
import base64
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reprise.chat.agents import BUILT_IN
from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall, ToolResult
from reprise.engine import agents
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.web import engine as web_engine
from tests.api import Api, Response
from tests.chatbase import CLOCK, begin, chat, put_agent, retry, tool_result
from tests.models import FakeModels

CLIENT = Path(__file__).parent.parent.parent / "chatbase_client"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="the AI SDK runs on Node, and there is none here"),
    pytest.mark.skipif(
        NODE is not None and not (CLIENT / "node_modules" / "ai").is_dir(),
        reason="the AI SDK is not installed: npm ci --prefix tests/chatbase_client",
    ),
]


def read(answer: Response, *pieces: bytes) -> Any:
    """What a page has of a response in the end; `pieces` are those that its body comes in."""
    assert NODE
    encoded = [base64.b64encode(each).decode() for each in pieces or answer.writes or [answer.body]]
    given = {"status": answer.status, "headers": dict(answer.headers), "pieces": encoded}
    done = subprocess.run(
        [NODE, str(CLIENT / "read.mjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api, tools=(CLOCK,))


def test_a_text_grows_and_is_done(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(['Grüße "🌍"\n', "\u2028 data: ", "[DONE]"])
    answer = api.stream(chat(agent), json={"message": "Hi", "userId": "ada"})

    seen = read(answer)

    told = answer.events()[-2]["messageMetadata"]
    assert seen["errors"] == []
    assert seen["chunks"] == answer.events()[:-1]
    assert seen["message"] == {
        "id": told["messageId"],
        "role": "assistant",
        "metadata": told,
        "parts": [
            {"type": "step-start"},
            {"type": "text", "text": 'Grüße "🌍"\n\u2028 data: [DONE]', "state": "done"},
        ],
    }


def test_it_does_not_matter_where_the_bytes_are_cut(
    api: Api, agent: str, models: FakeModels
) -> None:
    models.enqueue(["Grüße ", "🌍"])
    answer = api.stream(chat(agent), json={"message": "Hi"})

    one_by_one = read(answer, *(bytes([byte]) for byte in answer.body))

    assert one_by_one == read(answer, answer.body)
    assert one_by_one["message"]["parts"][1]["text"] == "Grüße 🌍"


def test_a_retry_is_another_message(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent)

    seen = read(api.stream(retry(agent, made), json={"messageId": old}))

    assert seen["errors"] == []
    assert seen["message"]["id"] not in (None, old)
    assert seen["message"]["parts"][1]["text"] == "An answer."


def test_a_call_of_the_clients_tool_waits_for_its_output(
    api: Api, agent: str, models: FakeModels
) -> None:
    models.enqueue(["Wait.", ToolCall("c1", "clock", {"zone": "UTC"}), Finished("tool-calls")])
    calling = api.stream(chat(agent), json={"message": "How late is it?"})
    made = calling.events()[-2]["messageMetadata"]["conversationId"]
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": "noon"})
    goes_on = api.stream(chat(agent), json={"conversationId": made})

    first, second = read(calling), read(goes_on)

    assert first["errors"] == second["errors"] == []
    assert first["message"]["parts"][1:] == [
        {"type": "text", "text": "Wait.", "state": "done"},
        {
            "type": "tool-clock",
            "toolCallId": "c1",
            "state": "input-available",
            "input": {"zone": "UTC"},
        },
    ]
    assert first["chunks"][-1]["finishReason"] == "tool-calls"
    assert second["message"]["parts"][1]["text"] == "An answer."


def test_a_tool_that_runs_here_has_its_output_within_the_answer(
    api: Api, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def search(asked: Any) -> Any:
        if asked["query"] == "b":
            raise OSError("no disk")
        return [{"document": "handbook.pdf", "page": 3}]

    built_in = {"queryKnowledgeBase": search}
    monkeypatch.setattr(agents, "built_in_tools", lambda agent, corpora: built_in)
    agent = put_agent(api, tools=(BUILT_IN["queryKnowledgeBase"], CLOCK))
    calls = [ToolCall(f"c-{q}", "queryKnowledgeBase", {"query": q}) for q in ("a", "b")]
    models.enqueue(["Let me look.", *calls, Finished("tool-calls")])
    models.enqueue(["On page 3."])

    answer = api.stream(chat(agent), json={"message": "Where?"})

    seen = read(answer)
    assert seen["errors"] == []
    assert [each["type"] for each in seen["chunks"]] == [
        *("start", "start-step", "text-start", "text-delta", "text-end"),
        *("tool-input-start", "tool-input-available") * 2,
        *("tool-output-available",) * 2,
        *("finish-step", "start-step", "text-start", "text-delta", "text-end"),
        *("finish-step", "finish"),
    ]
    steps = [part["type"] for part in seen["message"]["parts"]]
    assert steps == [
        *("step-start", "text", "tool-queryKnowledgeBase", "tool-queryKnowledgeBase"),
        *("step-start", "text"),
    ]
    outputs = [part.get("output") for part in seen["message"]["parts"][2:4]]
    assert outputs == [[{"document": "handbook.pdf", "page": 3}], "The tool failed."]
    assert all(part["state"] == "output-available" for part in seen["message"]["parts"][2:4])
    told = [part for part in models.requests[1].messages[-1].parts if isinstance(part, ToolResult)]
    assert [part.failed for part in told] == [False, True]


def test_silence_changes_nothing(api: Api, agent: str, models: FakeModels) -> None:
    web_engine.use(Engine(models, timing=Timing(silence=0.01)))
    models.enqueue([partial(asyncio.sleep, 0.1), "Hel", partial(asyncio.sleep, 0.1), "lo"])
    answer = api.stream(chat(agent), json={"message": "Hi"})

    seen = read(answer)

    assert "message-metadata" in [each["type"] for each in seen["chunks"]]
    assert seen["errors"] == []
    assert seen["message"]["parts"][1]["text"] == "Hello"
    assert seen["message"]["metadata"] == answer.events()[-2]["messageMetadata"]


@pytest.mark.parametrize("said", [[], ["Hel", "lo"]])
def test_a_failure_is_an_error_with_what_was_said_before(
    api: Api, agent: str, models: FakeModels, said: list[str]
) -> None:
    models.enqueue([*said, UpstreamFailed("gone")])

    seen = read(api.stream(chat(agent), json={"message": "Hi"}))

    assert seen["errors"] == ["The answer could not be completed"]
    texts = [part["text"] for part in seen["message"]["parts"] if part["type"] == "text"]
    assert "".join(texts) == "".join(said)
    assert seen["message"]["metadata"]["finishReason"] == "error"


def test_a_refusal_is_an_error_with_its_body(api: Api, agent: str, models: FakeModels) -> None:
    answer = api.stream(chat(agent), json={"message": ""})

    seen = read(answer)

    assert seen["errors"] == [answer.text]
    assert (seen["chunks"], seen["message"]) == ([], None)

"""POST /api/v2/agents/{agent_id}/conversations/{conversation_id}/tool-result."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reprise.chat.messages import ToolCall, ToolResult
from reprise.llm.protocol import Finished
from tests.api import Api
from tests.chatbase import (
    CLOCK,
    INVALID,
    NO_AGENT,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    messages,
    put_agent,
    refusal,
    tool_result,
)
from tests.models import FakeModels

NO_CALL = refusal("RESOURCE_TOOL_CALL_NOT_FOUND", "Tool call not found or expired")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api, tools=(CLOCK,))


@pytest.fixture
def called(api: Api, agent: str, models: FakeModels) -> str:
    """A conversation whose answer ended with the calls c1 and c2."""
    calls = [ToolCall("c1", "clock", {}), ToolCall("c2", "clock", {"zone": "UTC"})]
    models.enqueue([*calls, Finished("tool-calls")])
    return begin(api, agent)[0]


def outputs(api: Api, agent: str, made: str) -> dict[str, Any]:
    """What the tools of the latest answer gave, by the calls' ids."""
    parts = api.get(messages(agent, made)).data[-1]["parts"]
    return {each["toolCallId"]: each["output"] for each in parts if each["type"] == "tool-result"}


@pytest.mark.parametrize(
    "output",
    [
        {"temperature": "24C", "rain": [0.5, None, True]},
        [],
        "text",
        "",
        0,
        -1.5,
        False,
        None,
        12345678901234567890,
        {"": {"": [[[[]]]]}},
        "🌍\u0000\u2028",
    ],
)
def test_a_result_is_any_json(api: Api, agent: str, called: str, output: Any) -> None:
    answer = api.post(tool_result(agent, called), json={"toolCallId": "c1", "output": output})

    assert answer.status == 200
    assert answer.json() == {"data": {"success": True}}
    assert outputs(api, agent, called) == {"c1": output}


def test_results_come_in_any_order(api: Api, agent: str, called: str) -> None:
    for call_id in ("c2", "c1"):
        api.post(tool_result(agent, called), json={"toolCallId": call_id, "output": call_id})

    assert outputs(api, agent, called) == {"c1": "c1", "c2": "c2"}


def test_a_tool_may_give_nothing(api: Api, agent: str, called: str) -> None:
    """What JSON leaves out in a browser is undefined there."""
    answer = api.post(tool_result(agent, called), json={"toolCallId": "c1"})

    assert answer.status == 200
    assert outputs(api, agent, called) == {"c1": None}


def test_the_same_result_may_come_again_and_no_other(api: Api, agent: str, called: str) -> None:
    first, again, other = (
        api.post(tool_result(agent, called), json={"toolCallId": "c1", "output": output})
        for output in ("noon", "noon", "midnight")
    )

    assert (first.status, again.status) == (200, 200)
    assert (other.status, other.json()) == (404, NO_CALL)
    assert outputs(api, agent, called) == {"c1": "noon"}


def test_a_large_result_is_kept_and_read_by_the_model(
    api: Api, agent: str, called: str, models: FakeModels
) -> None:
    large = "x" * 3_000_000
    for call_id, output in (("c1", large), ("c2", "small")):
        answer = api.post(
            tool_result(agent, called), json={"toolCallId": call_id, "output": output}
        )
        assert answer.status == 200

    ask(api, agent, None, conversationId=called)

    read = models.requests[-1].messages[-1].parts
    assert [part for part in read if isinstance(part, ToolResult)] == [
        ToolResult("c1", "clock", large),
        ToolResult("c2", "clock", "small"),
    ]


@pytest.mark.parametrize("call_id", [UNKNOWN_ID, "c3", "C1", "c1 ", "x" * 5_000, "\x00"])
def test_an_unknown_call_is_not_found(api: Api, agent: str, called: str, call_id: str) -> None:
    answer = api.post(tool_result(agent, called), json={"toolCallId": call_id, "output": 1})

    assert (answer.status, answer.json()) == (404, NO_CALL)
    assert outputs(api, agent, called) == {}


def test_nor_is_one_that_the_conversation_has_left_behind(
    api: Api, agent: str, called: str, models: FakeModels
) -> None:
    ask(api, agent, "Never mind", conversationId=called)

    answer = api.post(tool_result(agent, called), json={"toolCallId": "c1", "output": 1})

    assert (answer.status, answer.json()) == (404, NO_CALL)


def test_where_nothing_was_called_none_is(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent)

    answer = api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": 1})

    assert (answer.status, answer.json()) == (404, NO_CALL)


def test_while_an_answer_is_made_there_is_none_to_give(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)
    answering, go_on = threading.Event(), threading.Event()
    models.enqueue([answering.set, partial(asyncio.to_thread, go_on.wait, 10), "lo"])

    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask, api, agent, "Two", conversationId=made)
        answering.wait(10)
        answer = api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": 1})
        go_on.set()
        running = asking.result()["id"]

    assert answer.status == 409
    assert answer.json() == refusal(
        "CHAT_CONVERSATION_BUSY", "The conversation is being written to", generationId=running
    )


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1"])
def test_an_unknown_conversation_is_not_found(api: Api, agent: str, no_id: str) -> None:
    answer = api.post(tool_result(agent, no_id), json={"toolCallId": "c1", "output": 1})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_under_another_agent_it_is_not_found(
    api: Api, stranger: Api, agent: str, called: str
) -> None:
    given = {"toolCallId": "c1", "output": 1}

    assert api.post(tool_result(put_agent(api), called), json=given).json() == NOT_FOUND
    assert stranger.post(tool_result(put_agent(stranger), called), json=given).json() == NOT_FOUND
    assert stranger.post(tool_result(agent, called), json=given).json() == NO_AGENT
    assert outputs(api, agent, called) == {}


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ("{}", {"toolCallId": "Required"}),
        ('{"output": 1}', {"toolCallId": "Required"}),
        ('{"toolCallId": null}', {"toolCallId": "Input should be a valid string"}),
        ('{"toolCallId": 1}', {"toolCallId": "Input should be a valid string"}),
        (
            '{"toolCallId": ""}',
            {"toolCallId": "String should have at least 1 character"},
        ),
        (
            '{"toolCallId": "c1", "output": 1, "error": "x"}',
            {"error": "Extra inputs are not permitted"},
        ),
        (  # whatever their names mean elsewhere
            '{"toolCallId": "c1", "model": 1, "content": 2}',
            dict.fromkeys(("model", "content"), "Extra inputs are not permitted"),
        ),
        (
            '{"toolCallId": "c1", "output": NaN}',
            {"output": "Value error, holds what JSON does not have"},
        ),
        (
            '{"toolCallId": "c1", "output": [1, {"a": -Infinity}]}',
            {"output": "Value error, holds what JSON does not have"},
        ),
        (
            '{"toolCallId": "c1", "output": 1e999}',
            {"output": "Value error, holds what JSON does not have"},
        ),
        (
            '{"toolCallId": "c1", "output": "\\ud800"}',
            {"output": "Value error, holds what JSON does not have"},
        ),
        (
            '{"toolCallId": "c1", "output": {"\\udf0d": 1}}',
            {"output": "Value error, holds what JSON does not have"},
        ),
        (
            '{"toolCallId": "c1", "output": ' + "[" * 101 + "]" * 101 + "}",
            {"output": "Value error, has more than 100 levels"},
        ),
    ],
)
def test_what_cannot_be_a_result_is_refused(
    api: Api, agent: str, called: str, body: str, details: dict[str, str]
) -> None:
    answer = api.post(tool_result(agent, called), body=body, headers=JSON)

    assert answer.status == 400
    assert answer.json() == refusal(*INVALID, **details)
    assert outputs(api, agent, called) == {}


def test_a_field_whose_name_is_no_text_is_refused(api: Api, agent: str, called: str) -> None:
    body = '{"toolCallId": "c1", "\\ud800": 1}'

    answer = api.post(tool_result(agent, called), body=body, headers=JSON)

    assert answer.status == 400
    assert answer.json()["error"]["code"] == "VALIDATION_INVALID_BODY"

"""GET /api/v2/agents/{agent_id}/conversations/{conversation_id}/messages."""

import asyncio
import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.store import conversations as store
from reprise.web import engine as web_engine
from tests import conversations as of_conversations
from tests.api import Api
from tests.capacity import measured
from tests.chatbase import (
    CLOCK,
    INVALID,
    NO_AGENT,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    caller_of,
    conversation,
    messages,
    put_agent,
    refusal,
    retry,
    texts,
    tool_result,
)
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def long_one(api: Api, agent: str, length: int) -> str:
    """A conversation of so many messages, "0", "1", …"""
    scribe = Scribe(now_ms=int((time.time() - 3600) * 1000))
    made = replace(scribe.conversation(owner=caller_of(api).owner), agent=agent)
    branch = []
    for number in range(length):
        parent = branch[-1] if branch else None
        role = "assistant" if number % 2 else "user"
        branch.append(scribe.message(made, parent, str(number), role))
    store.create(replace(made, head=branch[-1].id, version=length))
    put_all(made, branch)
    return made.id


def walk(api: Api, path: str, limit: int) -> list[list[str]]:
    """The texts of all pages."""
    found, cursor = [], ""
    while True:
        page = api.get(f"{path}?limit={limit}{cursor}").json()
        data = page["data"]["messages"] if isinstance(page["data"], dict) else page["data"]
        found.append([each["parts"][0]["text"] for each in data])
        if not page["pagination"]["hasMore"]:
            assert page["pagination"]["cursor"] is None
            return found
        cursor = f"&cursor={page['pagination']['cursor']}"


def test_messages_are_listed_oldest_first(api: Api, agent: str, models: FakeModels) -> None:
    begun = int(time.time())
    made, user, reply = begin(api, agent, "Hi")

    answer = api.get(messages(agent, made))

    assert answer.status == 200
    at = [each["createdAt"] for each in answer.data]
    assert begun <= at[0] <= at[1] <= time.time() + 1  # in seconds
    assert answer.json() == {
        "data": [
            {
                "id": user,
                "role": "user",
                "parts": [{"type": "text", "text": "Hi"}],
                "createdAt": at[0],
                "feedback": None,
                "metadata": {"score": None},
            },
            {
                "id": reply,
                "role": "assistant",
                "parts": [{"type": "text", "text": "An answer."}],
                "createdAt": at[1],
                "feedback": None,
                "metadata": {"score": None},
            },
        ],
        "pagination": {"cursor": None, "hasMore": False, "total": 2},
    }


def test_pages_walk_back_from_the_newest_each_oldest_first(api: Api, agent: str) -> None:
    made = long_one(api, agent, 7)

    for path in (messages(agent, made), conversation(agent, made)):
        assert walk(api, path, 3) == [["4", "5", "6"], ["1", "2", "3"], ["0"]]


@pytest.mark.parametrize(
    ("length", "limit"),
    [(23, 1), (24, 1), (25, 1), (24, 12), (25, 24), (99, 100), (100, 100), (101, 100), (101, 50)],
)
def test_every_message_is_on_one_page(api: Api, agent: str, length: int, limit: int) -> None:
    made = long_one(api, agent, length)

    pages = walk(api, messages(agent, made), limit)

    assert [text for page in pages[::-1] for text in page] == list(map(str, range(length)))
    assert all(len(page) == limit for page in pages[:-1])


def test_a_page_has_20_unless_it_is_told_otherwise(api: Api, agent: str) -> None:
    made = long_one(api, agent, 30)

    page = api.get(messages(agent, made)).json()

    assert len(page["data"]) == 20
    assert page["pagination"] == {
        "cursor": page["pagination"]["cursor"],
        "hasMore": True,
        "total": 30,
    }


def test_the_total_is_that_of_the_branch_on_every_page(api: Api, agent: str) -> None:
    made = long_one(api, agent, 9)
    first = api.get(f"{messages(agent, made)}?limit=4").json()["pagination"]

    second = api.get(f"{messages(agent, made)}?limit=4&cursor={first['cursor']}").json()

    assert (first["total"], second["pagination"]["total"]) == (9, 9)


def test_a_page_costs_the_same_wherever_it_lies(api: Api, agent: str) -> None:
    made = long_one(api, agent, 300)
    costs, cursor = [], ""
    for _ in range(6):
        with measured() as cost:
            page = api.get(f"{messages(agent, made)}?limit=20{cursor}").json()
        costs.append(cost.read_units)
        cursor = f"&cursor={page['pagination']['cursor']}"

    assert max(costs[1:]) <= min(costs[1:]) + 1


def test_a_cursor_stays_good_while_the_conversation_goes_on(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = long_one(api, agent, 6)
    cursor = api.get(f"{messages(agent, made)}?limit=2").json()["pagination"]["cursor"]

    ask(api, agent, "And on", conversationId=made)

    page = api.get(f"{messages(agent, made)}?limit=2&cursor={cursor}").data
    assert [each["parts"][0]["text"] for each in page] == ["2", "3"]


def test_and_where_a_retry_has_replaced_what_it_named(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = long_one(api, agent, 8)
    first = api.get(f"{messages(agent, made)}?limit=2").json()
    cursor = first["pagination"]["cursor"]
    third = api.get(f"{messages(agent, made)}?limit=100").data[3]["id"]
    api.post(retry(agent, made), json={"messageId": third})

    page = api.get(f"{messages(agent, made)}?limit=2&cursor={cursor}").data

    assert [each["parts"][0]["text"] for each in page] == ["2", "An answer."]


def test_only_the_shown_branch_is_listed(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent, "Hi")
    for number in range(3):
        models.enqueue([f"Answer {number}"])
        old = api.post(retry(agent, made), json={"messageId": old, "stream": False}).data["id"]

    assert texts(api, agent, made) == ["Hi", "Answer 2"]
    assert walk(api, messages(agent, made), 1) == [["Answer 2"], ["Hi"]]


def test_calls_and_results_are_parts(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue(["Wait.", ToolCall("c1", "clock", {"zone": "UTC"}), Finished("tool-calls")])
    made, *_ = begin(api, agent)
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": [12, None]})

    assert api.get(messages(agent, made)).data[1]["parts"] == [
        {"type": "text", "text": "Wait."},
        {
            "type": "tool-call",
            "toolCallId": "c1",
            "toolName": "clock",
            "input": {"zone": "UTC"},
        },
        {
            "type": "tool-result",
            "toolCallId": "c1",
            "toolName": "clock",
            "output": [12, None],
        },
    ]


def test_an_answer_in_progress_is_shown_as_far_as_it_came(
    api: Api, agent: str, models: FakeModels
) -> None:
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01)))
    made, *_ = begin(api, agent)
    go_on = threading.Event()
    models.enqueue(["Hel", partial(asyncio.to_thread, go_on.wait, 10), "lo"])

    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask, api, agent, "Two", conversationId=made)
        until = time.monotonic() + 5
        while texts(api, agent, made)[-1] != "Hel":
            assert time.monotonic() < until
            time.sleep(0.1)  # a hundred requests in ten seconds are as many as there may be
        go_on.set()
        asking.result()

    assert texts(api, agent, made)[-1] == "Hello"


def test_one_that_failed_empty_is_not_listed(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue([UpstreamFailed("gone")])
    made, *_ = begin(api, agent)

    assert texts(api, agent, made) == ["Hello"]


def test_messages_of_other_roles_are_not_listed_but_counted(api: Api, models: FakeModels) -> None:
    """There are two roles on this surface; who decodes them knows no third."""
    made = of_conversations.create(api)
    of_conversations.send(api, made, "Be brief.", role="system")
    of_conversations.send(api, made, "Hello")

    page = api.get(messages(caller_of(api).account_id, made)).json()

    assert [each["role"] for each in page["data"]] == ["user", "assistant"]
    assert page["pagination"] == {"cursor": None, "hasMore": False, "total": 3}


def test_deleted_ones_are_not_listed(api: Api, agent: str, models: FakeModels) -> None:
    made, user, _ = begin(api, agent)
    api.delete(of_conversations.message(user))

    assert texts(api, agent, made) == ["An answer."]


def test_large_ones_leave_one_by_one(api: Api, agent: str, models: FakeModels) -> None:
    text = "🌍" * 1_000_000
    models.enqueue([text])
    made, *_ = begin(api, agent, "x" * 1_000_000)

    answer = api.stream(messages(agent, made), method="GET")

    assert [each["parts"][0]["text"] for each in answer.data] == ["x" * 1_000_000, text]
    assert len(answer.writes) > 1
    assert answer.json()["pagination"]["total"] == 2


def test_an_empty_conversation_has_no_messages(api: Api) -> None:
    made = of_conversations.create(api)

    assert api.get(messages(caller_of(api).account_id, made)).json() == {
        "data": [],
        "pagination": {"cursor": None, "hasMore": False, "total": 0},
    }


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1"])
def test_of_an_unknown_conversation_nothing_is_found(api: Api, agent: str, no_id: str) -> None:
    answer = api.get(messages(agent, no_id))

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_under_another_agent_it_is_not_found(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)

    assert api.get(messages(put_agent(api), made)).json() == NOT_FOUND
    assert stranger.get(messages(put_agent(stranger), made)).json() == NOT_FOUND
    assert stranger.get(messages(agent, made)).json() == NO_AGENT


def cursor_of(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "%ff",
        "bnVsbA==",
        cursor_of(),
        cursor_of("x", 1),
        cursor_of(UNKNOWN_ID, 1),
        cursor_of(1, 1),
        "W" * 6_000,
    ],
)
def test_what_is_no_cursor_of_it_is_refused(
    api: Api, agent: str, models: FakeModels, cursor: str
) -> None:
    made, *_ = begin(api, agent)

    answer = api.get(f"{messages(agent, made)}?cursor={cursor}")

    assert answer.status == 400
    assert answer.json() == refusal(*INVALID, cursor="is none that this list has given")


def test_the_cursor_of_another_conversation_is_refused(api: Api, agent: str) -> None:
    one, other = long_one(api, agent, 3), long_one(api, agent, 3)
    cursor = api.get(f"{messages(agent, one)}?limit=1").json()["pagination"]["cursor"]

    answer = api.get(f"{messages(agent, other)}?cursor={cursor}")

    assert answer.status == 400

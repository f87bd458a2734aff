"""POST /v1/chat/conversations/{conversation_id}/messages/stream."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.web import engine as web_engine
from tests.api import DONE, Api, everything_stored
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    message,
    messages,
    send,
    stream,
)
from tests.models import USAGE, FakeModels
from tests.shapes import A_TIME, AN_ID

FAILED = {"type": "error", "data": "Failed to generate AI response"}

Post = Callable[..., Any]


@pytest.fixture(params=["handler", "streaming runtime"])
def post(api: Api, request: pytest.FixtureRequest) -> Post:
    """Both ways to the function: buffered by Mangum, as under `sam local`, and streamed."""
    return api.post if request.param == "handler" else api.stream


def test_an_answer_streams_chunk_by_chunk(api: Api, models: FakeModels, post: Post) -> None:
    made = create(api)
    models.enqueue(["Hel", "lo", "!"])

    answer = post(stream(made), json={"content": "Hello", "model": "fake", "temperature": 0.7})

    user_message, *chunks, complete, done = answer.events()
    assert answer.status == 200
    assert user_message == {
        "type": "user_message",
        "data": {
            "id": AN_ID,
            "conversation_id": made,
            "parent_id": None,
            "role": "user",
            "content": "Hello",
            "model": None,
            "state": "done",
            "finish_reason": None,
            "prompt_tokens": None,
            "completion_tokens": None,
            "total_tokens": None,
            "version": 1,
            "versions": 1,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
    }
    assert chunks == [{"type": "ai_chunk", "data": text} for text in ("Hel", "lo", "!")]
    assert complete == {
        "type": "ai_complete",
        "data": {
            "id": AN_ID,
            "conversation_id": made,
            "parent_id": user_message["data"]["id"],
            "role": "assistant",
            "content": "Hello!",
            "model": "fake",
            "state": "done",
            "finish_reason": "stop",
            "prompt_tokens": USAGE.input,
            "completion_tokens": USAGE.output,
            "total_tokens": USAGE.total,
            "version": 1,
            "versions": 1,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
    }
    assert done == DONE


def test_the_stream_is_one_for_event_sources(api: Api, post: Post) -> None:
    answer = post(stream(create(api)), json={"content": "Hello"})

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"


def test_what_was_streamed_is_what_is_stored(api: Api, post: Post) -> None:
    made = create(api)

    user, *_, complete, _ = post(stream(made), json={"content": "count to 5"}).events()

    assert api.get(messages(made)).data == [complete["data"], user["data"]]


def test_every_event_is_one_write(api: Api) -> None:
    writes = api.stream(stream(create(api)), json={"content": "count to 500"}).writes

    assert len(writes) == 1 + 500 + 1 + 1  # the message, the numbers, the whole answer, the end
    for write in writes[:-1]:
        assert write.startswith(b'data: {"type":"')
        assert write.endswith(b"}\n\n")
        assert write.count(b"\n") == 2
        assert (
            write.removeprefix(b"data: ").strip()
            == json.dumps(
                json.loads(write.removeprefix(b"data: ")), separators=(",", ":"), ensure_ascii=False
            ).encode()
        )
    assert writes[-1] == b"data: [DONE]\n\n"


def test_the_bytes_of_a_chunk(api: Api, models: FakeModels) -> None:
    models.enqueue(['Grüße "🌍"\n', "\u2028 [DONE]"])

    writes = api.stream(stream(create(api)), json={"content": "Hello"}).writes

    assert writes[1] == 'data: {"type":"ai_chunk","data":"Grüße \\"🌍\\"\\n"}\n\n'.encode()
    assert writes[2] == b'data: {"type":"ai_chunk","data":"\\u2028 [DONE]"}\n\n'


@pytest.mark.parametrize(
    "texts",
    [
        ["👩", "\u200d", "👩", "\u200d", "👧"],
        ["\n", "\n\n", "\r\n", "data: ", "[DONE]", "\n\n"],
        ["\u0000", "\u001b", "\ufeff"],
    ],
)
def test_chunks_make_up_the_stored_text(api: Api, models: FakeModels, texts: list[str]) -> None:
    made = create(api)
    models.enqueue(texts)

    _, *chunks, complete, _ = api.stream(stream(made), json={"content": "Hello"}).events()

    assert [each["data"] for each in chunks] == texts
    assert complete["data"]["content"] == "".join(texts)
    assert contents(api, made)[-1] == "".join(texts)


def test_a_very_long_piece_comes_in_several_chunks(api: Api, models: FakeModels) -> None:
    made = create(api)
    text = "0123456789" * 30_000
    models.enqueue([text, "the end"])

    _, *chunks, complete, _ = api.stream(stream(made), json={"content": "Hello"}).events()

    assert len(chunks) > 2
    assert "".join(each["data"] for each in chunks) == complete["data"]["content"]
    assert contents(api, made)[-1] == text + "the end"


def test_events_leave_as_the_model_produces_them(api: Api, models: FakeModels) -> None:
    seen: list[bytes] = []

    async def have_left(events: int) -> None:
        async with asyncio.timeout(5):
            while len(seen) < events:
                await asyncio.sleep(0.001)

    # the model goes on only when everything before has reached the client
    models.enqueue(
        [partial(have_left, 1), "Hel", partial(have_left, 2), "lo", partial(have_left, 3)]
    )

    *_, complete, done = api.stream(
        stream(create(api)), json={"content": "Hello"}, seen=seen.append
    ).events()

    assert complete["data"]["content"] == "Hello"
    assert done == DONE


def test_the_message_is_stored_before_the_first_event_and_the_model(
    api: Api, models: FakeModels
) -> None:
    made, stored = create(api), []

    def look() -> None:
        stored.append("remember this" in str(everything_stored()))

    models.enqueue([look, "Hello"])
    api.stream(stream(made), json={"content": "remember this"}, seen=lambda write: look())

    assert stored == [True] * 5  # the model, and four events


def test_the_answer_is_stored_before_it_is_said_to_be_complete(
    api: Api, models: FakeModels
) -> None:
    models.enqueue(["the whole answer"])
    stored: dict[str, bool] = {}

    def look(write: bytes) -> None:
        kind = json.loads(write.removeprefix(b"data: "))["type"] if b"{" in write else DONE
        found = [str(item) for key, item in everything_stored().items() if " M#" in key]
        stored[kind] = any("the whole answer" in each and "'done'" in each for each in found)

    api.stream(stream(create(api)), json={"content": "Hello"}, seen=look)

    assert stored == {"user_message": False, "ai_chunk": False, "ai_complete": True, DONE: True}


def test_when_the_model_fails_at_once_the_stream_says_so(
    api: Api, models: FakeModels, post: Post
) -> None:
    made = create(api)
    models.enqueue([UpstreamFailed("no such model", refused=True)])

    user, *rest = post(stream(made), json={"content": "Hello"}).events()

    assert user["type"] == "user_message"
    assert rest == [FAILED, DONE]
    assert api.get(messages(made)).data == [user["data"]]


def test_after_a_failure_the_conversation_goes_on_from_the_message(
    api: Api, models: FakeModels
) -> None:
    made = create(api)
    models.enqueue([UpstreamFailed("gone")])
    user, *_ = api.stream(stream(made), json={"content": "One"}).events()

    following, _ = send(api, made, "Two")

    assert following["parent_id"] == user["data"]["id"]


@pytest.mark.parametrize("failure", [UpstreamFailed("gone"), RuntimeError("a bug")])
def test_when_it_fails_amid_its_answer_the_partial_one_is_kept(
    api: Api, models: FakeModels, failure: Exception
) -> None:
    made = create(api)
    models.enqueue(["Hel", "lo", failure])

    _, *rest = api.stream(stream(made), json={"content": "Hello"}).events()

    assert rest == [
        {"type": "ai_chunk", "data": "Hel"},
        {"type": "ai_chunk", "data": "lo"},
        FAILED,
        DONE,
    ]
    listed = api.get(messages(made)).data[0]
    assert (listed["content"], listed["state"]) == ("Hello", "error")
    assert api.get(message(listed["id"])).data == listed


def test_an_answer_that_runs_out_of_time_is_complete_as_far_as_it_came(
    api: Api, models: FakeModels
) -> None:
    # the function has 900 seconds
    web_engine.use(Engine(models, timing=Timing(margin=899)))
    models.enqueue(["Hel", lambda: asyncio.sleep(60), "lo"])

    *_, complete, done = api.stream(stream(create(api)), json={"content": "Hello"}).events()

    assert complete["type"] == "ai_complete"
    assert complete["data"]["content"] == "Hel"
    assert complete["data"]["state"] == "stopped"
    assert complete["data"]["finish_reason"] == "deadline"
    assert done == DONE


def test_tool_calls_have_no_event(api: Api, models: FakeModels) -> None:
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])

    events = api.stream(stream(create(api)), json={"content": "How late is it?"}).events()

    assert [each["type"] for each in events[:-1]] == ["user_message", "ai_complete"]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_message_of_another_role_is_stored_and_not_answered(
    api: Api, models: FakeModels, post: Post, role: str
) -> None:
    made = create(api)

    user, done = post(stream(made), json={"content": "Once", "role": role}).events()

    assert user["type"] == "user_message"
    assert (user["data"]["role"], user["data"]["content"]) == (role, "Once")
    assert done == DONE
    assert api.get(messages(made)).data == [user["data"]]
    assert models.requests == []


def test_a_million_characters_are_streamed_back(api: Api, models: FakeModels) -> None:
    text = "0123456789" * 100_000
    made = create(api)

    user, *_ = api.stream(stream(made), json={"content": text}).events()

    assert user["data"]["content"] == text
    assert contents(api, made)[0] == text


def test_an_unknown_conversation_is_not_found(api: Api, models: FakeModels, post: Post) -> None:
    assert_not_found(post(stream(UNKNOWN_ID), json={"content": "Hello"}), "Conversation")
    assert models.requests == []

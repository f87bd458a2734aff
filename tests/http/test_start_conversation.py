"""POST /v1/chat/conversations/stream."""

import json

import pytest

from reprise.chat.errors import UpstreamFailed
from tests.api import DONE, Api, everything_stored
from tests.conversations import CONVERSATIONS, START, contents, conversation, messages, send
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


def test_a_conversation_starts_with_its_first_message(api: Api, models: FakeModels) -> None:
    models.enqueue(["Hel", "lo"])

    answer = api.stream(START, json={"title": "Trip", "content": "Hi", "model": "fake"})

    created, *rest = answer.events()
    user = {
        "id": AN_ID,
        "conversation_id": AN_ID,
        "parent_id": None,
        "role": "user",
        "content": "Hi",
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
    }
    assert answer.status == 200
    assert created == {
        "type": "conversation_created",
        "data": {
            "conversation_id": AN_ID,
            "conversationId": AN_ID,
            "user_message": user,
            "userMessage": user,
        },
    }
    assert created["data"]["conversation_id"] == created["data"]["conversationId"]
    assert created["data"]["user_message"] == created["data"]["userMessage"]
    assert [each if each == DONE else each["type"] for each in rest] == [
        "ai_chunk",
        "ai_chunk",
        "ai_complete",
        DONE,
    ]


def test_it_streams_as_buffered_functions_do_too(api: Api) -> None:
    created, *chunks, complete, done = api.post(START, json={"content": "count to 2"}).events()

    assert created["type"] == "conversation_created"
    assert [each["data"] for each in chunks] == ["1", " 2"]
    assert complete["data"]["content"] == "1 2"
    assert done == DONE


def test_the_conversation_is_one_like_any_other(api: Api, models: FakeModels) -> None:
    created, *_, complete, _ = api.stream(START, json={"title": "Trip", "content": "Hi"}).events()
    made = created["data"]["conversation_id"]

    assert [each["id"] for each in api.get(CONVERSATIONS).data] == [made]
    assert api.get(conversation(made)).data["title"] == "Trip"
    assert api.get(messages(made)).data == [complete["data"], created["data"]["user_message"]]
    send(api, made, "And on")
    assert contents(api, made) == ["Hi", "An answer.", "And on", "An answer."]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Hello", "Hello"),
        ("  What   is\nthe weather? ", "What is the weather?"),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("x" * 61, "x" * 60 + "…"),
        ("x" * 60, "x" * 60),
        ("🌍" * 1_000_000, "🌍" * 60 + "…"),
    ],
)
def test_without_a_title_it_is_named_for_its_first_words(
    api: Api, models: FakeModels, content: str, title: str
) -> None:
    body = json.dumps({"content": content}, ensure_ascii=False)

    api.post(START, body=body, headers={"Content-Type": "application/json"})

    assert api.get(CONVERSATIONS).data[0]["title"] == title


def test_every_event_is_one_write(api: Api) -> None:
    writes = api.stream(START, json={"content": "count to 20"}).writes

    assert len(writes) == 1 + 20 + 1 + 1
    assert all(w.startswith(b"data: ") and w.endswith(b"\n\n") for w in writes)
    assert all(w.count(b"\n") == 2 for w in writes)


def test_all_of_it_is_stored_before_the_first_event(api: Api, models: FakeModels) -> None:
    seen: list[list[str]] = []

    def look(write: bytes) -> None:
        keys = [key.partition(" ")[2] for key in everything_stored() if "#CONV#" in key]
        seen.append(sorted(key[:2] if key.startswith("M#") else key for key in keys))

    api.stream(START, json={"content": "Hello"}, seen=look)

    assert seen[0] == ["M#", "M#", "META", "META#LEASE"]
    assert seen[-1] == ["M#", "M#", "META"]


def test_when_the_model_fails_the_conversation_stays_with_its_message(
    api: Api, models: FakeModels
) -> None:
    models.enqueue([UpstreamFailed("gone")])

    created, *rest = api.stream(START, json={"content": "Hello"}).events()

    assert rest == [{"type": "error", "data": "Failed to generate AI response"}, DONE]
    assert contents(api, created["data"]["conversation_id"]) == ["Hello"]


def test_the_model_reads_that_message_alone(api: Api, models: FakeModels) -> None:
    api.stream(START, json={"content": "Hello", "temperature": 0})

    (request,) = models.requests
    assert [each.text for each in request.messages] == ["Hello"]
    assert request.temperature == 0


def test_its_messages_are_the_users(api: Api, models: FakeModels) -> None:
    created, *_ = api.stream(START, json={"content": "Hello", "role": "system"}).events()

    assert created["data"]["user_message"]["role"] == "user"

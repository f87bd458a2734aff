"""PATCH /v1/chat/messages/{message_id}."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from tests.api import DONE, Api, everything_stored
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    message,
    messages,
    refusal,
    select,
    send,
    versions,
)
from tests.models import USAGE, FakeModels
from tests.shapes import A_TIME, AN_ID

Patch = Callable[..., Any]


@pytest.fixture(params=["handler", "streaming runtime"])
def patch(api: Api, request: pytest.FixtureRequest) -> Patch:
    """Both ways to the function: buffered by Mangum, as under `sam local`, and streamed."""
    return api.patch if request.param == "handler" else partial(api.stream, method="PATCH")


def test_a_message_is_said_anew_and_its_answer_streamed(
    api: Api, models: FakeModels, patch: Patch
) -> None:
    made = create(api)
    user, _ = send(api, made, "Helo")
    models.enqueue(["Hel", "lo!"])

    answer = patch(
        message(user["id"]), json={"content": "Hello", "model": "fake", "temperature": 0.1}
    )

    said, *chunks, complete, done = answer.events()
    assert answer.status == 200
    assert said == {
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
            "version": 2,
            "versions": 2,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
    }
    assert chunks == [{"type": "ai_chunk", "data": text} for text in ("Hel", "lo!")]
    assert complete["type"] == "ai_complete"
    assert complete["data"]["parent_id"] == said["data"]["id"]
    assert complete["data"]["total_tokens"] == USAGE.total
    assert (complete["data"]["version"], complete["data"]["versions"]) == (1, 1)
    assert done == DONE
    assert models.requests[-1].temperature == 0.1


def test_the_new_branch_is_shown(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "One")
    second, _ = send(api, made, "Two")
    send(api, made, "Three")

    said, *_, complete, _ = api.stream(
        message(second["id"]), method="PATCH", json={"content": "2"}
    ).events()

    assert contents(api, made) == ["One", "An answer.", "2", "An answer."]
    assert api.get(messages(made)).data[:2] == [complete["data"], said["data"]]
    assert [each.text for each in models.requests[-1].messages] == ["One", "An answer.", "2"]


def test_what_there_was_stays(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, reply = send(api, made, "Hello")
    send(api, made, "Go on")

    api.stream(message(user["id"]), method="PATCH", json={"content": "Hi"})

    assert api.get(message(user["id"])).data == user | {"version": 1, "versions": 2}
    assert [each["content"] for each in api.get(versions(user["id"])).data] == ["Hello", "Hi"]
    back = api.post(select(reply["id"])).data
    assert [each["content"] for each in back] == ["An answer.", "Go on", "An answer.", "Hello"]


def test_when_the_model_fails_the_new_message_stays(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")
    models.enqueue([UpstreamFailed("gone")])

    said, error, done = api.stream(
        message(user["id"]), method="PATCH", json={"content": "Hi"}
    ).events()

    assert error == {"type": "error", "data": "Failed to generate AI response"}
    assert done == DONE
    assert api.get(messages(made)).data == [said["data"]]


@pytest.mark.parametrize("which", [0, 1])
def test_only_a_users_message_can_be_edited(api: Api, models: FakeModels, which: int) -> None:
    made = create(api)
    (instruction,) = send(api, made, "Be brief", role="system")
    _, reply = send(api, made, "Hello")
    before = everything_stored()

    answer = api.patch(message((reply, instruction)[which]["id"]), json={"content": "Hi"})

    assert answer.status == 400
    said = "only a user's message can be edited"
    assert answer.json() == refusal("VALIDATION_001", "Invalid request", message_id=said)
    assert everything_stored() == before
    assert len(models.requests) == 1


def test_a_deleted_one_is_not_found(api: Api, models: FakeModels) -> None:
    user, _ = send(api, create(api), "Hello")
    api.delete(message(user["id"]))

    assert_not_found(api.patch(message(user["id"]), json={"content": "Hi"}), "Message")
    assert len(models.requests) == 1


def test_an_unknown_one_is_not_found(api: Api, models: FakeModels, patch: Patch) -> None:
    assert_not_found(patch(message(UNKNOWN_ID), json={"content": "Hello"}), "Message")
    assert models.requests == []

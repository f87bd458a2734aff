"""POST /v1/chat/messages/{message_id}/regenerate."""

from collections.abc import Callable
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
    regenerate,
    send,
    stream,
    versions,
)
from tests.models import USAGE, FakeModels
from tests.pause import Pause, under_way
from tests.shapes import A_TIME, AN_ID

Post = Callable[..., Any]
FAILED = {"type": "error", "data": "Failed to generate AI response"}


@pytest.fixture(params=["handler", "streaming runtime"])
def post(api: Api, request: pytest.FixtureRequest) -> Post:
    """Both ways to the function: buffered by Mangum, as under `sam local`, and streamed."""
    return api.post if request.param == "handler" else api.stream


def test_another_version_is_streamed_without_a_message(
    api: Api, models: FakeModels, post: Post
) -> None:
    made = create(api)
    user, first = send(api, made, "Hello")
    models.enqueue(["Hel", "lo!"])

    answer = post(regenerate(first["id"]), json={"model": "fake", "temperature": 1.5})

    *chunks, complete, done = answer.events()
    assert answer.status == 200
    assert chunks == [{"type": "ai_chunk", "data": text} for text in ("Hel", "lo!")]
    assert complete == {
        "type": "ai_complete",
        "data": {
            "id": AN_ID,
            "conversation_id": made,
            "parent_id": user["id"],
            "role": "assistant",
            "content": "Hello!",
            "model": "fake",
            "state": "done",
            "finish_reason": "stop",
            "prompt_tokens": USAGE.input,
            "completion_tokens": USAGE.output,
            "total_tokens": USAGE.total,
            "version": 2,
            "versions": 2,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
    }
    assert done == DONE
    assert models.requests[-1].temperature == 1.5


def test_the_new_one_is_shown_and_the_old_one_stays(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, first = send(api, made, "Hello")
    models.enqueue(["Another."])

    *_, complete, _ = api.stream(regenerate(first["id"])).events()

    now = {"version": 1, "versions": 2}
    assert api.get(messages(made)).data == [complete["data"], user]
    assert api.get(message(first["id"])).data == first | now
    assert api.get(versions(first["id"])).data == [first | now, complete["data"]]


def test_the_model_reads_what_was_said_before_it(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "One")
    _, reply = send(api, made, "Two")
    send(api, made, "Three")

    api.stream(regenerate(reply["id"]))

    assert [each.text for each in models.requests[-1].messages] == ["One", "An answer.", "Two"]
    assert contents(api, made) == ["One", "An answer.", "Two", "An answer."]


@pytest.mark.parametrize("body", [None, "", "null", "{}"])
def test_the_body_may_be_left_out(api: Api, models: FakeModels, body: str | None) -> None:
    _, first = send(api, create(api), "Hello")
    headers = {"Content-Type": "application/json"} if body else {}

    answer = api.post(regenerate(first["id"]), body=body, headers=headers)

    assert answer.status == 200
    assert models.requests[-1].temperature == 0.7


def test_of_a_users_message_the_answer_is_made_anew(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")
    models.enqueue(["Another."])

    *_, complete, _ = api.stream(regenerate(user["id"])).events()

    assert complete["data"]["parent_id"] == user["id"]
    assert (complete["data"]["version"], complete["data"]["versions"]) == (2, 2)
    assert contents(api, made) == ["Hello", "Another."]


def test_a_message_that_was_not_answered_is_answered(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue([UpstreamFailed("gone")])
    (user,) = send(api, made, "Hello")

    *_, complete, _ = api.stream(regenerate(user["id"])).events()

    assert (complete["data"]["version"], complete["data"]["versions"]) == (1, 1)
    assert contents(api, made) == ["Hello", "An answer."]


def test_what_fails_at_once_leaves_everything_as_it_was_shown(api: Api, models: FakeModels) -> None:
    made = create(api)
    _, first = send(api, made, "Hello")
    shown = api.get(messages(made)).data
    models.enqueue([UpstreamFailed("gone")])

    events = api.stream(regenerate(first["id"])).events()

    assert events == [FAILED, DONE]
    assert api.get(messages(made)).data == shown
    assert api.get(versions(first["id"])).data == [first]


def test_a_partial_answer_is_a_version_too(api: Api, models: FakeModels) -> None:
    made = create(api)
    _, first = send(api, made, "Hello")
    models.enqueue(["Hel", UpstreamFailed("gone")])

    *_, error, done = api.stream(regenerate(first["id"])).events()

    assert (error, done) == (FAILED, DONE)
    found = api.get(versions(first["id"])).data
    assert [(each["content"], each["state"]) for each in found] == [
        ("An answer.", "done"),
        ("Hel", "error"),
    ]


def test_while_one_is_being_made_there_is_no_other(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    user, first = send(api, made, "Hello")
    quick.enqueue([pause, "Another."])

    with under_way(lambda: api.stream(regenerate(first["id"])), pause) as answering:
        refused = [
            api.post(regenerate(user["id"])),
            api.post(regenerate(first["id"])),
            api.patch(message(user["id"]), json={"content": "Hi"}),
            api.post(stream(made), json={"content": "Hi"}),
        ]
    *_, complete, _ = answering.result().events()

    for answer in refused:
        assert answer.status == 409
        assert answer.json() == refusal(
            "CONFLICT_001", "An answer is being generated", generation_id=complete["data"]["id"]
        )
    assert contents(api, made) == ["Hello", "Another."]
    assert len(quick.requests) == 2


def test_an_answer_to_nothing_cannot_be_made_anew(api: Api, models: FakeModels) -> None:
    (alone,) = send(api, create(api), "Once", role="assistant")
    before = everything_stored()

    answer = api.post(regenerate(alone["id"]))

    assert answer.status == 400
    said = "nothing was asked before it"
    assert answer.json() == refusal("VALIDATION_001", "Invalid request", message_id=said)
    assert everything_stored() == before
    assert models.requests == []


def test_a_deleted_one_is_not_found(api: Api, models: FakeModels) -> None:
    _, first = send(api, create(api), "Hello")
    api.delete(message(first["id"]))

    assert_not_found(api.post(regenerate(first["id"])), "Message")
    assert len(models.requests) == 1


def test_an_unknown_one_is_not_found(api: Api, models: FakeModels, post: Post) -> None:
    assert_not_found(post(regenerate(UNKNOWN_ID)), "Message")
    assert models.requests == []

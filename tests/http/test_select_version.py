"""POST /v1/chat/messages/{message_id}/select."""

import pytest

from tests.api import Api, everything_stored
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    envelope,
    message,
    messages,
    refusal,
    regenerate,
    select,
    send,
    stream,
)
from tests.models import FakeModels
from tests.pause import Pause, under_way


def redone(api: Api, models: FakeModels, *texts: str) -> tuple[str, list[str]]:
    """A conversation whose first question was answered so often; the answers' ids."""
    for text in texts:
        models.enqueue([text])
    made = create(api)
    _, first = send(api, made, "Hello")
    ids = [first["id"]]
    for _ in texts[1:]:
        *_, complete, _ = api.stream(regenerate(ids[-1])).events()
        ids.append(complete["data"]["id"])
    return made, ids


def test_another_version_is_shown(api: Api, models: FakeModels) -> None:
    made, (first, _) = redone(api, models, "One", "Two")

    answer = api.post(select(first))

    assert answer.status == 200
    assert answer.json() == envelope(answer.data, "Version selected successfully")
    assert [each["content"] for each in answer.data] == ["One", "Hello"]
    assert (answer.data[0]["version"], answer.data[0]["versions"]) == (1, 2)
    assert api.get(messages(made)).data == answer.data


def test_the_conversation_goes_on_from_it(api: Api, models: FakeModels) -> None:
    made, (first, _) = redone(api, models, "One", "Two")
    api.post(select(first))

    following, _ = send(api, made, "Go on")

    assert following["parent_id"] == first
    assert [each.text for each in models.requests[-1].messages] == ["Hello", "One", "Go on"]


def test_what_was_said_below_it_comes_back_with_it(api: Api, models: FakeModels) -> None:
    made, (first,) = redone(api, models, "One")
    send(api, made, "Go on")
    models.enqueue(["Two"])
    *_, complete, _ = api.stream(regenerate(first)).events()
    assert contents(api, made) == ["Hello", "Two"]

    back = api.post(select(first)).data
    forth = api.stream(select(complete["data"]["id"])).data

    assert [each["content"] for each in back] == ["An answer.", "Go on", "One", "Hello"]
    assert [each["content"] for each in forth] == ["Two", "Hello"]


def test_the_one_that_is_shown_stays(api: Api, models: FakeModels) -> None:
    _, (_, second) = redone(api, models, "One", "Two")
    before = everything_stored()

    answer = api.post(select(second))

    assert answer.status == 200
    assert [each["content"] for each in answer.data] == ["Two", "Hello"]
    assert everything_stored() == before


def test_large_messages_come_whole(api: Api, models: FakeModels) -> None:
    _, (first, _) = redone(api, models, "x" * 300_000, "Two")

    assert api.post(select(first)).data[0]["content"] == "x" * 300_000


def test_a_users_message_cannot_be_selected(api: Api) -> None:
    user, _ = send(api, create(api), "Hello")
    before = everything_stored()

    answer = api.post(select(user["id"]))

    assert answer.status == 400
    said = "only an answer can be selected"
    assert answer.json() == refusal("VALIDATION_001", "Invalid request", message_id=said)
    assert everything_stored() == before


@pytest.mark.parametrize("which", [0, 1])
def test_while_an_answer_is_being_made_nothing_is_selected(
    api: Api, quick: FakeModels, which: int
) -> None:
    made, ids = redone(api, quick, "One", "Two")
    pause = Pause()
    quick.enqueue([pause, "Three"])

    with under_way(lambda: api.stream(stream(made), json={"content": "Go"}), pause) as answering:
        answer = api.post(select(ids[which]))
    *_, complete, _ = answering.result().events()

    assert answer.status == 409
    running = complete["data"]["id"]
    assert answer.json() == refusal(
        "CONFLICT_001", "An answer is being generated", generation_id=running
    )
    assert contents(api, made) == ["Hello", "Two", "Go", "Three"]


def test_a_deleted_one_is_not_found(api: Api, models: FakeModels) -> None:
    _, (first, _) = redone(api, models, "One", "Two")
    api.delete(message(first))

    assert_not_found(api.post(select(first)), "Message")


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.post(select(UNKNOWN_ID)), "Message")

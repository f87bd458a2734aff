"""PATCH /v1/chat/conversations/{conversation_id}."""

from tests.api import Api
from tests.conversations import (
    CONVERSATIONS,
    UNKNOWN_ID,
    assert_not_found,
    contents,
    conversation,
    create,
    envelope,
    send,
)
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


def test_a_conversation_gets_another_title(api: Api) -> None:
    made = create(api, "before")

    answer = api.patch(conversation(made), json={"title": "  after "})

    assert answer.status == 200
    assert answer.json() == envelope(
        {
            "id": made,
            "title": "after",
            "user_id": AN_ID,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
        "Conversation updated successfully",
    )


def test_the_title_is_the_one_that_is_read_from_then_on(api: Api) -> None:
    made = create(api, "before")

    renamed = api.patch(conversation(made), json={"title": "after"}).data

    assert api.get(conversation(made)).data == renamed | {"chatMessages": []}
    assert api.get(CONVERSATIONS).data == [renamed]


def test_only_the_time_of_change_moves_on(api: Api) -> None:
    made = api.post(CONVERSATIONS, json={"title": "before"}).data

    renamed = api.patch(conversation(made["id"]), json={"title": "after"}).data

    assert renamed["created_at"] == made["created_at"]
    assert renamed["updated_at"] > made["updated_at"]


def test_its_messages_stay(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "Hello")

    api.patch(conversation(made), json={"title": "after"})
    send(api, made, "And on")

    assert contents(api, made) == ["Hello", "An answer.", "And on", "An answer."]


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.patch(conversation(UNKNOWN_ID), json={"title": "x"}), "Conversation")


def test_a_deleted_one_is_not_found(api: Api) -> None:
    made = create(api)
    api.delete(conversation(made))

    assert_not_found(api.patch(conversation(made), json={"title": "x"}), "Conversation")

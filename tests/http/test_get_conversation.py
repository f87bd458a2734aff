"""GET /v1/chat/conversations/{conversation_id}."""

from tests.api import Api
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    conversation,
    create,
    envelope,
    message,
    messages,
    send,
)
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


def test_a_conversation_comes_with_its_messages(api: Api) -> None:
    made = create(api, "Trip")
    user, answer = send(api, made, "Hello")

    got = api.get(conversation(made))

    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.json() == envelope(
        {
            "id": made,
            "title": "Trip",
            "user_id": AN_ID,
            "created_at": A_TIME,
            "updated_at": user["created_at"],
            "chatMessages": [user, answer],
        },
        "Conversation fetched successfully",
    )


def test_an_empty_one_has_no_messages(api: Api) -> None:
    got = api.get(conversation(create(api)))

    assert got.data["chatMessages"] == []
    assert got.data["created_at"] == A_TIME


def test_messages_are_in_the_order_they_were_said(api: Api, models: FakeModels) -> None:
    made = create(api)
    for number in range(40):  # more than one read brings
        send(api, made, f"{number}.")

    assert contents(api, made) == [t for n in range(40) for t in (f"{n}.", "An answer.")]


def test_a_conversation_of_many_megabytes_comes_whole(api: Api, models: FakeModels) -> None:
    made = create(api)
    for letter in "abcdefgh":
        send(api, made, letter * 900_000, role="system")

    got = api.stream(conversation(made), method="GET")

    texts = [each["content"] for each in got.data["chatMessages"]]
    assert texts == [letter * 900_000 for letter in "abcdefgh"]
    assert len(got.body) > 6 * 1024 * 1024
    assert len(got.writes) > 1


def test_a_deleted_message_is_not_in_it(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")

    api.delete(message(user["id"]))

    assert contents(api, made) == ["An answer."]


def test_messages_of_every_role_are_in_it(api: Api) -> None:
    made = create(api)
    for role in ("system", "assistant"):
        api.post(messages(made), json={"role": role, "content": role})

    assert contents(api, made) == ["system", "assistant"]


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.get(conversation(UNKNOWN_ID)), "Conversation")

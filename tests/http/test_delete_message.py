"""DELETE /v1/chat/messages/{message_id}."""

from tests.api import Api
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    envelope,
    message,
    send,
)
from tests.models import FakeModels


def test_a_message_is_deleted(api: Api) -> None:
    user, _ = send(api, create(api), "Hello")

    answer = api.delete(message(user["id"]))

    assert answer.status == 200
    assert answer.json() == envelope(None, "Message deleted successfully")
    assert_not_found(api.get(message(user["id"])), "Message")


def test_only_that_one_is(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "One")
    user, answer = send(api, made, "Two")
    send(api, made, "Three")

    api.delete(message(user["id"]))

    assert contents(api, made) == ["One", "An answer.", "An answer.", "Three", "An answer."]
    assert api.get(message(answer["id"])).data["parent_id"] == user["id"]


def test_the_model_does_not_read_it_any_more(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, _ = send(api, made, "My name is Ada")

    api.delete(message(user["id"]))
    send(api, made, "Who am I?")

    assert [each.text for each in models.requests[-1].messages] == ["An answer.", "Who am I?"]


def test_the_last_one_can_be_deleted_and_the_conversation_goes_on(
    api: Api, models: FakeModels
) -> None:
    made = create(api)
    _, answer = send(api, made, "One")

    api.delete(message(answer["id"]))
    send(api, made, "Two")

    assert contents(api, made) == ["One", "Two", "An answer."]


def test_all_of_them_can_be_deleted(api: Api, models: FakeModels) -> None:
    made = create(api)
    for each in send(api, made, "One"):
        api.delete(message(each["id"]))

    assert contents(api, made) == []


def test_what_is_deleted_cannot_be_deleted_again(api: Api) -> None:
    user, _ = send(api, create(api), "Hello")
    api.delete(message(user["id"]))

    assert_not_found(api.delete(message(user["id"])), "Message")


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.delete(message(UNKNOWN_ID)), "Message")

"""GET /v1/chat/conversations/{conversation_id}/messages."""

from tests.api import Api
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    create,
    envelope,
    message,
    messages,
    send,
)
from tests.models import FakeModels


def test_messages_are_listed_newest_first(api: Api) -> None:
    made = create(api)
    first, first_answer = send(api, made, "One")
    second, second_answer = send(api, made, "Two")

    answer = api.get(messages(made))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == envelope(
        [second_answer, second, first_answer, first], "Messages fetched successfully"
    )


def test_an_empty_conversation_has_none(api: Api) -> None:
    answer = api.get(messages(create(api)))

    assert answer.json() == envelope([], "Messages fetched successfully")


def test_all_of_a_long_conversation_are_listed(api: Api, models: FakeModels) -> None:
    made = create(api)
    for number in range(60):  # several reads of the table
        send(api, made, str(number), role="system")

    assert [each["content"] for each in api.get(messages(made)).data] == [
        str(number) for number in reversed(range(60))
    ]


def test_each_is_the_child_of_the_one_before(api: Api, models: FakeModels) -> None:
    made = create(api)
    for text in ("One", "Two", "Three"):
        send(api, made, text)

    listed = api.get(messages(made)).data

    assert [each["parent_id"] for each in listed] == [each["id"] for each in listed[1:]] + [None]


def test_deleted_ones_are_not_listed(api: Api, models: FakeModels) -> None:
    made = create(api)
    user, _ = send(api, made, "One")
    send(api, made, "Two")

    api.delete(message(user["id"]))

    listed = [each["content"] for each in api.get(messages(made)).data]
    assert listed == ["An answer.", "Two", "An answer."]


def test_large_ones_are_listed_whole(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "large " * 100_000)
    send(api, made, "small")

    listed = api.stream(messages(made), method="GET").data

    assert [len(each["content"]) for each in listed] == [10, 5, 10, 600_000]


def test_an_unknown_conversation_is_not_found(api: Api) -> None:
    assert_not_found(api.get(messages(UNKNOWN_ID)), "Conversation")

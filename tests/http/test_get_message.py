"""GET /v1/chat/messages/{message_id}."""

from tests.api import Api
from tests.conversations import UNKNOWN_ID, assert_not_found, create, envelope, message, send
from tests.shapes import A_TIME, AN_ID


def test_a_message_is_had_by_its_id_alone(api: Api) -> None:
    made = create(api)
    user, _ = send(api, made, "Hello")

    answer = api.get(message(user["id"]))

    assert answer.status == 200
    assert answer.json() == envelope(
        {
            "id": user["id"],
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
        "Message fetched successfully",
    )


def test_so_is_an_answer_with_what_it_took(api: Api) -> None:
    made = create(api)
    user, reply = send(api, made, "count to 3")

    answer = api.get(message(reply["id"])).data

    assert answer == {
        "id": AN_ID,
        "conversation_id": made,
        "parent_id": user["id"],
        "role": "assistant",
        "content": "1 2 3",
        "model": "openai/gpt-4o-mini",
        "state": "done",
        "finish_reason": "stop",
        "prompt_tokens": answer["total_tokens"] - 3,
        "completion_tokens": 3,
        "total_tokens": answer["total_tokens"],
        "version": 1,
        "versions": 1,
        "created_at": A_TIME,
        "updated_at": A_TIME,
    }


def test_a_large_one_comes_whole(api: Api) -> None:
    text = "0123456789" * 50_000
    user, _ = send(api, create(api), text)

    assert api.get(message(user["id"])).data["content"] == text


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.get(message(UNKNOWN_ID)), "Message")


def test_the_id_of_its_conversation_is_not_its_id(api: Api) -> None:
    made = create(api)
    send(api, made, "Hello")

    assert_not_found(api.get(message(made)), "Message")

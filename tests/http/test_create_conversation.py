"""POST /v1/chat/conversations."""

import pytest

from tests.api import Api
from tests.conversations import CONVERSATIONS, conversation, envelope
from tests.shapes import A_TIME, AN_ID


def test_a_new_conversation_comes_back_with_its_id(api: Api) -> None:
    answer = api.post(CONVERSATIONS, json={"title": "My New Chat"})

    assert answer.status == 201
    assert answer.json() == envelope(
        {
            "id": AN_ID,
            "title": "My New Chat",
            "user_id": AN_ID,
            "created_at": A_TIME,
            "updated_at": A_TIME,
        },
        "Conversation created successfully",
    )
    assert answer.data["created_at"] == answer.data["updated_at"]


def test_it_can_be_had_at_once(api: Api) -> None:
    made = api.post(CONVERSATIONS, json={"title": "Trip"}).data

    found = api.get(conversation(made["id"])).data

    assert found == made | {"chatMessages": []}


@pytest.mark.parametrize("body", [None, "null", "{}", '{"title": null}'])
def test_without_a_title_it_is_a_new_conversation(api: Api, body: str | None) -> None:
    headers = {"Content-Type": "application/json"} if body else {}

    answer = api.post(CONVERSATIONS, body=body, headers=headers)

    assert answer.status == 201
    assert answer.data["title"] == "New conversation"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Trip to Rome \n", "Trip to Rome"),
        ("x" * 255, "x" * 255),
        ("Grüße 🌍 \u2028 \"'\\", "Grüße 🌍 \u2028 \"'\\"),
        ("a\u0000b", "a\u0000b"),
    ],
)
def test_a_title_is_kept_without_the_white_space_around_it(api: Api, given: str, kept: str) -> None:
    made = api.post(CONVERSATIONS, json={"title": given}).data

    assert made["title"] == kept
    assert api.get(conversation(made["id"])).data["title"] == kept


def test_fields_that_nobody_knows_are_ignored(api: Api) -> None:
    answer = api.post(CONVERSATIONS, json={"title": "Trip", "is_pinned": True})

    assert answer.status == 201
    assert answer.data["title"] == "Trip"


def test_all_conversations_of_an_account_have_its_id(api: Api, stranger: Api) -> None:
    first, second = (api.post(CONVERSATIONS).data["user_id"] for _ in range(2))

    assert first == second
    assert first != stranger.post(CONVERSATIONS).data["user_id"]

"""GET /v1/chat/conversations."""

import pytest

from tests.api import Api
from tests.conversations import CONVERSATIONS, conversation, create, envelope, send
from tests.shapes import A_TIME, AN_ID


def titles(api: Api, query: str = "") -> list[str]:
    return [each["title"] for each in api.get(CONVERSATIONS + query).data]


def test_conversations_are_listed_with_a_count(api: Api) -> None:
    made = create(api, "Trip")

    answer = api.get(CONVERSATIONS)

    assert answer.status == 200
    assert answer.json() == envelope(
        [
            {
                "id": made,
                "title": "Trip",
                "user_id": AN_ID,
                "created_at": A_TIME,
                "updated_at": A_TIME,
            }
        ],
        "Conversations fetched successfully",
        meta={"total": 1, "page": 1, "limit": 10, "totalPages": 1},
    )


def test_a_listed_conversation_is_the_one_that_was_made(api: Api) -> None:
    made = api.post(CONVERSATIONS, json={"title": "Trip"}).data

    assert api.get(CONVERSATIONS).data == [made]


def test_an_account_without_conversations_has_an_empty_list(api: Api) -> None:
    answer = api.get(CONVERSATIONS).json()

    assert answer["data"] == []
    assert answer["meta"] == {"total": 0, "page": 1, "limit": 10, "totalPages": 0}


def test_the_latest_comes_first(api: Api) -> None:
    for title in ("one", "two", "three"):
        create(api, title)

    assert titles(api) == ["three", "two", "one"]


def test_a_message_brings_its_conversation_to_the_top(api: Api) -> None:
    older = create(api, "older")
    create(api, "newer")

    send(api, older, "Hello")

    assert titles(api) == ["older", "newer"]


def test_a_new_title_brings_its_conversation_to_the_top(api: Api) -> None:
    older = create(api, "older")
    create(api, "newer")

    api.patch(conversation(older), json={"title": "renamed"})

    assert titles(api) == ["renamed", "newer"]


def test_pages_follow_each_other(api: Api) -> None:
    for number in range(5):
        create(api, str(number))

    pages = [api.get(f"{CONVERSATIONS}?page={page}&limit=2").json() for page in (1, 2, 3)]

    assert [[each["title"] for each in page["data"]] for page in pages] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
    ]
    assert [page["meta"] for page in pages] == [
        {"total": 5, "page": page, "limit": 2, "totalPages": 3} for page in (1, 2, 3)
    ]


def test_a_page_has_ten_unless_it_is_told_otherwise(api: Api) -> None:
    for number in range(12):
        create(api, str(number))

    assert titles(api) == [str(number) for number in range(11, 1, -1)]
    assert titles(api, "?page=2") == ["1", "0"]
    assert len(titles(api, "?limit=100")) == 12


@pytest.mark.parametrize("page", [2, 1_000_000])
def test_a_page_behind_the_last_is_empty(api: Api, page: int) -> None:
    create(api)

    answer = api.get(f"{CONVERSATIONS}?page={page}")

    assert answer.status == 200
    assert answer.json()["data"] == []
    assert answer.json()["meta"] == {"total": 1, "page": page, "limit": 10, "totalPages": 1}


def test_those_of_others_are_not_listed(api: Api, stranger: Api) -> None:
    create(api, "mine")
    create(stranger, "theirs")

    assert titles(api) == ["mine"]


def test_deleted_ones_are_not_listed(api: Api) -> None:
    kept, deleted = create(api, "kept"), create(api, "deleted")

    api.delete(conversation(deleted))

    listed = api.get(CONVERSATIONS).json()
    assert [each["id"] for each in listed["data"]] == [kept]
    assert listed["meta"]["total"] == 1


def test_messages_are_not_in_the_list(api: Api) -> None:
    send(api, create(api), "Hello")

    assert list(api.get(CONVERSATIONS).data[0]) == [
        "id",
        "title",
        "user_id",
        "created_at",
        "updated_at",
    ]

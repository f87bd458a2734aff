"""GET /v1/chat/messages/{message_id}/versions."""

from tests.api import Api, everything_stored
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    create,
    envelope,
    message,
    regenerate,
    send,
    versions,
)
from tests.models import FakeModels
from tests.pause import Pause, under_way, until


def test_the_versions_of_an_answer_come_oldest_first(api: Api, models: FakeModels) -> None:
    for text in ("One", "Two", "Three"):
        models.enqueue([text])
    _, first = send(api, create(api), "Hello")
    for _ in range(2):
        api.stream(regenerate(first["id"]))

    answer = api.get(versions(first["id"]))

    assert answer.status == 200
    assert answer.json() == envelope(answer.data, "Versions fetched successfully")
    found = [(each["content"], each["version"], each["versions"]) for each in answer.data]
    assert found == [("One", 1, 3), ("Two", 2, 3), ("Three", 3, 3)]
    assert answer.data == [api.get(message(each["id"])).data for each in answer.data]
    assert api.stream(versions(first["id"]), method="GET").data == answer.data


def test_each_of_them_leads_to_all(api: Api) -> None:
    _, first = send(api, create(api), "Hello")
    *_, complete, _ = api.stream(regenerate(first["id"])).events()

    ids = [
        [each["id"] for each in api.get(versions(asked)).data]
        for asked in (first["id"], complete["data"]["id"])
    ]

    assert ids == [[first["id"], complete["data"]["id"]]] * 2


def test_an_only_answer_is_its_own_only_version(api: Api) -> None:
    _, reply = send(api, create(api), "Hello")

    assert api.get(versions(reply["id"])).data == [reply]


def test_of_a_users_message_its_edits_come(api: Api) -> None:
    user, _ = send(api, create(api), "Hello")
    said, *_ = api.stream(message(user["id"]), method="PATCH", json={"content": "Hi"}).events()

    found = api.get(versions(user["id"])).data

    assert [(each["content"], each["version"]) for each in found] == [("Hello", 1), ("Hi", 2)]
    assert found[1] == said["data"]


def test_one_that_is_being_made_is_among_them_with_its_text_so_far(
    api: Api, quick: FakeModels
) -> None:
    _, first = send(api, create(api), "Hello")
    before, pause = set(everything_stored()), Pause()
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: api.stream(regenerate(first["id"])), pause):
        until(lambda: any("CHUNK#" in key for key in set(everything_stored()) - before))
        found = api.get(versions(first["id"])).data

    assert [(each["content"], each["state"]) for each in found] == [
        ("An answer.", "done"),
        ("Hel", "in-progress"),
    ]


def test_a_deleted_one_is_not_among_them(api: Api) -> None:
    _, first = send(api, create(api), "Hello")
    *_, complete, _ = api.stream(regenerate(first["id"])).events()

    api.delete(message(first["id"]))

    found = api.get(versions(complete["data"]["id"])).data
    assert [(each["id"], each["version"]) for each in found] == [(complete["data"]["id"], 1)]
    assert_not_found(api.get(versions(first["id"])), "Message")


def test_large_ones_come_whole(api: Api, models: FakeModels) -> None:
    for letter in ("x", "y"):
        models.enqueue([letter * 300_000])
    _, first = send(api, create(api), "Hello")
    api.stream(regenerate(first["id"]))

    found = api.get(versions(first["id"])).data

    assert [each["content"] for each in found] == ["x" * 300_000, "y" * 300_000]


def test_an_unknown_message_is_not_found(api: Api) -> None:
    assert_not_found(api.get(versions(UNKNOWN_ID)), "Message")

"""POST /v1/chat/conversations/{conversation_id}/stop."""

import time

import pytest

from reprise.accounts import keys as api_keys
from reprise.store import generations
from tests.api import Api, everything_stored, new_key
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    envelope,
    message,
    messages,
    send,
    stop,
    stream,
)
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.store.scribe import Scribe

NOTHING = envelope({"generation_id": None, "stopped": False}, "No answer is being generated")


def test_the_answer_that_is_being_made_ends_with_its_text_so_far(
    api: Api, quick: FakeModels
) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", "lo", pause, " never said"])

    with under_way(lambda: api.stream(stream(made), json={"content": "Hello"}), pause) as answering:
        answer = api.post(stop(made))
        *_, complete, _ = answering.result().events()

    assert answer.status == 200
    assert answer.json() == envelope(
        {"generation_id": complete["data"]["id"], "stopped": True}, "Generation is being stopped"
    )
    assert complete["type"] == "ai_complete"
    assert complete["data"]["content"] == "Hello"
    assert complete["data"]["state"] == complete["data"]["finish_reason"] == "stopped"
    assert api.get(message(complete["data"]["id"])).data == complete["data"]
    assert quick.open == 0  # the model was told, too


def test_so_does_one_that_somebody_waits_for_in_one_piece(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hello", pause, " never said"])

    with under_way(lambda: api.post(messages(made), json={"content": "Hi"}), pause) as answering:
        assert api.post(stop(made)).data["stopped"] is True
        _, reply = answering.result().data

    assert (reply["content"], reply["state"]) == ("Hello", "stopped")


def test_one_that_has_said_nothing_yet_leaves_the_message_alone(
    api: Api, quick: FakeModels
) -> None:
    made, pause = create(api), Pause()
    quick.enqueue([pause, "never said"])

    with under_way(lambda: api.post(messages(made), json={"content": "Hi"}), pause) as answering:
        assert api.post(stop(made)).data["stopped"] is True
        stored = answering.result().data

    assert [each["content"] for each in stored] == ["Hi"]
    assert contents(api, made) == ["Hi"]


def test_its_stream_ends_with_that_and_not_as_if_the_model_had_failed(
    api: Api, quick: FakeModels
) -> None:
    made, pause = create(api), Pause()
    quick.enqueue([pause, "never said"])

    with under_way(lambda: api.stream(stream(made), json={"content": "Hi"}), pause) as answering:
        api.post(stop(made))
        _, complete, done = answering.result().events()

    assert complete["type"] == "ai_complete"
    assert (complete["data"]["content"], complete["data"]["state"]) == ("", "stopped")
    assert done == "[DONE]"
    assert contents(api, made) == ["Hi"]


def test_twice_is_once(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hello", pause])

    with under_way(lambda: api.post(messages(made), json={"content": "Hi"}), pause) as answering:
        first, second = api.post(stop(made)), api.post(stop(made))
        answering.result()

    assert first.data["stopped"] is True
    # the answer may have ended by then
    assert second.data in (first.data, NOTHING["data"])
    assert api.post(stop(made)).json() == NOTHING


def test_the_conversation_goes_on_from_what_was_said(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hello", pause])
    with under_way(lambda: api.post(messages(made), json={"content": "Hi"}), pause) as answering:
        api.post(stop(made))
        answering.result()

    send(api, made, "And now?")

    assert contents(api, made) == ["Hi", "Hello", "And now?", "An answer."]


@pytest.mark.parametrize("said", [0, 1])
def test_where_nothing_is_being_made_it_says_so_and_changes_nothing(api: Api, said: int) -> None:
    made = create(api)
    for _ in range(said):
        send(api, made, "Hello")
    before = everything_stored()

    answer = api.post(stop(made))

    assert answer.status == 200
    assert answer.json() == NOTHING
    assert everything_stored() == before


@pytest.mark.parametrize("body", [None, "{}", "null", "no JSON"])
def test_a_body_is_not_read(api: Api, body: str | None) -> None:
    headers = {"Content-Type": "application/json"}

    assert api.post(stop(create(api)), body=body, headers=headers).status == 200


def test_an_answer_that_nobody_writes_any_more_is_repaired(aws: None) -> None:
    _, secret = new_key()
    api, scribe = Api(secret), Scribe(now_ms=int((time.time() - 60) * 1000))
    owner = api_keys.authenticate(secret, time.time())[0].owner
    made = scribe.stored(owner=owner)
    turn = scribe.send(made)
    generations.begin(turn, time.time() - 30)

    answer = api.post(stop(made.id))

    assert answer.json() == NOTHING
    assert [each["state"] for each in api.get(messages(made.id)).data] == ["done"]
    assert not any("META#LEASE" in key for key in everything_stored())


def test_an_unknown_conversation_is_not_found(api: Api) -> None:
    assert_not_found(api.post(stop(UNKNOWN_ID)), "Conversation")

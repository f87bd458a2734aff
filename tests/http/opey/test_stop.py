"""POST /stream/{thread_id}/stop."""

import asyncio
from typing import Any

import pytest

from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from tests.api import DONE, Api, everything_stored
from tests.conversations import conversation
from tests.models import FakeModels
from tests.opey import (
    NO_COOKIE,
    UNKNOWN_ID,
    Visitor,
    regenerate,
    say,
    stop,
    texts,
    turn,
    types,
)


def requested(thread: str) -> dict[str, str]:
    return {
        "status": "cancellation_requested",
        "thread_id": thread,
        "message": "Stream cancellation requested. The stream will stop at the next checkpoint.",
    }


def stopping(visitor: Visitor, thread: str, answers: list[Any]) -> Any:
    """A step of a model: somebody asks for the end, and nothing more comes."""

    async def step() -> None:
        await asyncio.to_thread(lambda: answers.append(visitor.post(stop(thread))))
        await asyncio.Event().wait()

    return step


@pytest.fixture
def quick(models: FakeModels) -> FakeModels:
    """Models whose answers are looked after every moment."""
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01)))
    return models


def test_a_stopped_stream_just_ends(visitor: Visitor, quick: FakeModels) -> None:
    """Without the whole and without `[DONE]`, as the original's does."""
    answers: list[Any] = []
    quick.enqueue(["Hel", stopping(visitor, "trip", answers)])

    answer = say(visitor, "Hello", "trip")

    (asked,) = answers
    assert (asked.status, asked.json()) == (200, requested("trip"))
    assert types(answer) == [
        *("thread_sync", "user_message_confirmed", "assistant_start", "assistant_token")
    ]
    assert DONE not in answer.text


def test_what_there_was_stays(visitor: Visitor, quick: FakeModels) -> None:
    quick.enqueue(["Hel", stopping(visitor, "trip", [])])
    say(visitor, "Hello", "trip")

    assert texts(visitor, "trip") == ["Hello", "Hel"]


def test_the_next_stream_is_not_stopped(visitor: Visitor, quick: FakeModels) -> None:
    quick.enqueue(["Hel", stopping(visitor, "trip", [])])
    say(visitor, "Hello", "trip")

    answer = say(visitor, "Again", "trip")

    assert types(answer)[-2:] == ["assistant_complete", DONE]


def test_a_regenerated_one_may_be_stopped_too(visitor: Visitor, quick: FakeModels) -> None:
    _, question, _ = turn(visitor, "Hello", "trip")
    quick.enqueue(["New", stopping(visitor, "trip", [])])

    answer = visitor.post(regenerate("trip", question))

    assert types(answer) == ["thread_sync", "assistant_start", "assistant_token"]
    assert texts(visitor, "trip") == ["Hello", "New"]


def test_by_the_conversations_id_and_on_another_surface_it_is_stopped_too(
    visitor: Visitor, quick: FakeModels
) -> None:
    api = Api(visitor.key)
    made = api.post("/v1/chat/conversations").data["id"]
    quick.enqueue(["Hel", stopping(visitor, made, [])])

    api.post(f"/v1/chat/conversations/{made}/messages", json={"content": "Hello"})

    *_, answer = api.get(conversation(made)).data["chatMessages"]
    assert (answer["content"], answer["state"]) == ("Hel", "stopped")


def test_where_nothing_runs_the_same_is_said(visitor: Visitor) -> None:
    turn(visitor, "Hello", "trip")
    before = everything_stored()

    for thread in ("trip", "trip", "unknown", UNKNOWN_ID, "12", "a/b", "…"):
        answer = visitor.post(stop(thread))
        assert (answer.status, answer.json()) == (200, requested(thread))
    assert everything_stored() == before


def test_a_body_is_not_read(visitor: Visitor) -> None:
    for body in ("", "{", "null"):
        sent = visitor.post(stop("x"), body=body, headers={"Content-Type": "application/json"})
        assert sent.status == 200


def test_others_cannot_stop_it(visitor: Visitor, other: Visitor, quick: FakeModels) -> None:
    answers: list[Any] = []

    async def asked_by_others() -> None:
        answers.append(await asyncio.to_thread(other.post, stop("trip")))
        await asyncio.sleep(0.1)

    quick.enqueue(["Hel", asked_by_others, "lo"])

    answer = say(visitor, "Hello", "trip")

    assert answers[0].status == 200
    assert types(answer)[-1] == DONE
    assert texts(visitor, "trip") == ["Hello", "Hello"]


def test_it_needs_a_session(aws: None) -> None:
    answer = Api.anonymous().post(stop("trip"))

    assert (answer.status, answer.json()) == (403, NO_COOKIE)

"""POST /v1/chat/switch-model."""

import pytest

from reprise.engine.engine import Engine
from reprise.llm.catalogue import Model
from reprise.web import engine as web_engine
from tests.api import Api, everything_stored
from tests.conversations import create
from tests.models import FAKE, FakeModels
from tests.sessions import (
    HISTORY,
    NOT_FOUND,
    SWITCH,
    UNKNOWN,
    begin,
    history,
    listed,
    refusal,
    said,
    stream,
)

LONG = "x" * 250_000  # bytes: it lies in the bucket


@pytest.fixture(autouse=True)
def two(models: FakeModels) -> FakeModels:
    both = FakeModels(FAKE, Model("other", "vendor/other", "demo", 16_000, 1))
    web_engine.use(Engine(both))
    return both


def test_it_answers_with_the_session_and_all_its_messages(api: Api, two: FakeModels) -> None:
    two.enqueue([LONG])
    made = begin(api, "Tell me a story")

    answer = api.stream(SWITCH, json={"session_id": made, "model": "other"})

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "session_id": made,
        "model": "other",
        "messages": said("Tell me a story", LONG),
        "title": "Tell me a story",
    }
    assert list(answer.json()) == ["session_id", "model", "messages", "title"]


def test_the_session_has_the_model_from_then_on(api: Api) -> None:
    first, second = begin(api), begin(api)
    before = history(api)["sessions"][1]

    api.post(SWITCH, json={"session_id": first, "model": "other"})

    changed = history(api)["sessions"][0]
    assert listed(api) == [first, second]  # the latest activity is the switch
    assert changed == {**before, "model": "other", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > before["updated_at"]
    assert (listed(api, model="other"), listed(api, model="fake")) == ([first], [second])


def test_the_history_is_what_the_new_model_reads(api: Api, two: FakeModels) -> None:
    made = begin(api, "One")
    api.post(SWITCH, json={"session_id": made, "model": "other"})

    stream(api, "One", "An answer.", "Two", session_id=made)

    request = two.requests[-1]
    assert request.model == "vendor/other"
    assert [each.text for each in request.messages] == ["One", "An answer.", "Two"]


def test_a_conversation_of_another_surface_can_be_switched(api: Api) -> None:
    create(api)
    (found,) = history(api)["sessions"]
    assert (found["model"], found["messages"]) == (None, [])  # nobody has asked a model yet

    answer = api.post(SWITCH, json={"session_id": found["id"], "model": "alias-of-fake"})

    assert answer.json() == {
        "session_id": found["id"],
        "model": "alias-of-fake",
        "messages": [],
        "title": "Trip",
    }


def test_a_model_that_is_none_is_refused(api: Api) -> None:
    made = begin(api)
    before = everything_stored()

    answer = api.post(SWITCH, json={"session_id": made, "model": "nothing"})

    assert (answer.status, answer.json()) == (400, refusal("model: is not a known model"))
    assert everything_stored() == before


@pytest.mark.parametrize("session_id", [UNKNOWN, 0, -1, 2**53, 10**30])
def test_an_unknown_session_is_not_found(api: Api, session_id: int) -> None:
    answer = api.post(SWITCH, json={"session_id": session_id, "model": "fake"})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_a_session_of_another_or_deleted_is_not_found(api: Api, stranger: Api) -> None:
    made = begin(api)
    asked = {"session_id": made, "model": "other"}

    assert stranger.post(SWITCH, json=asked).json() == NOT_FOUND
    api.delete(f"/v1/chat/sessions/{made}")
    answer = api.post(SWITCH, json=asked)

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert api.get(HISTORY).json()["total"] == 0

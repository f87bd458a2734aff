"""DELETE /v1/chat/sessions/{session_id}."""

import pytest

from tests.api import Api
from tests.conversations import CONVERSATIONS
from tests.models import FakeModels
from tests.sessions import (
    NOT_FOUND,
    STREAM,
    UNKNOWN,
    begin,
    body,
    history,
    listed,
    refusal,
    session,
    session_of,
)

pytestmark = pytest.mark.usefixtures("models")


def test_it_is_gone_at_once_everywhere(api: Api) -> None:
    made, other = begin(api), begin(api)

    answer = api.delete(session(made))

    assert (answer.status, answer.json()) == (200, {"message": "Session deleted successfully"})
    assert listed(api) == [other]
    assert len(api.get(CONVERSATIONS).data) == 1
    again = api.delete(session(made))
    assert (again.status, again.json()) == (404, NOT_FOUND)
    sent = api.post(STREAM, json=body("Hi", session_id=made))
    assert (sent.status, sent.json()) == (404, NOT_FOUND)


def test_so_is_what_was_answered_under_a_key(api: Api) -> None:
    sent = {"json": body("Hi"), "headers": {"Idempotency-Key": "k"}}
    api.delete(session(session_of(api.stream(STREAM, **sent))))

    again = api.stream(STREAM, **sent)

    assert (again.status, again.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "named", [UNKNOWN, 0, -1, 2**53, "9" * 500, "1.0", "x", "%C2%B2", "1e3", "%20"]
)
def test_what_is_no_session_is_not_found(api: Api, named: int | str) -> None:
    answer = api.delete(session(named))

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_what_is_no_path_of_the_api_is_not_found(api: Api) -> None:
    answer = api.delete(session("1%2F2"))

    assert (answer.status, answer.json()) == (404, refusal("Not found"))


def test_a_session_of_another_is_not_found(api: Api, stranger: Api) -> None:
    made = begin(api)

    answer = stranger.delete(session(made))

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert history(api)["total"] == 1


def test_the_conversations_own_id_is_none_here(api: Api, models: FakeModels) -> None:
    begin(api)

    answer = api.delete(session(api.get(CONVERSATIONS).data[0]["id"]))

    assert answer.status == 404

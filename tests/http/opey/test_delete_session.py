"""POST /delete-session."""

from tests.api import Api, everything_stored
from tests.opey import (
    NO_COOKIE,
    UNKNOWN_SESSION,
    Visitor,
    morsel_of,
    texts,
    turn,
)

DELETE = "/delete-session"


def test_the_session_ends_and_its_cookie_is_taken_away(visitor: Visitor) -> None:
    answer = visitor.post(DELETE)

    assert (answer.status, answer.text) == (200, "session deleted")
    assert answer.headers["content-type"].startswith("text/plain")
    morsel = morsel_of(answer)
    assert (morsel.value, morsel["max-age"], morsel["path"]) == ("", "0", "/")
    assert morsel["httponly"] is True
    assert "SESSION#" not in str(everything_stored())


def test_it_is_of_no_use_from_then_on(visitor: Visitor) -> None:
    visitor.post(DELETE)

    for answer in (
        visitor.get("/usage"),
        visitor.post("/stream", json={"message": "Hello"}),
        visitor.post(DELETE),
    ):
        assert (answer.status, answer.json()) == (403, UNKNOWN_SESSION)


def test_the_accounts_threads_and_other_sessions_stay(visitor: Visitor) -> None:
    other = Visitor(key=visitor.key)
    thread, *_ = turn(visitor, "Hello")

    visitor.post(DELETE)

    assert texts(other, thread)[0] == "Hello"


def test_without_a_session_there_is_nothing_to_delete(aws: None) -> None:
    answer = Api.anonymous().post(DELETE)

    assert (answer.status, answer.json()) == (403, NO_COOKIE)

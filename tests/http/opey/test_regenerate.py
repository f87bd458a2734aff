"""POST /stream/{thread_id}/regenerate."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.ids import number_of
from reprise.chat.messages import ToolCall
from reprise.llm.protocol import Finished
from tests import chatbase
from tests.api import DONE, Api, everything_stored
from tests.conversations import conversation, create, message, send
from tests.models import FakeModels
from tests.opey import (
    NO_COOKIE,
    NO_THREAD,
    NOTHING_AFTER,
    TAMPERED,
    UNKNOWN_ID,
    UNKNOWN_SESSION,
    Visitor,
    no_message,
    of_type,
    regenerate,
    say,
    texts,
    turn,
    types,
    untimed,
)
from tests.shapes import AN_ID

Post = Callable[..., Any]
THREAD = "my-thread-123"


@pytest.fixture(params=["handler", "streaming runtime"])
def post(visitor: Visitor, request: pytest.FixtureRequest) -> Post:
    return visitor.post if request.param == "handler" else visitor.stream


def two_turns(visitor: Visitor, models: FakeModels) -> tuple[str, str, str, str]:
    """The ids of: Hello, Hi there!, What is OBP?, OBP is…"""
    models.enqueue(["Hi there!"])
    _, hello, hi = turn(visitor, "Hello", THREAD)
    models.enqueue(["OBP is…"])
    _, question, reply = turn(visitor, "What is OBP?", THREAD)
    return hello, hi, question, reply


def test_everything_after_the_message_is_generated_again(
    visitor: Visitor, models: FakeModels, post: Post
) -> None:
    _, _, question, old = two_turns(visitor, models)
    models.enqueue(["It", " is…"])

    answer = post(regenerate(THREAD, question))

    sync, start, *_, complete, done = untimed(answer)
    assert answer.status == 200
    assert types(answer) == [
        *("thread_sync", "assistant_start", "assistant_token", "assistant_token"),
        *("assistant_complete", DONE),
    ]
    assert sync == {"type": "thread_sync", "thread_id": THREAD}
    assert start["message_id"] == AN_ID
    assert start["message_id"] not in (question, old)
    assert complete["content"] == "It is…"
    assert done == DONE
    assert texts(visitor, THREAD) == ["Hello", "Hi there!", "What is OBP?", "It is…"]
    assert [each.text for each in models.requests[-1].messages] == [
        "Hello",
        "Hi there!",
        "What is OBP?",
    ]


def test_its_headers_say_what_it_is(visitor: Visitor, models: FakeModels, post: Post) -> None:
    _, _, question, _ = two_turns(visitor, models)

    answer = post(regenerate(THREAD, question))

    assert answer.headers["x-thread-id"] == THREAD
    assert answer.headers["x-regenerated"] == "true"
    assert answer.headers["x-regenerated-from"] == question
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


def test_a_body_is_not_read(visitor: Visitor, models: FakeModels) -> None:
    _, _, question, _ = two_turns(visitor, models)

    for body in (None, "", "{", "[]"):
        json_type = {"Content-Type": "application/json"}
        path = regenerate(THREAD, question)
        assert visitor.post(path, body=body, headers=json_type).status == 200


@pytest.mark.parametrize(
    ("target", "left"),
    [(0, ["Hello"]), (1, ["Hello", "Hi there!"]), (2, ["Hello", "Hi there!", "What is OBP?"])],
)
def test_any_message_may_be_the_one_that_is_kept(
    visitor: Visitor, models: FakeModels, target: int, left: list[str]
) -> None:
    ids = two_turns(visitor, models)
    models.enqueue(["New"])

    assert visitor.post(regenerate(THREAD, ids[target])).status == 200

    assert texts(visitor, THREAD) == [*left, "New"]
    assert [each.text for each in models.requests[-1].messages] == left


def test_as_often_as_one_likes_and_nothing_is_lost(visitor: Visitor, models: FakeModels) -> None:
    thread, question, first = turn(visitor, "Hello")
    for text in ("Two", "Three"):
        models.enqueue([text])
        visitor.post(regenerate(thread, question))

    (message,) = [
        each
        for each in Api(visitor.key).get(conversation(thread)).data["chatMessages"]
        if each["role"] == "assistant"
    ]
    assert (message["content"], message["version"], message["versions"]) == ("Three", 3, 3)
    assert Api(visitor.key).get(f"/v1/chat/messages/{first}").data["content"] == "An answer."


def test_a_failed_one_gives_back_what_was_there(visitor: Visitor, models: FakeModels) -> None:
    _, _, question, _ = two_turns(visitor, models)
    before = texts(visitor, THREAD)
    models.enqueue([UpstreamFailed("gone")])

    answer = visitor.post(regenerate(THREAD, question))

    assert types(answer) == ["thread_sync", "error", DONE]
    assert texts(visitor, THREAD) == before


def test_a_conversation_of_another_surface_is_regenerated_by_any_of_its_ids(
    visitor: Visitor, models: FakeModels
) -> None:
    api = Api(visitor.key)
    made = create(api)
    user, _ = send(api, made, "Hello")

    for thread in (made, str(number_of(made))):
        models.enqueue([f"By {thread}"])
        assert visitor.post(regenerate(thread, user["id"])).status == 200
        assert texts(visitor, made) == ["Hello", f"By {thread}"]


def test_a_reply_that_used_a_tool_is_named_by_any_of_its_pieces(
    visitor: Visitor, models: FakeModels
) -> None:
    """They are one message, which stays as a whole."""
    api = Api(visitor.key)
    agent = chatbase.put_agent(api, tools=(chatbase.CLOCK,), default=True)
    models.enqueue(["Wait.", ToolCall("c1", "clock", {}), Finished("tool-calls")])
    made, _, reply = chatbase.begin(api, agent, "Late?")
    result = {"toolCallId": "c1", "output": "noon"}
    assert api.post(chatbase.tool_result(agent, made), json=result).status == 200
    say(visitor, "And now?", made)
    pieces = [each["id"] for each in visitor.get(f"/threads/{made}/messages").json()["messages"]]
    assert pieces[1:3] == [reply, f"{reply}.1"]

    answer = visitor.post(regenerate(made, f"{reply}.1"))

    assert answer.status == 200
    assert answer.headers["x-regenerated-from"] == f"{reply}.1"
    assert texts(visitor, made) == ["Late?", "Wait.", "noon", "An answer."]


# --- The checks, in their order -------------------------------------------------------------------


def test_first_there_has_to_be_a_message_id(visitor: Visitor) -> None:
    answer = visitor.post(f"/stream/{THREAD}/regenerate")

    assert answer.status == 422
    (problem,) = answer.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("missing", ["query", "message_id"])
    assert problem["msg"] == "Field required"


@pytest.mark.parametrize("thread", ["unknown", UNKNOWN_ID, "123", "%00", "…"])
def test_then_there_has_to_be_such_a_thread(visitor: Visitor, thread: str) -> None:
    answer = visitor.post(regenerate(thread, UNKNOWN_ID))

    assert (answer.status, answer.json()) == (404, NO_THREAD)


def test_then_a_message_in_it(visitor: Visitor) -> None:
    made = create(Api(visitor.key))

    answer = visitor.post(regenerate(made, UNKNOWN_ID))

    assert answer.status == 400
    assert answer.json() == {"detail": "No messages found in conversation"}


def test_one_whose_messages_are_all_deleted_has_none(visitor: Visitor) -> None:
    _, *both = turn(visitor, "Hello", THREAD)
    for deleted in both:
        assert Api(visitor.key).delete(message(deleted)).status == 200

    answer = visitor.post(regenerate(THREAD, both[0]))

    assert answer.status == 400
    assert answer.json() == {"detail": "No messages found in conversation"}


@pytest.mark.parametrize("target", [UNKNOWN_ID, "msg-3", "", "…", f"{UNKNOWN_ID}.1", "x" * 999])
def test_then_that_message(visitor: Visitor, target: str) -> None:
    turn(visitor, "Hello", THREAD)

    answer = visitor.post(regenerate(THREAD, target))

    assert (answer.status, answer.json()) == (404, no_message(target))


def test_it_has_to_be_in_the_same_thread(visitor: Visitor) -> None:
    _, elsewhere, _ = turn(visitor, "Hello", "another")
    turn(visitor, "Hello", THREAD)

    answer = visitor.post(regenerate(THREAD, elsewhere))

    assert (answer.status, answer.json()) == (404, no_message(elsewhere))


def test_it_has_to_be_shown(visitor: Visitor, models: FakeModels) -> None:
    """What was regenerated is not in the thread any more, but another version."""
    _, _, question, old = two_turns(visitor, models)
    visitor.post(regenerate(THREAD, question))

    answer = visitor.post(regenerate(THREAD, old))

    assert (answer.status, answer.json()) == (404, no_message(old))


def test_and_then_something_after_it(visitor: Visitor) -> None:
    _, _, last = turn(visitor, "Hello", THREAD)

    answer = visitor.post(regenerate(THREAD, last))

    assert (answer.status, answer.json()) == (400, NOTHING_AFTER)


def test_a_message_whose_answer_failed_empty_is_the_last_one(
    visitor: Visitor, models: FakeModels
) -> None:
    models.enqueue([UpstreamFailed("gone")])
    (confirmed,) = of_type(say(visitor, "Hello", THREAD).events(), "user_message_confirmed")

    answer = visitor.post(regenerate(THREAD, confirmed["message_id"]))

    assert (answer.status, answer.json()) == (400, NOTHING_AFTER)


def test_someone_elses_thread_is_not_there(visitor: Visitor, other: Visitor) -> None:
    thread, question, _ = turn(other, "Hello")
    before = {key for key in everything_stored() if "RATE#" not in key}

    answer = visitor.post(regenerate(thread, question))

    assert (answer.status, answer.json()) == (404, NO_THREAD)
    assert {key for key in everything_stored() if "RATE#" not in key} == before


@pytest.mark.parametrize(
    ("cookie", "status", "body"),
    [
        (None, 403, NO_COOKIE),
        ("session=tampered", 401, TAMPERED),
        (f"session={'A' * 43}", 403, UNKNOWN_SESSION),
    ],
)
def test_before_all_of_that_there_has_to_be_a_session(
    aws: None, cookie: str | None, status: int, body: dict[str, str]
) -> None:
    client = Api(headers={"Cookie": cookie} if cookie else {})

    answer = client.post(f"/stream/{THREAD}/regenerate")

    assert (answer.status, answer.json()) == (status, body)


def test_while_an_answer_is_made_none_is_made_again(visitor: Visitor, models: FakeModels) -> None:
    _, question, _ = turn(visitor, "Hello", THREAD)
    refused: list[Any] = []

    def meanwhile() -> Any:
        return asyncio.to_thread(lambda: refused.append(visitor.post(regenerate(THREAD, question))))

    models.enqueue(["One", meanwhile])
    answer = visitor.post(regenerate(THREAD, question))

    (busy,) = refused
    (start,) = of_type(answer.events(), "assistant_start")
    assert busy.status == 409
    assert busy.json()["error_code"] == "generation_in_progress"
    assert busy.json()["generation_id"] == start["message_id"]


# --- Limits ---------------------------------------------------------------------------------------


def test_it_is_counted_by_itself(limited: Visitor) -> None:
    thread, question, _ = turn(limited, "Hello")

    answer = limited.post(regenerate(thread, question))

    assert answer.headers["x-ratelimit-limit"] == "10"
    assert answer.headers["x-ratelimit-remaining"] == "9"


def test_more_than_ten_in_a_minute_are_refused(limited: Visitor) -> None:
    for _ in range(20):  # a minute may begin amid them
        answer = limited.post(regenerate("unknown", UNKNOWN_ID))
        if answer.status != 404:
            break

    assert answer.status == 429
    assert answer.json()["error_code"] == "rate_limit_exceeded"
    assert answer.json()["error"] == "Rate limit exceeded: 10 per 1 minute"
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_retry_is_the_same_answer(visitor: Visitor, models: FakeModels) -> None:
    thread, question, _ = turn(visitor, "Hello")
    key = {"Idempotency-Key": "k1"}

    first, second = (visitor.post(regenerate(thread, question), headers=key) for _ in range(2))

    assert second.text == first.text
    assert second.headers["x-regenerated-from"] == question
    assert len(models.requests) == 2

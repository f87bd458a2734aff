"""POST /stream."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from reprise.accounts import accounts, agents, keys
from reprise.chat.agents import Agent, AgentTool
from reprise.chat.errors import UpstreamFailed
from reprise.chat.ids import Mint, number_of
from reprise.chat.messages import ToolCall, Usage
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.web import engine as web_engine
from tests.api import DONE, Api, everything_stored
from tests.conversations import conversation
from tests.models import ANSWER, USAGE, FakeModels
from tests.opey import (
    BROKEN,
    NO_COOKIE,
    NO_THREAD,
    ORIGIN,
    TAMPERED,
    UNKNOWN_ID,
    UNKNOWN_SESSION,
    Visitor,
    of_type,
    say,
    texts,
    turn,
    types,
    untimed,
)
from tests.shapes import AN_ID

STREAM = "/stream"
HELLO = {"message": "Hello"}
WHOLE = [
    "thread_sync",
    "user_message_confirmed",
    "assistant_start",
    "assistant_token",
    "assistant_token",
    "assistant_token",
    "assistant_complete",
    DONE,
]
FAILED = {
    "type": "error",
    "error_message": "The answer could not be completed.",
    "for_message_id": AN_ID,
    "error_code": "stream_error",
    "details": None,
}

Post = Callable[..., Any]


@pytest.fixture(params=["handler", "streaming runtime"])
def post(visitor: Visitor, request: pytest.FixtureRequest) -> Post:
    """Both ways to the function: buffered by Mangum, as under `sam local`, and streamed."""
    return visitor.post if request.param == "handler" else visitor.stream


def test_an_answer_is_told_as_the_original_tells_it(models: FakeModels, post: Post) -> None:
    sent = {"message": "What is OBP?", "thread_id": "my-thread-123", "correlation_id": "c1"}

    answer = post(STREAM, json=sent)

    sync, confirmed, start, *tokens, complete, done = untimed(answer)
    run = start["run_id"]
    assert answer.status == 200
    assert sync == {"type": "thread_sync", "thread_id": "my-thread-123"}
    assert confirmed == {
        "type": "user_message_confirmed",
        "message_id": AN_ID,
        "correlation_id": "c1",
        "content": "What is OBP?",
    }
    assert start == {"type": "assistant_start", "message_id": run, "run_id": AN_ID}
    assert tokens == [
        {"type": "assistant_token", "message_id": run, "content": text} for text in ANSWER
    ]
    assert complete == {
        "type": "assistant_complete",
        "message_id": run,
        "run_id": run,
        "content": "".join(ANSWER),
        "tool_calls": [],
        "usage": {
            "input_tokens": USAGE.input,
            "output_tokens": USAGE.output,
            "total_tokens": USAGE.total,
        },
    }
    assert done == DONE
    assert answer.headers["x-thread-id"] == "my-thread-123"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"


def test_fields_stand_in_the_originals_order(visitor: Visitor, models: FakeModels) -> None:
    sync, confirmed, start, token, *_, complete, _ = say(visitor, "Hello").events()

    assert list(sync) == ["timestamp", "type", "thread_id"]
    assert list(confirmed) == ["timestamp", "type", "message_id", "correlation_id", "content"]
    assert list(start) == ["timestamp", "type", "message_id", "run_id"]
    assert list(token) == ["timestamp", "type", "message_id", "content"]
    assert list(complete) == [
        *("timestamp", "type", "message_id", "run_id", "content", "tool_calls", "usage")
    ]


def test_times_are_in_seconds_and_of_each_event(visitor: Visitor) -> None:
    before = time.time()

    times = [each["timestamp"] for each in say(visitor, "Hello").events() if each != DONE]

    assert times == sorted(times)
    assert before - 1 < times[0] <= times[-1] < time.time() + 1


def test_without_an_own_id_the_message_has_its_own(visitor: Visitor) -> None:
    (confirmed,) = of_type(say(visitor, "Hello").events(), "user_message_confirmed")

    assert confirmed["correlation_id"] == confirmed["message_id"]


def test_a_write_has_whole_events(visitor: Visitor) -> None:
    """Some clients take each piece that they read for whole lines."""
    answer = visitor.stream(STREAM, json={"message": "count to 100"})

    begun, first, *rest = answer.writes
    assert len(of_type(answer.events(), "assistant_token")) == 100
    assert (begun.count(b"\n\n"), first.count(b"\n\n")) == (2, 2)  # what happens at once
    assert len(rest) == 99 + 2
    assert all(write.startswith(b"data: ") and write.endswith(b"\n\n") for write in answer.writes)
    assert all(write.count(b"\n") == 2 for write in rest)
    compact = json.dumps(json.loads(rest[0][6:]), separators=(",", ":"))
    assert rest[0] == f"data: {compact}\n\n".encode()


def test_newlines_and_the_end_in_a_token_are_only_text(
    visitor: Visitor, models: FakeModels
) -> None:
    models.enqueue(["a\nb", "[DONE]", "\n\ndata: x"])

    events = say(visitor, "Hello").events()

    tokens = [each["content"] for each in of_type(events, "assistant_token")]
    assert tokens == ["a\nb", "[DONE]", "\n\ndata: x"]


def test_an_event_is_one_line_to_python_too(visitor: Visitor, models: FakeModels) -> None:
    """The clients that read with httpx split lines as `str.splitlines` does."""
    models.enqueue(["a\x85b", "\u2028", "\u2029\x1c\x0b"])

    answer = say(visitor, "One\u2028two")

    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    (confirmed,), (whole,) = (
        of_type(told, kind) for kind in ("user_message_confirmed", "assistant_complete")
    )
    assert confirmed["content"] == "One\u2028two"
    assert whole["content"] == "a\x85b\u2028\u2029\x1c\x0b"
    assert [*told, DONE] == answer.events()


def test_without_tokens_only_the_whole_is_told(models: FakeModels, post: Post) -> None:
    answer = post(STREAM, json={**HELLO, "stream_tokens": False})

    assert types(answer) == [
        "thread_sync",
        "user_message_confirmed",
        "assistant_complete",
        DONE,
    ]
    (complete,) = of_type(answer.events(), "assistant_complete")
    assert complete["content"] == "".join(ANSWER)


def test_what_front_ends_send_beside_is_ignored(visitor: Visitor, models: FakeModels) -> None:
    answer = say(
        visitor,
        "Hello",
        is_tool_call_approval=False,
        tool_call_approval=False,
        client_tools=[{"name": "x"}],
        current_bank_id=None,
    )

    assert types(answer) == WHOLE


def test_an_answer_may_be_empty(visitor: Visitor, models: FakeModels) -> None:
    """It has no first token, so it has no start."""
    models.enqueue([Finished("stop", USAGE)])

    answer = say(visitor, "Hello")

    assert types(answer) == WHOLE[:2] + WHOLE[-2:]
    assert of_type(answer.events(), "assistant_complete")[0]["content"] == ""


# --- Threads --------------------------------------------------------------------------------------


def test_a_thread_goes_on_under_the_name_that_its_client_chose(
    visitor: Visitor, models: FakeModels
) -> None:
    for message in ("One", "Two"):
        say(visitor, message, "trip")

    assert texts(visitor, "trip") == ["One", "An answer.", "Two", "An answer."]
    assert [each.text for each in models.requests[-1].messages] == ["One", "An answer.", "Two"]


@pytest.mark.parametrize("sent", [{}, {"thread_id": None}, {"thread_id": ""}])
def test_without_a_name_it_has_its_conversations_id(
    visitor: Visitor, models: FakeModels, sent: dict[str, Any]
) -> None:
    answer = visitor.post(STREAM, json=HELLO | sent)

    (sync,) = of_type(answer.events(), "thread_sync")
    assert sync["thread_id"] == AN_ID == answer.headers["x-thread-id"]
    say(visitor, "Again", sync["thread_id"])
    assert texts(visitor, sync["thread_id"])[::2] == ["Hello", "Again"]


def test_a_conversations_id_or_number_is_a_thread_too(visitor: Visitor) -> None:
    api = Api(visitor.key)
    made = api.post("/v1/chat/conversations", json={"title": "Trip"}).data["id"]
    number = str(number_of(made))

    say(visitor, "One", made)
    answer = say(visitor, "Two", number)

    assert answer.headers["x-thread-id"] == number
    assert texts(visitor, made) == texts(visitor, number)
    said = api.get(f"/v1/chat/conversations/{made}/messages").data
    assert [each["content"] for each in said][::-1] == texts(visitor, made)


@pytest.mark.parametrize(
    "name", ["1", "1795162383730", "a/b", "a b", "50%", "?#&", "…", "%2F", "x" * 255, "null"]
)
def test_names_of_many_forms_are_echoed_as_sent(visitor: Visitor, name: str) -> None:
    first, second = say(visitor, "One", name), say(visitor, "Two", name)

    for answer in (first, second):
        assert answer.events()[0]["thread_id"] == name
        assert answer.headers.get("x-thread-id", name) == name
    assert texts(visitor, name)[::2] == ["One", "Two"]


@pytest.mark.parametrize("name", ["Reise nach Köln", "поездка", " trip ", "a\nb", "\t"])
def test_a_name_that_no_header_can_hold_is_in_the_event_alone(visitor: Visitor, name: str) -> None:
    """Clients believe the header where the two differ."""
    answer = say(visitor, "Hello", name)

    assert answer.events()[0]["thread_id"] == name
    assert "x-thread-id" not in answer.headers


def test_the_same_name_is_another_thread_for_another_account(
    visitor: Visitor, other: Visitor
) -> None:
    say(visitor, "Mine", "trip")
    say(other, "Theirs", "trip")

    assert texts(visitor, "trip")[0] == "Mine"
    assert texts(other, "trip")[0] == "Theirs"


def test_an_unknown_conversations_id_is_no_name_for_a_new_one(visitor: Visitor) -> None:
    answer = visitor.post(STREAM, json={**HELLO, "thread_id": UNKNOWN_ID})

    assert (answer.status, answer.json()) == (404, NO_THREAD)


def test_anothers_conversation_is_not_there(visitor: Visitor, other: Visitor) -> None:
    thread, *_ = turn(other, "Hello")
    before = stored()

    answer = visitor.post(STREAM, json={**HELLO, "thread_id": thread})

    assert (answer.status, answer.json()) == (404, NO_THREAD)
    assert stored() == before


def stored() -> dict[str, Any]:
    """All but who asked how often."""
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


# --- Agents and tools -----------------------------------------------------------------------------


def test_the_accounts_default_agent_answers(visitor: Visitor, models: FakeModels) -> None:
    tools = (AgentTool("clock", "Tells the time", {"type": "object", "properties": {}}),)
    put_default(visitor, instructions="Be brief.", temperature=0.3, tools=tools)

    thread, *_ = turn(visitor, "Hello")

    (request,) = models.requests
    assert (request.instructions, request.temperature) == ("Be brief.", 0.3)
    assert request.tools == ()  # it is the client's to run, and no client of this surface can
    listed = Api(visitor.key).get("/api/v2/agents/default-of-opey/conversations").data
    assert [each["id"] for each in listed] == [thread]


def put_default(visitor: Visitor, **settings: Any) -> None:
    caller, _ = keys.authenticate(visitor.key or "", time.time())
    agent = Agent(
        "default-of-opey", "Opey", caller.owner, caller.account_id, caller.plan, **settings
    )
    agents.put(agent, default=True)


def test_a_model_that_is_not_to_be_had_is_nobodys_fault(
    visitor: Visitor, models: FakeModels
) -> None:
    put_default(visitor, model="vendor/gone")

    answer = visitor.post(STREAM, json=HELLO)

    assert answer.status == 400
    assert answer.json() == {"detail": "The agent's model is not to be had at present"}


def test_tools_start_behind_the_reply_that_calls_them(visitor: Visitor, models: FakeModels) -> None:
    call = ToolCall("c1", "clock", {"zone": "UTC"})
    models.enqueue(["Wait.", call, Finished("tool-calls", USAGE)])

    answer = say(visitor, "Late?")

    *_, complete, start, done = untimed(answer)
    assert (complete["type"], complete["content"]) == ("assistant_complete", "Wait.")
    assert complete["tool_calls"] == [
        {"name": "clock", "args": {"zone": "UTC"}, "id": "c1", "type": "tool_call"}
    ]
    assert start == {
        "type": "tool_start",
        "tool_name": "clock",
        "tool_call_id": "c1",
        "tool_input": {"zone": "UTC"},
    }
    assert done == DONE


# --- Failures -------------------------------------------------------------------------------------


def test_a_failure_ends_with_an_error_and_the_end(models: FakeModels, post: Post) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])

    answer = post(STREAM, json=HELLO)

    *_, token, error, done = untimed(answer)
    assert token["content"] == "Hel"
    assert error == FAILED
    assert error["for_message_id"] == token["message_id"]
    assert done == DONE


def test_a_failure_before_the_first_token_too(visitor: Visitor, models: FakeModels) -> None:
    models.enqueue([UpstreamFailed("gone")])

    answer = say(visitor, "Hello", "trip")

    assert types(answer) == ["thread_sync", "user_message_confirmed", "error", DONE]
    assert texts(visitor, "trip") == ["Hello"]


def test_who_waits_is_told_that_it_goes_on(visitor: Visitor, models: FakeModels) -> None:
    beats: list[int] = []

    async def until_told_thrice() -> None:
        while len(beats) < 3:
            await asyncio.sleep(0.01)

    def seen(write: bytes) -> None:
        if b'"keep_alive"' in write:
            beats.append(1)

    web_engine.use(Engine(models, timing=Timing(silence=0.01)))
    models.enqueue(["Hel", until_told_thrice, "lo"])

    answer = visitor.stream(STREAM, json={**HELLO, "stream_tokens": False}, seen=seen)

    alive = of_type(untimed(answer), "keep_alive")
    assert len(alive) >= 3
    assert all(each == {"type": "keep_alive"} for each in alive)
    assert [each for each in types(answer) if each != "keep_alive"][-2:] == WHOLE[-2:]


def test_a_busy_thread_says_what_runs(visitor: Visitor, models: FakeModels) -> None:
    refused: list[Any] = []

    def meanwhile() -> Any:
        return asyncio.to_thread(
            lambda: refused.append(
                visitor.post(STREAM, json={**HELLO, "thread_id": "trip"}),
            )
        )

    models.enqueue(["Hel", meanwhile, "lo"])
    answer = say(visitor, "Hello", "trip")

    (busy,) = refused
    (start,) = of_type(answer.events(), "assistant_start")
    assert busy.status == 409
    assert busy.json() == {
        "error": "Generation in progress",
        "error_code": "generation_in_progress",
        "message": "An answer is being generated in this thread. Wait for its end, or stop it.",
        "generation_id": start["message_id"],
    }
    assert texts(visitor, "trip") == ["Hello", "Hello"]


# --- Limits ---------------------------------------------------------------------------------------


def test_every_answer_says_how_many_are_left(limited: Visitor, models: FakeModels) -> None:
    first, second = say(limited, "One"), say(limited, "Two")

    assert first.headers["x-ratelimit-limit"] == "10"
    assert int(first.headers["x-ratelimit-reset"]) % 60 == 0
    left = [int(each.headers["x-ratelimit-remaining"]) for each in (first, second)]
    assert left in ([9, 8], [9, 9])  # the second where a minute began between them


def test_more_than_ten_in_a_minute_are_refused(limited: Visitor, models: FakeModels) -> None:
    for _ in range(20):  # a minute may begin amid them
        before = stored()
        answer = limited.post(STREAM, json=HELLO)
        if answer.status != 200:
            break

    assert answer.status == 429
    assert answer.json() == {
        "error": "Rate limit exceeded: 10 per 1 minute",
        "error_code": "rate_limit_exceeded",
        "message": "Too many requests. Please try again later.",
    }
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert stored() == before


def test_no_credits_no_answer(aws: None, models: FakeModels) -> None:
    account = accounts.create(Mint(), "poor", "free")  # 100 credits a month
    visitor = Visitor(key=keys.create(Mint(), account)[1])
    models.enqueue(["x", Finished("stop", Usage(60_000, 40_000))])
    say(visitor, "Hello")

    answer = visitor.post(STREAM, json=HELLO)

    assert answer.status == 402
    assert answer.json() == {"detail": "This month's credits are used up"}


# --- Retries --------------------------------------------------------------------------------------


def test_a_retry_is_the_same_answer(visitor: Visitor, models: FakeModels) -> None:
    key = {"Idempotency-Key": "k1"}

    first, second = (visitor.post(STREAM, json=HELLO, headers=key) for _ in range(2))

    assert second.text == first.text
    assert second.headers["x-thread-id"] == first.headers["x-thread-id"]
    assert len(models.requests) == 1


def test_a_key_is_for_one_request(visitor: Visitor, models: FakeModels) -> None:
    key = {"Idempotency-Key": "k1"}
    visitor.post(STREAM, json=HELLO, headers=key)

    answer = visitor.post(STREAM, json={"message": "Else"}, headers=key)

    assert answer.status == 422
    assert answer.json() == {"detail": "This Idempotency-Key was used for another request"}


def test_a_retry_of_what_was_deleted_begins_nothing(visitor: Visitor, models: FakeModels) -> None:
    key = {"Idempotency-Key": "k1"}
    made = visitor.post(STREAM, json=HELLO, headers=key).headers["x-thread-id"]
    assert Api(visitor.key).delete(conversation(made)).status == 200

    answer = visitor.post(STREAM, json=HELLO, headers=key)

    assert (answer.status, answer.json()) == (404, NO_THREAD)
    assert len(models.requests) == 1


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "status", "body"),
    [
        (None, 403, NO_COOKIE),
        ("session=", 403, NO_COOKIE),
        ("other=1", 403, NO_COOKIE),
        ("session=tampered", 401, TAMPERED),
        (f"session={'A' * 43}", 403, UNKNOWN_SESSION),
    ],
)
def test_who_has_no_session_is_told_why(
    aws: None, cookie: str | None, status: int, body: dict[str, str]
) -> None:
    answer = Api(headers={"Cookie": cookie} if cookie else {}).post(STREAM, json=HELLO)

    assert (answer.status, answer.json()) == (status, body)


def test_a_key_alone_is_no_session(api: Api) -> None:
    assert api.post(STREAM, json=HELLO).json() == NO_COOKIE


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", ORIGIN + "/", "*"])
def test_pages_of_other_origins_are_refused(visitor: Visitor, origin: str) -> None:
    """The browser would send the cookie all the same."""
    before = everything_stored()

    answer = visitor.post(STREAM, json=HELLO, headers={"Origin": origin})

    assert answer.status == 403
    assert answer.json() == {
        "error": "Origin not allowed",
        "error_code": "origin_not_allowed",
        "message": "This page's origin is not among those that may call",
    }
    assert "access-control-allow-origin" not in answer.headers
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("sent", "kind", "place"),
    [
        ({}, "missing", ["body", "message"]),
        ({"message": None}, "string_type", ["body", "message"]),
        ({"message": 5}, "string_type", ["body", "message"]),
        ({"message": ["x"]}, "string_type", ["body", "message"]),
        ({"message": ""}, "value_error", ["body", "message"]),
        ({"message": "  \n"}, "value_error", ["body", "message"]),
        ({"message": "x" * 1_000_001}, "string_too_long", ["body", "message"]),
        ({"message": "\ud800"}, "string_unicode", ["body", "message"]),
        (HELLO | {"thread_id": 5}, "string_type", ["body", "thread_id"]),
        (HELLO | {"thread_id": {}}, "string_type", ["body", "thread_id"]),
        (HELLO | {"thread_id": "x" * 256}, "string_too_long", ["body", "thread_id"]),
        (HELLO | {"thread_id": "\udfff"}, "string_unicode", ["body", "thread_id"]),
        (HELLO | {"correlation_id": 5}, "string_type", ["body", "correlation_id"]),
        (HELLO | {"correlation_id": "\ud800"}, "string_unicode", ["body", "correlation_id"]),
        (HELLO | {"stream_tokens": "perhaps"}, "bool_parsing", ["body", "stream_tokens"]),
        (HELLO | {"stream_tokens": float("nan")}, "bool_type", ["body", "stream_tokens"]),
        ([], "model_attributes_type", ["body"]),
        ("Hello", "model_attributes_type", ["body"]),
        (None, "missing", ["body"]),
    ],
)
def test_what_has_the_wrong_form_is_refused_as_fastapi_does(
    visitor: Visitor, sent: Any, kind: str, place: list[str]
) -> None:
    before = everything_stored()

    answer = visitor.post(STREAM, json=sent)

    assert answer.status == 422, answer.text
    (problem,) = answer.json()["detail"]
    assert list(problem) == ["type", "loc", "msg", "input"]
    assert (problem["type"], problem["loc"]) == (kind, place)
    assert problem["msg"]
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("body", "place"),
    [
        *(("{", ["body", 1]), ('{"message": ', ["body", 12]), ("\x00", ["body", 0])),
        *(("", ["body"]), ("nul", ["body", 0]), ("[" * 100_000, ["body"])),
    ],
)
def test_a_body_that_is_not_json_is_too(
    visitor: Visitor, body: str, place: list[str | int]
) -> None:
    answer = visitor.post(STREAM, body=body, headers={"Content-Type": "application/json"})

    assert answer.status == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == place


def test_what_was_not_foreseen_says_nothing_of_it(visitor: Visitor, models: FakeModels) -> None:
    class Broken(FakeModels):
        def find(self, name: str | None) -> Any:
            raise KeyError("secret")

    web_engine.use(Engine(Broken()))

    answer = visitor.post(STREAM, json=HELLO)

    assert (answer.status, answer.json()) == (500, BROKEN)
    assert answer.headers["x-request-id"]

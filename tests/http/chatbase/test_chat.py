"""POST /api/v2/agents/{agent_id}/chat."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall, Usage
from reprise.engine.engine import Engine, Timing
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished, Tool
from reprise.web import engine as web_engine
from tests.api import DONE, Api, everything_stored
from tests.calls import Call, intercept
from tests.capacity import measured
from tests.chatbase import (
    CLOCK,
    NO_AGENT,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    caller_of,
    chat,
    conversation,
    conversations,
    feedback,
    finish_of,
    messages,
    put_agent,
    refusal,
    texts,
    tool_result,
    types,
)
from tests.models import FakeModels
from tests.pause import until
from tests.shapes import AN_ID

Post = Callable[..., Any]
FAILED = {"type": "error", "errorText": "The answer could not be completed"}


@pytest.fixture(params=["handler", "streaming runtime"])
def post(api: Api, request: pytest.FixtureRequest) -> Post:
    """Both ways to the function: buffered by Mangum, as under `sam local`, and streamed."""
    return api.post if request.param == "handler" else api.stream


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


# --- The stream -----------------------------------------------------------------------------------


def test_an_answer_streams_as_a_ui_message(
    api: Api, agent: str, models: FakeModels, post: Post
) -> None:
    models.enqueue(["Hel", "lo"])

    answer = post(chat(agent), json={"message": "Hi"})

    assert answer.status == 200
    assert answer.events() == [
        {"type": "start", "messageId": AN_ID},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1"},
        {"type": "text-delta", "id": "t1", "delta": "Hel"},
        {"type": "text-delta", "id": "t1", "delta": "lo"},
        {"type": "text-end", "id": "t1"},
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "stop",
            "messageMetadata": {
                "messageId": AN_ID,
                "userMessageId": AN_ID,
                "conversationId": AN_ID,
                "userId": None,
                "finishReason": "stop",
                "usage": {"credits": 1},
            },
        },
        DONE,
    ]


def test_its_ids_are_those_of_what_is_stored(api: Api, agent: str, models: FakeModels) -> None:
    start, *_, finish, _ = api.stream(chat(agent), json={"message": "Hi"}).events()

    told = finish["messageMetadata"]
    listed = api.get(messages(agent, told["conversationId"])).data
    assert [each["id"] for each in listed] == [told["userMessageId"], told["messageId"]]
    assert start["messageId"] == told["messageId"]


def test_the_stream_is_one_for_the_ai_sdk(api: Api, agent: str, post: Post) -> None:
    answer = post(chat(agent), json={"message": "Hi"})

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"


def test_a_piece_of_text_leaves_in_one_write(api: Api, agent: str) -> None:
    begun, *pieces, ended, done = api.stream(chat(agent), json={"message": "count to 500"}).writes

    assert begun.startswith(b'data: {"type":"start","messageId":')
    assert len(pieces) == 500
    assert pieces[7] == b'data: {"type":"text-delta","id":"t1","delta":" 8"}\n\n'
    assert ended.startswith(b'data: {"type":"text-end","id":"t1"}\n\n')
    assert done == b"data: [DONE]\n\n"


def test_events_leave_as_the_model_produces_them(api: Api, agent: str, models: FakeModels) -> None:
    seen: list[bytes] = []

    async def have_left(writes: int) -> None:
        async with asyncio.timeout(5):
            while len(seen) < writes:
                await asyncio.sleep(0.001)

    # the model goes on only when everything before has reached the client
    models.enqueue(
        [partial(have_left, 1), "Hel", partial(have_left, 2), "lo", partial(have_left, 3)]
    )

    answer = api.stream(chat(agent), json={"message": "Hi"}, seen=seen.append)

    assert finish_of(answer)["finishReason"] == "stop"


@pytest.mark.parametrize(
    "said",
    [
        ["👩", "\u200d", "👩", "\u200d", "👧"],
        ["\n", "\n\n", "\r\n", "data: ", "[DONE]", "\n\n"],
        ["\u0000", "\u001b", "\ufeff", "\u2028"],
    ],
)
def test_deltas_make_up_the_stored_text(
    api: Api, agent: str, models: FakeModels, said: list[str]
) -> None:
    models.enqueue(said)

    answer = api.stream(chat(agent), json={"message": "Hi"})

    deltas = [each["delta"] for each in answer.events() if "delta" in each]
    assert deltas == said
    made = finish_of(answer)["messageMetadata"]["conversationId"]
    assert texts(api, agent, made) == ["Hi", "".join(said)]


def test_silence_is_bridged_by_events_without_news(
    api: Api, agent: str, models: FakeModels
) -> None:
    web_engine.use(Engine(models, timing=Timing(silence=0.01)))
    quiet = b'data: {"type":"message-metadata","messageMetadata":{}}\n\n'
    seen: list[bytes] = []

    async def has_been_silent() -> None:
        async with asyncio.timeout(5):
            while seen[-2:] != [quiet, quiet]:
                await asyncio.sleep(0.001)

    models.enqueue(["Hel", has_been_silent, "lo"])

    answer = api.stream(chat(agent), json={"message": "Hi"}, seen=seen.append)

    told = [each for each in types(answer) if each != "message-metadata"]
    assert told == [
        *("start", "start-step", "text-start", "text-delta", "text-delta", "text-end"),
        *("finish-step", "finish", DONE),
    ]


def test_there_is_no_such_event_where_there_is_no_silence(api: Api, agent: str) -> None:
    answer = api.stream(chat(agent), json={"message": "count to 100"})

    assert "message-metadata" not in types(answer)


def test_the_message_is_stored_before_the_first_event_and_the_model(
    api: Api, agent: str, models: FakeModels
) -> None:
    stored: list[bool] = []

    def look() -> None:
        stored.append("remember this" in str(everything_stored()))

    models.enqueue([look, "Hello"])
    api.stream(chat(agent), json={"message": "remember this"}, seen=lambda write: look())

    assert stored == [True] * 5  # the model, and four writes


def test_the_answer_is_stored_before_the_stream_says_that_it_is_finished(
    api: Api, agent: str, models: FakeModels
) -> None:
    models.enqueue(["the whole answer"])
    stored: list[bool] = []

    def look(write: bytes) -> None:
        found = [str(item) for key, item in everything_stored().items() if " M#" in key]
        if b'"finish"' in write or DONE.encode() in write:
            stored.append(any("the whole answer" in each and "'done'" in each for each in found))

    api.stream(chat(agent), json={"message": "Hi"}, seen=look)

    assert stored == [True, True]


# --- In one piece ---------------------------------------------------------------------------------


def test_an_answer_comes_in_one_piece_too(
    api: Api, agent: str, models: FakeModels, post: Post
) -> None:
    models.enqueue(["Hel", "lo"])

    answer = post(chat(agent), json={"message": "Hi", "stream": False})

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "data": {
            "id": AN_ID,
            "role": "assistant",
            "parts": [{"type": "text", "text": "Hello"}],
            "metadata": {
                "userMessageId": AN_ID,
                "conversationId": AN_ID,
                "userId": None,
                "finishReason": "stop",
                "usage": {"credits": 1},
            },
        }
    }


def test_in_one_piece_it_ends_before_api_gateway_loses_its_patience(
    api: Api, agent: str, models: FakeModels
) -> None:
    """The function has 900 seconds, an answer in one piece 285 of them."""
    web_engine.use(Engine(models, timing=Timing(margin=284.9)))
    for _ in range(2):
        models.enqueue(["Hel", lambda: asyncio.sleep(0.5), "lo"])

    whole = ask(api, agent)
    streamed = api.stream(chat(agent), json={"message": "Hi"})

    assert whole["parts"] == [{"type": "text", "text": "Hel"}]
    assert whole["metadata"]["finishReason"] == "error"
    assert finish_of(streamed)["finishReason"] == "stop"


# --- Conversations --------------------------------------------------------------------------------


def test_without_a_conversation_a_new_one_begins(api: Api, agent: str, models: FakeModels) -> None:
    one, other = begin(api, agent, "Where to\nin May?"), begin(api, agent)

    assert one[0] != other[0]
    listed = {each["id"]: each["title"] for each in api.get(conversations(agent)).data}
    assert listed == {one[0]: "Where to in May?", other[0]: "Hello"}


def test_with_one_it_goes_on(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent, "One")

    answer = ask(api, agent, "Two", conversationId=made)

    assert answer["metadata"]["conversationId"] == made
    assert texts(api, agent, made) == ["One", "An answer.", "Two", "An answer."]
    assert [each.text for each in models.requests[-1].messages] == ["One", "An answer.", "Two"]


def test_a_user_is_whose_conversation_it_is_from_its_beginning(
    api: Api, agent: str, models: FakeModels
) -> None:
    begun = ask(api, agent, userId="ada.lovelace_1-x")
    made = begun["metadata"]["conversationId"]

    again = ask(api, agent, conversationId=made)
    streamed = api.stream(
        chat(agent),
        json={"message": "Hi", "conversationId": made, "userId": "ada.lovelace_1-x"},
    )

    assert begun["metadata"]["userId"] == "ada.lovelace_1-x"
    assert again["metadata"]["userId"] == "ada.lovelace_1-x"
    assert finish_of(streamed)["messageMetadata"]["userId"] == "ada.lovelace_1-x"
    assert api.get(conversation(agent, made)).data["userId"] == "ada.lovelace_1-x"


@pytest.mark.parametrize("owner", ["ada", None])
@pytest.mark.parametrize("message", ["Hi", None])
def test_it_never_becomes_another_users(
    api: Api, agent: str, models: FakeModels, owner: str | None, message: str | None
) -> None:
    made, *_ = begin(api, agent, userId=owner)
    before = everything_stored()

    answer = api.post(
        chat(agent), json={"message": message, "conversationId": made, "userId": "bob"}
    )

    assert answer.status == 403
    assert answer.json() == refusal(
        "CHAT_CONVERSATION_MISMATCH", "The conversation belongs to another user"
    )
    assert but_windows(everything_stored()) == but_windows(before)


def but_windows(stored: dict[str, Any]) -> dict[str, Any]:
    """All that is stored, but for what counts requests."""
    return {key: item for key, item in stored.items() if not key.startswith("RATE#")}


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "", "x", "..", "a" * 5_000, "\x00"])
def test_an_unknown_conversation_is_not_found(
    api: Api, agent: str, models: FakeModels, no_id: str
) -> None:
    answer = api.post(chat(agent), json={"message": "Hi", "conversationId": no_id})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert models.requests == []


def test_that_of_another_agent_is_not_found(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, put_agent(api))
    before = everything_stored()

    for message in ("Hi", None):
        answer = api.post(chat(agent), json={"message": message, "conversationId": made})
        assert (answer.status, answer.json()) == (404, NOT_FOUND)

    assert but_windows(everything_stored()) == but_windows(before)


def test_one_that_names_no_agent_is_the_default_ones(
    api: Api, agent: str, models: FakeModels
) -> None:
    implicit = caller_of(api).account_id
    made, *_ = begin(api, implicit)
    chosen = put_agent(api, default=True)

    answer = ask(api, chosen, "Two", conversationId=made)

    assert answer["metadata"]["conversationId"] == made
    assert texts(api, chosen, made) == ["Hello", "An answer.", "Two", "An answer."]
    gone = api.post(chat(implicit), json={"message": "Three", "conversationId": made})
    assert (gone.status, gone.json()) == (404, NO_AGENT)


# --- The agent ------------------------------------------------------------------------------------


def test_an_agent_answers_in_its_own_way(api: Api, models: FakeModels) -> None:
    agent = put_agent(
        api,
        model="alias-of-fake",
        instructions="Be brief.",
        temperature=0.25,
        tools=(CLOCK,),
    )

    ask(api, agent)

    (request,) = models.requests
    assert request.model == "vendor/fake"
    assert request.instructions == "Be brief."
    assert request.temperature == 0.25
    assert request.tools == (Tool("clock", "Tells the time", dict(CLOCK.schema)),)


@pytest.mark.parametrize("no_agent", ["nobody", "%2F", "..", "%00", "a" * 300, "%F0%9F%8C%8D"])
def test_an_unknown_agent_is_not_found(api: Api, models: FakeModels, no_agent: str) -> None:
    answer = api.post(chat(no_agent), json={"message": "Hi"})

    assert answer.status == 404
    assert answer.json() in (NO_AGENT, NOT_FOUND)  # a slash makes another path
    assert models.requests == []


def test_so_is_a_private_one_of_another_account(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    for named in (agent, caller_of(api).account_id):
        answer = stranger.post(chat(named), json={"message": "Hi"})
        assert (answer.status, answer.json()) == (404, NO_AGENT)


def test_a_public_one_talks_to_everybody_on_their_own_account(
    api: Api, stranger: Api, models: FakeModels
) -> None:
    agent = put_agent(api, public=True)

    made, *_ = begin(stranger, agent)

    assert texts(stranger, agent, made) == ["Hello", "An answer."]
    assert api.get(conversation(agent, made)).json() == NOT_FOUND
    assert api.get(conversations(agent)).data == []


def test_an_agent_whose_model_is_not_to_be_had_says_so(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, model="nobody/nothing")

    answer = api.post(chat(agent), json={"message": "Hi"})

    assert answer.status == 403
    assert answer.json() == refusal(
        "CHAT_MODEL_NOT_ALLOWED", "The agent's model is not to be had at present"
    )


# --- How an answer ends ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "told"), [("stop", "stop"), ("length", "stop"), ("tool-calls", "tool-calls")]
)
def test_why_it_ended_is_told_twice(
    api: Api, agent: str, models: FakeModels, reason: Any, told: str
) -> None:
    models.enqueue(["Hi", Finished(reason, Usage(1, 1))])

    finish = finish_of(api.stream(chat(agent), json={"message": "Hi"}))

    assert finish["finishReason"] == finish["messageMetadata"]["finishReason"] == told


def test_one_that_runs_out_of_time_is_an_error_as_far_as_it_came(
    api: Api, agent: str, models: FakeModels
) -> None:
    web_engine.use(Engine(models, timing=Timing(margin=899.9)))
    models.enqueue(["Hel", lambda: asyncio.sleep(60), "lo"])

    answer = api.stream(chat(agent), json={"message": "Hi"})

    assert finish_of(answer)["finishReason"] == "error"
    assert FAILED not in answer.events()
    made = finish_of(answer)["messageMetadata"]["conversationId"]
    assert texts(api, agent, made) == ["Hi", "Hel"]


def test_when_the_model_fails_at_once_the_stream_says_so(
    api: Api, agent: str, models: FakeModels, post: Post
) -> None:
    models.enqueue([UpstreamFailed("no such model", refused=True)])

    answer = post(chat(agent), json={"message": "Hi"})

    assert types(answer) == ["start", "start-step", "finish-step", "error", "finish", DONE]
    assert FAILED in answer.events()
    told = finish_of(answer)["messageMetadata"]
    assert (told["finishReason"], told["usage"]) == ("error", {"credits": 0})
    assert texts(api, agent, told["conversationId"]) == ["Hi"]


@pytest.mark.parametrize("failure", [UpstreamFailed("gone"), RuntimeError("a bug")])
def test_when_it_fails_amid_its_answer_the_partial_one_is_kept(
    api: Api, agent: str, models: FakeModels, failure: Exception
) -> None:
    models.enqueue(["Hel", "lo", failure])

    answer = api.stream(chat(agent), json={"message": "Hi"})

    assert types(answer)[-6:] == [
        *("text-delta", "text-end", "finish-step", "error", "finish", DONE)
    ]
    told = finish_of(answer)["messageMetadata"]
    assert told["finishReason"] == "error"
    assert texts(api, agent, told["conversationId"]) == ["Hi", "Hello"]


def test_in_one_piece_a_failure_is_a_finish_reason(
    api: Api, agent: str, models: FakeModels
) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])
    models.enqueue([UpstreamFailed("gone")])

    amid, at_once = ask(api, agent), ask(api, agent)

    assert amid["parts"] == [{"type": "text", "text": "Hel"}]
    assert at_once["parts"] == []
    assert amid["metadata"]["finishReason"] == at_once["metadata"]["finishReason"] == "error"


def test_an_empty_answer_is_an_answer(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue([])

    answer = api.stream(chat(agent), json={"message": "Say nothing"})

    assert types(answer) == ["start", "start-step", "finish-step", "finish", DONE]
    assert finish_of(answer)["finishReason"] == "stop"


@pytest.fixture
def deleted_meanwhile(api: Api, agent: str, models: FakeModels) -> str:
    """A conversation that is deleted while the next answer is made."""
    made, *_ = begin(api, agent)
    # it notices at the next tick; the rest would be said otherwise
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01)))
    models.enqueue(
        [
            "Hel",
            partial(asyncio.to_thread, api.delete, f"/v1/chat/conversations/{made}"),
            lambda: asyncio.sleep(60),
        ]
    )
    return made


def test_when_its_conversation_is_deleted_meanwhile_the_stream_ends_with_an_error(
    api: Api, agent: str, deleted_meanwhile: str
) -> None:
    sent = {"message": "Hi", "conversationId": deleted_meanwhile}

    answer = api.stream(chat(agent), json=sent)

    assert types(answer)[-4:] == ["text-end", "finish-step", "error", DONE]


def test_in_one_piece_it_is_not_found_then(api: Api, agent: str, deleted_meanwhile: str) -> None:
    sent = {"message": "Hi", "conversationId": deleted_meanwhile, "stream": False}

    answer = api.post(chat(agent), json=sent)

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


# --- Credits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "cost"), [(Usage(1, 0), 3), (Usage(500, 500), 3), (Usage(1_000, 1), 6)]
)
def test_the_credits_of_an_answer_are_told(api: Api, aws: None, usage: Usage, cost: int) -> None:
    dear = Model("dear", "vendor/dear", "demo", 16_000, 3)
    models = FakeModels(dear)
    web_engine.use(Engine(models))
    agent = put_agent(api)
    for _ in range(2):
        models.enqueue(["Hi", Finished("stop", usage)])
    try:
        whole = ask(api, agent)
        streamed = finish_of(api.stream(chat(agent), json={"message": "Hi"}))
    finally:
        web_engine.use(None)

    assert whole["metadata"]["usage"] == {"credits": cost}
    assert streamed["messageMetadata"]["usage"] == {"credits": cost}


def test_a_fallback_costs_what_it_costs(api: Api, aws: None) -> None:
    dear = Model("dear", "vendor/dear", "demo", 16_000, 30, fallbacks=("cheap",))
    models = FakeModels(dear, Model("cheap", "vendor/cheap", "demo", 16_000, 2))
    web_engine.use(Engine(models, timing=Timing(retry_wait=0.001)))
    models.enqueue([UpstreamFailed("no", refused=True)])
    try:
        answer = ask(api, put_agent(api))
    finally:
        web_engine.use(None)

    assert answer["metadata"]["usage"] == {"credits": 2}


# --- Tools ----------------------------------------------------------------------------------------


def test_a_call_of_the_clients_tool_ends_the_answer(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue(
        ["Let me see.", ToolCall("c1", "clock", {"zone": "UTC"}), Finished("tool-calls")]
    )

    answer = api.stream(chat(agent), json={"message": "How late is it?"})

    assert answer.events()[2:-2] == [
        {"type": "text-start", "id": "t1"},
        {"type": "text-delta", "id": "t1", "delta": "Let me see."},
        {"type": "text-end", "id": "t1"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "clock"},
        {
            "type": "tool-input-available",
            "toolCallId": "c1",
            "toolName": "clock",
            "input": {"zone": "UTC"},
        },
        {"type": "finish-step"},
    ]
    assert finish_of(answer)["finishReason"] == "tool-calls"


def test_in_one_piece_it_is_a_part(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue(["Let me see.", ToolCall("c1", "clock", {}), Finished("tool-calls")])

    answer = ask(api, agent)

    assert answer["parts"] == [
        {"type": "text", "text": "Let me see."},
        {"type": "tool-call", "toolCallId": "c1", "toolName": "clock", "input": {}},
    ]
    assert answer["metadata"]["finishReason"] == "tool-calls"


def test_with_the_tools_result_it_goes_on_without_a_message(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])
    made, user, calling = begin(api, agent, "How late is it?")
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": {"hour": 12}})
    models.enqueue(["Noon."])

    streamed = api.stream(chat(agent), json={"conversationId": made})

    told = finish_of(streamed)["messageMetadata"]
    assert told["userMessageId"] == user
    assert told["messageId"] != calling
    assert texts(api, agent, made) == ["How late is it?", "", "Noon."]
    assert [type(part).__name__ for part in models.requests[-1].messages[-1].parts] == [
        "ToolCall",
        "ToolResult",
    ]


def test_before_all_results_are_there_it_does_not(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue(
        [ToolCall("c1", "clock", {}), ToolCall("c2", "clock", {}), Finished("tool-calls")]
    )
    made, *_ = begin(api, agent)
    api.post(tool_result(agent, made), json={"toolCallId": "c2", "output": 12})

    answer = api.post(chat(agent), json={"conversationId": made})

    assert answer.status == 400
    assert answer.json() == refusal(
        "VALIDATION_INVALID_BODY",
        "Invalid request",
        message="Required: a tool call has no result yet",
    )


# --- Without a message ----------------------------------------------------------------------------


def test_without_a_message_there_have_to_be_results(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)
    asked = len(models.requests)

    for body in ({}, {"message": None}, {"conversationId": made}, {"userId": "ada"}):
        answer = api.post(chat(agent), json=body)
        assert answer.status == 400
        assert answer.json() == refusal(
            "VALIDATION_INVALID_BODY", "Invalid request", message="Required"
        )

    assert len(models.requests) == asked


# --- Two at once, and the same again --------------------------------------------------------------


def test_while_an_answer_is_made_there_is_no_other(
    api: Api, agent: str, models: FakeModels
) -> None:
    # nothing but the refused requests shall write meanwhile
    web_engine.use(Engine(models, timing=Timing(chunk_every=60)))
    made, *_ = begin(api, agent)
    answering, go_on = threading.Event(), threading.Event()
    models.enqueue(["Hel", answering.set, partial(asyncio.to_thread, go_on.wait, 10), "lo"])

    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, api, agent, "One", conversationId=made)
        answering.wait(10)
        before = everything_stored()
        refused = [
            api.post(chat(agent), json={"message": "Two", "conversationId": made, "stream": s})
            for s in (True, False)
        ]
        after = everything_stored()
        go_on.set()
        running = first.result()["id"]

    for answer in refused:
        assert answer.status == 409
        assert answer.json() == refusal(
            "CHAT_CONVERSATION_BUSY",
            "The conversation is being written to",
            generationId=running,
        )
    assert but_windows(after) == but_windows(before)


@pytest.mark.parametrize("stream", [True, False])
def test_the_same_request_again_is_answered_alike_and_made_once(
    api: Api, agent: str, models: FakeModels, stream: bool
) -> None:
    models.enqueue(["Let me", " see.", ToolCall("c1", "clock", {}), Finished("tool-calls")])
    sent = {"json": {"message": "Hi", "stream": stream}, "headers": {"Idempotency-Key": "k"}}

    answers = [api.post(chat(agent), **sent) for _ in range(2)]

    assert answers[0].body == answers[1].body
    assert answers[0].headers["content-type"] == answers[1].headers["content-type"]
    assert len(models.requests) == 1
    assert len(api.get(conversations(agent)).data) == 1


def test_so_is_one_that_goes_on_behind_results(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])
    made, *_ = begin(api, agent)
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": 12})

    answers = [
        api.post(chat(agent), json={"conversationId": made}, headers={"Idempotency-Key": "on"}).body
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert len(models.requests) == 2


def test_a_key_of_another_request_is_refused(api: Api, agent: str, models: FakeModels) -> None:
    api.post(chat(agent), json={"message": "One"}, headers={"Idempotency-Key": "k"})

    answer = api.post(chat(agent), json={"message": "Two"}, headers={"Idempotency-Key": "k"})

    assert answer.status == 422
    assert answer.json() == refusal(
        "VALIDATION_IDEMPOTENCY_MISMATCH", "This Idempotency-Key was used for another request"
    )


# --- What it costs --------------------------------------------------------------------------------


@pytest.mark.parametrize("implicit", [True, False])
def test_three_round_trips_lead_to_the_model(api: Api, models: FakeModels, implicit: bool) -> None:
    agent = caller_of(api).account_id if implicit else put_agent(api)
    made, *_ = begin(api, agent)  # it is warm now, and the day of the key's use noted
    trips: list[int] = []

    def slowly(call: Call) -> Any:
        time.sleep(0.03)  # so that those overlap that do not wait for one another
        return call.proceed()

    for body in ({"message": "Hi"}, {"message": "Hi", "conversationId": made}):
        with intercept(slowly), measured(units=False) as cost:
            models.enqueue([lambda cost=cost: trips.append(cost.round_trips), "Hello"])
            api.stream(chat(agent), json=body)

    assert trips == [3, 3]


def test_a_message_of_a_million_characters_is_kept(
    api: Api, agent: str, models: FakeModels
) -> None:
    text = "0123456789" * 100_000

    made, *_ = begin(api, agent, text)

    assert texts(api, agent, made) == [text, "An answer."]


def test_an_answer_can_be_rated_while_it_is_made(api: Api, agent: str, models: FakeModels) -> None:
    """Its ending leaves what somebody thinks of it."""
    made, *_ = begin(api, agent)
    seen: list[bytes] = []

    def rate() -> None:
        until(lambda: seen)
        (answer,) = re.findall(r'"messageId":"(.*?)"', seen[0].decode())
        rated = api.patch(feedback(agent, made, answer), json={"feedback": "negative"})
        assert rated.status == 200

    models.enqueue(["Hel", partial(asyncio.to_thread, rate), "lo"])
    api.stream(chat(agent), json={"message": "Hi", "conversationId": made}, seen=seen.append)

    last = api.get(messages(agent, made)).data[-1]
    assert (last["feedback"], json.dumps(last["parts"]).count("Hello")) == ("negative", 1)

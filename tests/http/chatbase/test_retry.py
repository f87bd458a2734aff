"""POST /api/v2/agents/{agent_id}/conversations/{conversation_id}/retry."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import ToolCall
from reprise.llm.protocol import Finished
from tests import conversations as of_conversations
from tests.api import DONE, Api
from tests.calls import Call, intercept
from tests.chatbase import (
    CLOCK,
    NO_AGENT,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    caller_of,
    chat,
    finish_of,
    messages,
    put_agent,
    refusal,
    retry,
    texts,
    tool_result,
    types,
)
from tests.models import FakeModels
from tests.shapes import AN_ID

NO_TARGET = refusal("CHAT_RETRY_MESSAGE_NOT_FOUND", "Message not found in conversation")
NO_QUESTION = refusal("CHAT_RETRY_NO_USER_MESSAGE", "No user message to retry from")

Post = Callable[..., Any]


@pytest.fixture(params=["handler", "streaming runtime"])
def post(api: Api, request: pytest.FixtureRequest) -> Post:
    return api.post if request.param == "handler" else api.stream


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def again(api: Api, agent: str, made: str, target: str, **more: Any) -> dict[str, Any]:
    """The new answer, in one piece."""
    answer = api.post(retry(agent, made), json={"messageId": target, "stream": False, **more})
    assert answer.status == 200, answer.text
    data: dict[str, Any] = answer.data
    return data


def test_an_answer_is_dropped_and_its_question_answered_again(
    api: Api, agent: str, models: FakeModels, post: Post
) -> None:
    models.enqueue(["Old"])
    made, user, old = begin(api, agent, "Hi")
    models.enqueue(["New"])

    answer = post(retry(agent, made), json={"messageId": old})

    start, *_ = answer.events()
    told = finish_of(answer)["messageMetadata"]
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert types(answer) == [
        *("start", "start-step", "text-start", "text-delta", "text-end"),
        *("finish-step", "finish", DONE),
    ]
    assert told == {
        "messageId": start["messageId"],
        "userMessageId": user,
        "conversationId": made,
        "userId": None,
        "finishReason": "stop",
        "usage": {"credits": 1},
    }
    assert told["messageId"] not in (old, user)
    assert texts(api, agent, made) == ["Hi", "New"]
    assert [each.text for each in models.requests[-1].messages] == ["Hi"]


def test_in_one_piece_it_comes_as_of_chat(api: Api, agent: str, models: FakeModels) -> None:
    made, user, old = begin(api, agent, "Hi", userId="ada")
    models.enqueue(["New"])

    answer = again(api, agent, made, old)

    assert answer == {
        "id": AN_ID,
        "role": "assistant",
        "parts": [{"type": "text", "text": "New"}],
        "metadata": {
            "userMessageId": user,
            "conversationId": made,
            "userId": "ada",
            "finishReason": "stop",
            "usage": {"credits": 1},
        },
    }


def test_everything_after_the_target_goes_with_it(api: Api, agent: str, models: FakeModels) -> None:
    made, user, first = begin(api, agent, "One")
    ask(api, agent, "Two", conversationId=made)
    models.enqueue(["Another"])

    answer = again(api, agent, made, first)

    assert answer["metadata"]["userMessageId"] == user
    assert texts(api, agent, made) == ["One", "Another"]
    page = api.get(messages(agent, made)).json()["pagination"]
    assert page == {"cursor": None, "hasMore": False, "total": 2}


def test_a_users_message_goes_too_and_the_one_before_is_answered_again(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, first, _ = begin(api, agent, "One")
    second = ask(api, agent, "Two", conversationId=made)["metadata"]["userMessageId"]
    models.enqueue(["Another"])

    answer = again(api, agent, made, second)

    assert answer["metadata"]["userMessageId"] == first
    assert texts(api, agent, made) == ["One", "Another"]


def test_nothing_is_lost(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["Old"])
    made, _, old = begin(api, agent, "Hi")
    models.enqueue(["New"])

    new = again(api, agent, made, old)

    kept, shown = (api.get(of_conversations.message(each)).data for each in (old, new["id"]))
    assert (kept["content"], kept["version"], kept["versions"]) == ("Old", 1, 2)
    assert (shown["content"], shown["version"], shown["versions"]) == ("New", 2, 2)


def test_it_can_be_done_again_and_again(api: Api, agent: str, models: FakeModels) -> None:
    made, user, target = begin(api, agent, "Hi")
    for number in range(3):
        models.enqueue([f"Answer {number}"])

        answer = again(api, agent, made, target)

        assert answer["metadata"]["userMessageId"] == user
        assert texts(api, agent, made) == ["Hi", f"Answer {number}"]
        target = answer["id"]


def test_a_retry_that_fails_before_any_text_restores_what_was_shown(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, _, old = begin(api, agent, "One")
    ask(api, agent, "Two", conversationId=made)
    models.enqueue([UpstreamFailed("gone")])

    answer = api.stream(retry(agent, made), json={"messageId": old})

    assert types(answer)[-3:] == ["error", "finish", DONE]
    assert texts(api, agent, made) == ["One", "An answer.", "Two", "An answer."]


@pytest.mark.parametrize("retried_before", [False, True])
def test_an_answer_that_failed_empty_can_be_retried_by_its_id(
    api: Api, agent: str, models: FakeModels, retried_before: bool
) -> None:
    """It is not shown, but the client has it from the stream, and retries just that."""
    made, user, shown = begin(api, agent, "One")
    models.enqueue([UpstreamFailed("gone")])
    if retried_before:
        failed = again(api, agent, made, shown)
    else:
        failed = ask(api, agent, "Two", conversationId=made)
        user = failed["metadata"]["userMessageId"]
    models.enqueue(["At last"])

    answer = again(api, agent, made, failed["id"])

    assert answer["metadata"]["userMessageId"] == user
    before = [] if retried_before else ["One", "An answer."]
    assert texts(api, agent, made)[:-1] == [*before, "One" if retried_before else "Two"]
    assert texts(api, agent, made)[-1] == "At last"


def test_so_can_one_that_failed_behind_its_tools_results(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])
    made, user, _ = begin(api, agent, "How late is it?")
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": "noon"})
    models.enqueue([UpstreamFailed("gone")])
    failed = ask(api, agent, None, conversationId=made)
    models.enqueue(["I do not know."])

    answer = again(api, agent, made, failed["id"])

    assert answer["metadata"]["userMessageId"] == user
    assert texts(api, agent, made) == ["How late is it?", "I do not know."]


def test_a_conversation_of_another_surface_is_retried_here(api: Api, models: FakeModels) -> None:
    made = of_conversations.create(api)
    user, reply = of_conversations.send(api, made, "Hello")
    models.enqueue(["Anew"])

    answer = again(api, caller_of(api).account_id, made, reply["id"])

    assert answer["metadata"]["userMessageId"] == user["id"]
    assert of_conversations.contents(api, made) == ["Hello", "Anew"]


def test_an_answer_that_ended_with_a_call_goes_on_with_its_result(
    api: Api, models: FakeModels
) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    made, user, old = begin(api, agent, "How late is it?")
    models.enqueue([ToolCall("c9", "clock", {}), Finished("tool-calls")])

    calling = again(api, agent, made, old)
    given = api.post(tool_result(agent, made), json={"toolCallId": "c9", "output": "noon"})
    models.enqueue(["Noon."])
    goes_on = ask(api, agent, None, conversationId=made)

    assert calling["metadata"]["finishReason"] == "tool-calls"
    assert given.data == {"success": True}
    assert goes_on["metadata"]["userMessageId"] == user
    assert texts(api, agent, made) == ["How late is it?", "", "Noon."]


def test_its_question_may_be_two_answers_away(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, tools=(CLOCK,))
    models.enqueue([ToolCall("c1", "clock", {}), Finished("tool-calls")])
    made, user, _ = begin(api, agent, "How late is it?")
    api.post(tool_result(agent, made), json={"toolCallId": "c1", "output": "noon"})
    last = ask(api, agent, None, conversationId=made)
    models.enqueue(["I do not know."])

    answer = again(api, agent, made, last["id"])

    assert answer["metadata"]["userMessageId"] == user
    assert texts(api, agent, made) == ["How late is it?", "I do not know."]


# --- What cannot be retried -----------------------------------------------------------------------


def test_where_no_user_has_said_anything_before_there_is_nothing_to_retry(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, user, _ = begin(api, agent)

    answer = api.post(retry(agent, made), json={"messageId": user})

    assert (answer.status, answer.json()) == (400, NO_QUESTION)


@pytest.mark.parametrize(
    "target", [UNKNOWN_ID, "msg-abc123", "x", "a" * 5_000, "\x00", "{messageId}", "🌍"]
)
def test_an_unknown_message_is_not_found(
    api: Api, agent: str, models: FakeModels, target: str
) -> None:
    made, *_ = begin(api, agent)

    answer = api.post(retry(agent, made), json={"messageId": target})

    assert (answer.status, answer.json()) == (404, NO_TARGET)
    assert len(models.requests) == 1


def test_nor_is_one_of_another_conversation(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)
    others = [begin(api, agent)[2], begin(stranger, caller_of(stranger).account_id)[2]]

    for target in others:
        answer = api.post(retry(agent, made), json={"messageId": target})
        assert (answer.status, answer.json()) == (404, NO_TARGET)


def test_nor_is_one_that_was_dropped_before(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent)
    again(api, agent, made, old)

    answer = api.post(retry(agent, made), json={"messageId": old})

    assert (answer.status, answer.json()) == (404, NO_TARGET)


def test_nor_is_one_that_was_deleted(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent)
    api.delete(of_conversations.message(old))

    answer = api.post(retry(agent, made), json={"messageId": old})

    assert (answer.status, answer.json()) == (404, NO_TARGET)


def test_of_an_empty_conversation_nothing_can_be_retried(api: Api, models: FakeModels) -> None:
    made = of_conversations.create(api)

    answer = api.post(retry(caller_of(api).account_id, made), json={"messageId": UNKNOWN_ID})

    assert (answer.status, answer.json()) == (404, NO_TARGET)


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1"])
def test_an_unknown_conversation_is_not_found(
    api: Api, agent: str, models: FakeModels, no_id: str
) -> None:
    _, _, answer_id = begin(api, agent)

    answer = api.post(retry(agent, no_id), json={"messageId": answer_id})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_under_another_agent_it_is_not_found(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, _, old = begin(api, agent)
    before = texts(api, agent, made)

    for client, named, told in (
        (api, put_agent(api), NOT_FOUND),
        (api, "nobody", NO_AGENT),
        (stranger, agent, NO_AGENT),
        (stranger, put_agent(stranger), NOT_FOUND),
    ):
        answer = client.post(retry(named, made), json={"messageId": old})
        assert (answer.status, answer.json()) == (404, told)

    assert texts(api, agent, made) == before


# --- Two at once, and the same again --------------------------------------------------------------


def test_while_an_answer_is_made_none_is_retried(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent)
    answering, go_on = threading.Event(), threading.Event()
    models.enqueue(["Hel", answering.set, partial(asyncio.to_thread, go_on.wait, 10), "lo"])

    with ThreadPoolExecutor() as pool:
        first = pool.submit(again, api, agent, made, old)
        answering.wait(10)
        answer = api.post(retry(agent, made), json={"messageId": old})
        go_on.set()
        running = first.result()["id"]

    assert answer.status == 409
    assert answer.json() == refusal(
        "CHAT_CONVERSATION_BUSY", "The conversation is being written to", generationId=running
    )


@pytest.mark.parametrize("stream", [True, False])
def test_the_same_retry_again_is_answered_alike_and_made_once(
    api: Api, agent: str, models: FakeModels, stream: bool
) -> None:
    made, _, old = begin(api, agent)
    models.enqueue(["Hel", "lo"])
    sent = {"json": {"messageId": old, "stream": stream}, "headers": {"Idempotency-Key": "k"}}

    answers = [api.post(retry(agent, made), **sent) for _ in range(2)]

    assert answers[0].status == 200
    assert answers[0].body == answers[1].body
    assert len(models.requests) == 2


def test_whose_message_it_was_is_found_out_when_the_answer_is_there(
    api: Api, agent: str, models: FakeModels
) -> None:
    """Nobody waits for it before the first word."""
    made, _, old = begin(api, agent)
    at_the_model: list[int] = []
    queries: list[Call] = []

    def handle(call: Call) -> Any:
        if call.operation == "Query":
            queries.append(call)
        return call.proceed()

    models.enqueue([lambda: at_the_model.append(len(queries)), "New"])
    with intercept(handle):
        api.stream(retry(agent, made), json={"messageId": old})

    assert at_the_model == [1]  # of the conversation
    assert len(queries) > 1


def test_chat_goes_on_from_the_new_answer(api: Api, agent: str, models: FakeModels) -> None:
    made, _, old = begin(api, agent, "One")
    models.enqueue(["New"])
    again(api, agent, made, old)

    api.post(chat(agent), json={"message": "Two", "conversationId": made})

    assert [each.text for each in models.requests[-1].messages] == ["One", "New", "Two"]

"""POST /v1/chat/conversations/{conversation_id}/messages."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.ids import number_of
from reprise.chat.messages import ToolCall
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.store import conversations
from reprise.web import engine as web_engine
from tests.api import Api, aws_client, everything_stored
from tests.conversations import (
    UNKNOWN_ID,
    assert_not_found,
    contents,
    create,
    envelope,
    message,
    messages,
    refusal,
    send,
    stream,
)
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


def head_of(conversation_id: str) -> str | None:
    """The tip of the branch that is shown, as it is stored."""
    number = number_of(conversation_id)
    assert number is not None
    owner = next(key.split("#CONV#")[0] for key in everything_stored() if f"{number:016d}" in key)
    found, _ = conversations.find(owner, number)
    assert found is not None
    return found.head


def test_a_message_comes_back_with_its_answer(api: Api) -> None:
    made = create(api)

    answer = api.post(
        messages(made),
        json={
            "content": "count to 3",
            "role": "user",
            "model": "openai/gpt-3.5-turbo",
            "temperature": 0.7,
        },
    )

    assert answer.status == 201
    user, reply = answer.data
    assert answer.json() == envelope(
        [
            {
                "id": AN_ID,
                "conversation_id": made,
                "parent_id": None,
                "role": "user",
                "content": "count to 3",
                "model": None,
                "state": "done",
                "finish_reason": None,
                "prompt_tokens": None,
                "completion_tokens": None,
                "total_tokens": None,
                "version": 1,
                "versions": 1,
                "created_at": A_TIME,
                "updated_at": A_TIME,
            },
            {
                "id": AN_ID,
                "conversation_id": made,
                "parent_id": user["id"],
                "role": "assistant",
                "content": "1 2 3",
                "model": "openai/gpt-3.5-turbo",
                "state": "done",
                "finish_reason": "stop",
                "prompt_tokens": reply["total_tokens"] - 3,
                "completion_tokens": 3,
                "total_tokens": reply["total_tokens"],
                "version": 1,
                "versions": 1,
                "created_at": A_TIME,
                "updated_at": A_TIME,
            },
        ],
        "Messages created successfully",
    )
    assert reply["prompt_tokens"] > 0


def test_both_are_stored_as_they_came_back(api: Api) -> None:
    made = create(api)

    user, reply = send(api, made, "Hello")

    assert api.get(message(user["id"])).data == user
    assert api.get(message(reply["id"])).data == reply


def test_the_next_message_follows_the_answer(api: Api, models: FakeModels) -> None:
    made = create(api)
    _, first_answer = send(api, made, "One")

    second, second_answer = send(api, made, "Two")

    assert second["parent_id"] == first_answer["id"]
    assert second_answer["parent_id"] == second["id"]


def test_the_model_reads_what_was_said_before(api: Api, models: FakeModels) -> None:
    made = create(api)
    send(api, made, "You are brief.", role="system")
    send(api, made, "One")
    send(api, made, "Two")

    assert [(each.role, each.text) for each in models.requests[-1].messages] == [
        ("system", "You are brief."),
        ("user", "One"),
        ("assistant", "An answer."),
        ("user", "Two"),
    ]


@pytest.mark.parametrize("temperature", [0, 2, 1.5])
def test_the_temperature_goes_to_the_model(
    api: Api, models: FakeModels, temperature: float
) -> None:
    send(api, create(api), "Hello", temperature=temperature)

    assert models.requests[-1].temperature == temperature


def test_the_temperature_is_0_7_unless_it_is_told_otherwise(api: Api, models: FakeModels) -> None:
    send(api, create(api), "Hello")

    assert models.requests[-1].temperature == 0.7


@pytest.mark.parametrize("name", ["openai/gpt-4", "gpt-4", "demo"])
def test_a_model_is_called_what_the_client_calls_it(api: Api, name: str) -> None:
    _, reply = send(api, create(api), "Hello", model=name)

    assert reply["model"] == name


def test_without_a_model_the_default_one_answers(api: Api) -> None:
    _, reply = send(api, create(api), "Hello", model=None)

    assert reply["model"] == "openai/gpt-4o-mini"


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_message_of_another_role_is_stored_and_not_answered(
    api: Api, models: FakeModels, role: str
) -> None:
    made = create(api)

    answer = api.post(messages(made), json={"content": "Once", "role": role})

    assert answer.status == 201
    assert answer.json()["message"] == "Messages created successfully"
    (stored,) = answer.data
    assert (stored["role"], stored["content"], stored["model"]) == (role, "Once", None)
    assert contents(api, made) == ["Once"]
    assert models.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "Grüße, 世界, 🌍👩‍👩‍👧",
        "two\nlines\r\nand\ttabs",
        "a\u0000b\u0007\u001b[0m",
        "line\u2028separator \ufeff \uffff",
        '{"json": "\\" \\u0041"}',
        "data: [DONE]\n\n",
        "  white space around  ",
    ],
)
def test_every_text_is_read_back_as_it_was_sent(api: Api, models: FakeModels, text: str) -> None:
    models.enqueue([text])

    user, reply = send(api, create(api), text)

    assert [user["content"], reply["content"]] == [text, text]
    assert api.get(message(user["id"])).data == user
    assert api.get(message(reply["id"])).data == reply


@pytest.mark.parametrize("letter", ["x", "🌍"])
def test_a_million_characters_are_kept_in_the_bucket(
    api: Api, models: FakeModels, letter: str
) -> None:
    text = letter * 1_000_000
    models.enqueue([text])
    made = create(api)

    # written as UTF-8: as JSON's escapes the second text would be over API Gateway's limit
    body = f'{{"content": "{text}"}}'
    answer = api.post(messages(made), body=body, headers={"Content-Type": "application/json"})

    assert answer.status == 201
    assert [each["content"] for each in answer.data] == [text, text]
    assert contents(api, made) == [text, text]
    bucket = aws_client("s3").list_objects_v2(Bucket="reprise-bodies")
    assert [each["Size"] >= len(text.encode()) for each in bucket["Contents"]] == [True, True]


def test_a_large_message_is_read_whole_by_the_model(api: Api, models: FakeModels) -> None:
    text = "large " * 50_000
    send(api, create(api), text)

    assert [each.text for each in models.requests[-1].messages] == [text]


def test_when_the_model_fails_the_message_comes_back_alone(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue([UpstreamFailed("no such model", refused=True)])

    answer = api.post(messages(made), json={"content": "Hello"})

    assert answer.status == 201
    (user,) = answer.data
    assert user["content"] == "Hello"
    assert answer.json()["message"] == "Messages created successfully"
    assert api.get(messages(made)).data == [user]
    assert head_of(made) == user["id"]


def test_after_a_failure_the_conversation_goes_on_from_that_message(
    api: Api, models: FakeModels
) -> None:
    made = create(api)
    models.enqueue([UpstreamFailed("gone")])
    (failed,) = send(api, made, "One")

    user, _ = send(api, made, "Two")

    assert user["parent_id"] == failed["id"]
    assert contents(api, made) == ["One", "Two", "An answer."]
    assert [each.text for each in models.requests[-1].messages] == ["One", "Two"]


@pytest.mark.parametrize("failure", [UpstreamFailed("gone"), RuntimeError("a bug")])
def test_when_it_fails_amid_its_answer_the_partial_one_is_kept(
    api: Api, models: FakeModels, failure: Exception
) -> None:
    made = create(api)
    models.enqueue(["Hel", "lo", failure])

    (user,) = send(api, made, "Hello")

    partial_answer, first = api.get(messages(made)).data
    assert first == user
    assert partial_answer["content"] == "Hello"
    assert partial_answer["state"] == partial_answer["finish_reason"] == "error"
    assert partial_answer["usage_estimated"] is True  # the provider did not come to say
    assert partial_answer["completion_tokens"] > 0


def test_a_provider_that_just_ends_has_failed(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue(["Hel"], finish=False)

    assert len(send(api, made, "Hello")) == 1
    assert api.get(messages(made)).data[0]["state"] == "error"


def test_failures_that_pass_are_not_noticed(api: Api, models: FakeModels) -> None:
    for _ in range(2):
        models.enqueue([UpstreamFailed("busy", retryable=True)])

    _, reply = send(api, create(api), "Hello")

    assert reply["content"] == "An answer."


def test_an_empty_answer_is_an_answer(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue([])

    _, reply = send(api, made, "Say nothing")

    assert (reply["content"], reply["state"]) == ("", "done")
    assert contents(api, made) == ["Say nothing", ""]


def test_an_answer_may_end_for_other_reasons(api: Api, models: FakeModels) -> None:
    models.enqueue(["Hel", Finished("length")])

    _, reply = send(api, create(api), "Hello")

    assert (reply["state"], reply["finish_reason"]) == ("done", "length")
    assert reply["usage_estimated"] is True  # it reported none
    assert reply["total_tokens"] == reply["prompt_tokens"] + reply["completion_tokens"] > 0


def test_tool_calls_are_no_text(api: Api, models: FakeModels) -> None:
    models.enqueue(["Let me see.", ToolCall("c1", "clock", {}), Finished("tool-calls")])

    _, reply = send(api, create(api), "How late is it?")

    assert (reply["content"], reply["finish_reason"]) == ("Let me see.", "tool-calls")


def test_while_an_answer_is_made_there_is_no_other(api: Api, models: FakeModels) -> None:
    # nothing but the refused requests shall write meanwhile
    web_engine.use(Engine(models, timing=Timing(chunk_every=60)))
    made, answering, go_on = create(api), threading.Event(), threading.Event()
    models.enqueue(["Hel", answering.set, partial(asyncio.to_thread, go_on.wait, 10), "lo"])

    with ThreadPoolExecutor() as pool:
        first = pool.submit(send, api, made, "One")
        answering.wait(10)
        before = everything_stored()
        refused = [
            api.post(path, json={"content": "Two", "role": role})
            for path in (messages(made), stream(made))
            for role in ("user", "system")
        ]
        after = everything_stored()
        go_on.set()
        _, reply = first.result()

    for answer in refused:
        assert answer.status == 409
        assert answer.json() == refusal(
            "CONFLICT_001", "An answer is being generated", generation_id=reply["id"]
        )
    assert after == before
    assert contents(api, made) == ["One", "Hello"]


def test_an_unknown_conversation_is_not_found(api: Api, models: FakeModels) -> None:
    assert_not_found(api.post(messages(UNKNOWN_ID), json={"content": "Hello"}), "Conversation")
    assert models.requests == []

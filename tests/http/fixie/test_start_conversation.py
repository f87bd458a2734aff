"""POST /api/v1/agents/{agent_id}/conversations, and the same without an agent."""

import pytest

from reprise.chat.errors import UpstreamFailed
from tests import chatbase, fixie
from tests.api import Api, everything_stored
from tests.chatbase import caller_of, put_agent
from tests.fixie import begin, conversation, conversations, last, regenerate, send, snapshots, turns
from tests.models import FakeModels
from tests.shapes import A_TIME, AN_ID


def stored() -> set[str]:
    return {key for key in everything_stored() if "RATE#" not in key}


def test_a_conversation_begins_with_a_message(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["Hel", "lo!"])

    answer = api.post(conversations(agent), json={"message": "Hi"})

    told = snapshots(answer)[-1]
    user, reply = told["turns"]
    assert told == {"id": AN_ID, "turns": [user, reply]}
    assert user == {
        "id": AN_ID,
        "timestamp": A_TIME,
        "role": "user",
        "state": "done",
        "messages": [{"kind": "text", "content": "Hi", "state": "done"}],
    }
    assert reply == {
        "id": AN_ID,
        "timestamp": A_TIME,
        "role": "assistant",
        "inReplyToId": user["id"],
        "state": "done",
        "messages": [{"kind": "text", "content": "Hello!", "state": "done"}],
    }
    assert answer.headers["x-fixie-conversation-id"] == told["id"]
    assert answer.headers["content-type"] == "application/jsonl"
    assert "X-Fixie-Conversation-Id" in answer.headers["access-control-expose-headers"]


def test_what_the_stream_ends_with_is_what_is_read_later(api: Api, agent: str) -> None:
    made = begin(api, agent, "count to 5")

    assert api.get(conversation(agent, made["id"])).json() == made


def test_every_line_has_the_answer_as_the_last_turn(api: Api, agent: str) -> None:
    lines = snapshots(api.stream(conversations(agent), json={"message": "count to 500"}))

    assert {line["id"] for line in lines} == {lines[0]["id"]}
    for line in lines:
        assert [turn["role"] for turn in line["turns"]] == ["user", "assistant"]
        assert line["turns"] == [lines[0]["turns"][0], line["turns"][1]]
    assert lines[0]["turns"][1]["state"] == "in-progress"


@pytest.mark.parametrize("request_", [{}, {"json": {}}, {"json": {"message": None}}])
def test_without_a_message_the_agent_speaks_first(
    api: Api, agent: str, models: FakeModels, request_: dict[str, object]
) -> None:
    models.enqueue(["Welcome!"])

    told = last(api.post(conversations(agent), **request_))

    (said,) = told["turns"]
    assert said["role"] == "assistant"
    assert fixie.text(said) == "Welcome!"
    assert "inReplyToId" not in said
    assert models.requests[0].messages == []
    assert turns(api, agent, told["id"]) == [said]


def test_what_the_agent_said_first_is_regenerated(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["Welcome!"])
    made = begin(api, agent, None)
    models.enqueue(["Hi there!"])

    again = last(api.post(regenerate(agent, made["id"], made["turns"][0]["id"])))

    assert "inReplyToId" not in again
    assert turns(api, agent, made["id"]) == [again]
    send(api, agent, made["id"], "Hello")
    assert [m.text for m in models.requests[-1].messages] == ["Hi there!", "Hello"]


def test_nobody_says_anything_where_that_is_wanted(
    api: Api, agent: str, models: FakeModels
) -> None:
    answer = api.post(conversations(agent), json={"generateInitialMessage": False})

    (told,) = snapshots(answer)
    assert told == {"id": AN_ID, "turns": []}
    assert answer.headers["x-fixie-conversation-id"] == told["id"]
    assert models.requests == []
    assert api.get(conversation(agent, told["id"])).json() == told
    send(api, agent, told["id"], "Hello")
    assert len(turns(api, agent, told["id"])) == 2


def test_a_message_and_no_answer_to_it_is_refused(api: Api, agent: str) -> None:
    before = stored()

    answer = api.post(
        conversations(agent), json={"message": "Hello", "generateInitialMessage": False}
    )

    assert (answer.status, answer.text) == (
        400,
        "Invalid request: generateInitialMessage: must be true where there is a message.",
    )
    assert stored() == before


def test_in_one_piece_there_is_one_line(api: Api, agent: str) -> None:
    answer = api.post(conversations(agent), json={"message": "count to 3", "stream": False})

    (told,) = snapshots(answer)
    assert fixie.text(told["turns"][1]) == "1 2 3"


def test_without_an_agent_it_is_one_of_the_default_one(api: Api, models: FakeModels) -> None:
    agent = put_agent(api, default=True, instructions="Be brief.", temperature=0.25)

    made = begin(api, None)

    (request,) = models.requests
    assert (request.instructions, request.temperature) == ("Be brief.", 0.25)
    assert len(turns(api, agent, made["id"])) == 2


def test_without_an_agent_chosen_it_is_the_implicit_one(api: Api) -> None:
    made = begin(api, None)

    assert len(turns(api, caller_of(api).account_id, made["id"])) == 2


def test_it_is_there_on_another_surface(api: Api, agent: str) -> None:
    made = begin(api, agent, "count to 3")

    assert chatbase.texts(api, agent, made["id"]) == ["count to 3", "1 2 3"]


def test_it_has_the_title_of_its_first_message(api: Api, agent: str) -> None:
    begin(api, agent, "Where to in May?")

    assert api.get(chatbase.conversations(agent)).data[0]["title"] == "Where to in May?"


def test_asked_twice_with_one_key_it_begins_once(api: Api, agent: str, models: FakeModels) -> None:
    key = {"Idempotency-Key": "k1"}

    first = api.post(conversations(agent), json={"message": "Hello"}, headers=key)
    again = api.post(conversations(agent), json={"message": "Hello"}, headers=key)

    assert last(again) == last(first)
    assert again.headers["x-fixie-conversation-id"] == first.headers["x-fixie-conversation-id"]
    assert len(models.requests) == 1


def test_asked_twice_with_one_key_an_empty_one_is_made_once(api: Api, agent: str) -> None:
    key, nothing = {"Idempotency-Key": "k1"}, {"generateInitialMessage": False}

    first, again = (api.post(conversations(agent), json=nothing, headers=key) for _ in range(2))

    assert last(again) == last(first)


def test_a_key_that_stood_for_another_request_is_refused(api: Api, agent: str) -> None:
    key = {"Idempotency-Key": "k1"}
    api.post(conversations(agent), json={"message": "Hello"}, headers=key)

    answer = api.post(conversations(agent), json={"message": "Bye"}, headers=key)

    assert answer.status == 422
    assert answer.text == "This Idempotency-Key was used for another request."


def test_a_failure_ends_the_stream_with_its_state(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])

    told = begin(api, agent)

    reply = told["turns"][1]
    assert reply["state"] == "error"
    assert reply["errorDetail"] == "The answer could not be completed"
    # what was being written when it broke off was not finished
    assert reply["messages"] == [{"kind": "text", "content": "Hel", "state": "in-progress"}]
    assert turns(api, agent, told["id"])[1] == reply

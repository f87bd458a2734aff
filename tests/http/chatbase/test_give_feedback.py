"""PATCH /api/v2/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/feedback:
what is kept of an opinion.
"""

import pytest

from tests import conversations as of_conversations
from tests.api import Api, everything_stored
from tests.chatbase import (
    INVALID,
    NO_AGENT,
    NO_MESSAGE,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    feedback,
    messages,
    put_agent,
    refusal,
    retry,
)
from tests.models import FakeModels

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def given(api: Api, agent: str, made: str) -> list[str | None]:
    return [each["feedback"] for each in api.get(messages(agent, made)).data]


@pytest.mark.parametrize("mark", ["positive", "negative"])
def test_what_somebody_thinks_of_an_answer_is_kept(
    api: Api, agent: str, models: FakeModels, mark: str
) -> None:
    made, _, reply = begin(api, agent)

    answer = api.patch(feedback(agent, made, reply), json={"feedback": mark})

    assert answer.status == 200
    assert answer.data == api.get(messages(agent, made)).data[1]
    assert answer.data["feedback"] == mark
    assert given(api, agent, made) == [None, mark]


def test_it_can_be_changed_and_taken_back(api: Api, agent: str, models: FakeModels) -> None:
    made, _, reply = begin(api, agent)
    seen = []

    for mark in ("positive", "negative", "negative", None, None):
        answer = api.patch(feedback(agent, made, reply), json={"feedback": mark})
        seen.append(answer.data["feedback"])

    assert seen == ["positive", "negative", "negative", None, None]
    assert given(api, agent, made) == [None, None]


def test_nothing_else_is_changed_by_it(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["x" * 300_000])
    made, _, reply = begin(api, agent)
    before = {key: item for key, item in everything_stored().items() if "RATE#" not in key}

    api.patch(feedback(agent, made, reply), json={"feedback": "positive"})

    after = {key: item for key, item in everything_stored().items() if "RATE#" not in key}
    changed = [key for key in after if after[key] != before.get(key)]
    assert [key.partition(" ")[2] for key in changed] == [f"M#{reply}"]
    assert after[changed[0]] == {**before[changed[0]], "fb": {"S": "positive"}}


def test_a_large_answer_comes_back_whole(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue(["x" * 300_000])
    made, _, reply = begin(api, agent)

    answer = api.patch(feedback(agent, made, reply), json={"feedback": "positive"})

    assert answer.data["parts"] == [{"type": "text", "text": "x" * 300_000}]


def test_an_answer_that_a_retry_has_dropped_can_still_be_judged(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, _, old = begin(api, agent)
    api.post(retry(agent, made), json={"messageId": old})

    answer = api.patch(feedback(agent, made, old), json={"feedback": "negative"})

    assert (answer.status, answer.data["id"]) == (200, old)
    assert given(api, agent, made) == [None, None]


def test_a_users_message_is_no_answer(api: Api, agent: str, models: FakeModels) -> None:
    made, user, _ = begin(api, agent)

    answer = api.patch(feedback(agent, made, user), json={"feedback": "positive"})

    assert answer.status == 422
    assert answer.json() == refusal(
        "RESOURCE_MESSAGE_NOT_ASSISTANT", "Only assistant messages support metadata updates"
    )


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1", "%ff"])
def test_an_unknown_message_is_not_found(
    api: Api, agent: str, models: FakeModels, no_id: str
) -> None:
    made, *_ = begin(api, agent)

    answer = api.patch(feedback(agent, made, no_id), json={"feedback": "positive"})

    assert (answer.status, answer.json()) == (404, NO_MESSAGE)


def test_nor_is_one_of_another_conversation_or_a_deleted_one(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, _, deleted = begin(api, agent)
    *_, elsewhere = begin(api, agent)
    api.delete(of_conversations.message(deleted))

    for message in (elsewhere, deleted):
        answer = api.patch(feedback(agent, made, message), json={"feedback": "positive"})
        assert (answer.status, answer.json()) == (404, NO_MESSAGE)


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1"])
def test_an_unknown_conversation_is_not_found(
    api: Api, agent: str, models: FakeModels, no_id: str
) -> None:
    *_, reply = begin(api, agent)

    answer = api.patch(feedback(agent, no_id, reply), json={"feedback": "positive"})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_under_another_agent_it_is_not_found(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, _, reply = begin(api, agent)
    mark = {"feedback": "positive"}

    assert api.patch(feedback(put_agent(api), made, reply), json=mark).json() == NOT_FOUND
    theirs = feedback(put_agent(stranger), made, reply)
    assert stranger.patch(theirs, json=mark).json() == NOT_FOUND
    assert stranger.patch(feedback(agent, made, reply), json=mark).json() == NO_AGENT
    assert given(api, agent, made) == [None, None]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{}", "Required"),
        ('{"feedback": "good"}', "Input should be 'positive' or 'negative'"),
        ('{"feedback": ""}', "Input should be 'positive' or 'negative'"),
        ('{"feedback": "POSITIVE"}', "Input should be 'positive' or 'negative'"),
        ('{"feedback": 1}', "Input should be 'positive' or 'negative'"),
        ('{"feedback": true}', "Input should be 'positive' or 'negative'"),
        ('{"feedback": ["positive"]}', "Input should be 'positive' or 'negative'"),
    ],
)
def test_there_are_two_opinions_and_none(
    api: Api, agent: str, models: FakeModels, body: str, problem: str
) -> None:
    made, _, reply = begin(api, agent)

    answer = api.patch(feedback(agent, made, reply), body=body, headers=JSON)

    assert answer.status == 400
    assert answer.json() == refusal(*INVALID, feedback=problem)
    assert given(api, agent, made) == [None, None]


def test_the_next_turn_reads_the_answer_as_before(api: Api, agent: str, models: FakeModels) -> None:
    made, _, reply = begin(api, agent)
    api.patch(feedback(agent, made, reply), json={"feedback": "negative"})

    ask(api, agent, "Two", conversationId=made)

    assert [each.text for each in models.requests[-1].messages] == ["Hello", "An answer.", "Two"]

"""GET /api/v2/agents/{agent_id}/conversations."""

import time
from typing import Any

import pytest

from reprise.accounts import agents
from reprise.engine import conversations as engine_conversations
from reprise.engine.conversations import Draft
from reprise.store import keys
from reprise.web.engine import engine
from tests import conversations as of_conversations
from tests.api import Api
from tests.chatbase import (
    INVALID,
    NO_AGENT,
    ask,
    begin,
    caller_of,
    chat,
    conversation,
    conversations,
    feedback,
    messages,
    put_agent,
    refusal,
    retry,
    texts,
)
from tests.models import FakeModels
from tests.shapes import AN_ID


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def listed(api: Api, agent: str, query: str = "") -> list[str]:
    return [each["id"] for each in api.get(conversations(agent) + query).data]


def pages(api: Api, path: str, limit: int) -> list[dict[str, Any]]:
    """All pages of a list."""
    found, cursor = [], ""
    while True:
        page = api.get(f"{path}?limit={limit}{cursor}").json()
        found.append(page)
        if not page["pagination"]["hasMore"]:
            return found
        cursor = f"&cursor={page['pagination']['cursor']}"


def test_conversations_are_listed(api: Api, agent: str, models: FakeModels) -> None:
    begun = int(time.time())
    made, *_ = begin(api, agent, "Where to?", userId="ada")

    answer = api.get(conversations(agent))

    assert answer.status == 200
    (shown,) = answer.data
    assert shown == {
        "id": made,
        "title": "Where to?",
        "createdAt": shown["createdAt"],
        "updatedAt": shown["updatedAt"],
        "userId": "ada",
        "status": "ongoing",
    }
    assert begun <= shown["createdAt"] <= shown["updatedAt"] <= time.time()  # in seconds
    assert shown["id"] == AN_ID
    assert answer.json()["pagination"] == {"cursor": None, "hasMore": False, "total": 1}


def test_the_latest_activity_comes_first(api: Api, agent: str, models: FakeModels) -> None:
    older, newer = (begin(api, agent)[0] for _ in range(2))
    before = listed(api, agent)

    ask(api, agent, "And on", conversationId=older)

    assert before == [newer, older]
    assert listed(api, agent) == [older, newer]


def test_pages_follow_each_other(api: Api, agent: str, models: FakeModels) -> None:
    made = [begin(api, agent)[0] for _ in range(5)]

    found = pages(api, conversations(agent), 2)

    assert [[each["id"] for each in page["data"]] for page in found] == [
        made[:2:-1],
        made[2:0:-1],
        made[:1],
    ]
    assert [page["pagination"]["total"] for page in found] == [5, 5, 5]
    assert found[-1]["pagination"] == {"cursor": None, "hasMore": False, "total": 5}
    assert all(page["pagination"]["cursor"] for page in found[:-1])


def test_a_page_has_20_unless_it_is_told_otherwise(api: Api, agent: str) -> None:
    caller = caller_of(api)
    for _ in range(21):
        engine_conversations.create(engine(), caller.owner, Draft(agent=agent))

    assert len(listed(api, agent)) == 20
    assert len(listed(api, agent, "?limit=100")) == 21


def test_those_with_other_agents_are_not_listed(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)
    begin(api, put_agent(api))
    begin(stranger, put_agent(stranger))

    assert listed(api, agent) == [made]


def test_those_that_name_no_agent_are_the_default_ones(
    api: Api, agent: str, models: FakeModels
) -> None:
    elsewhere = of_conversations.create(api)
    implicit = caller_of(api).account_id
    before = listed(api, implicit)

    chosen = put_agent(api, default=True)
    here, *_ = begin(api, chosen)

    assert before == [elsewhere]
    assert listed(api, chosen) == [here, elsewhere]
    assert listed(api, agent) == []
    assert api.get(conversations(implicit)).json() == NO_AGENT


def test_one_without_a_title_has_none(api: Api) -> None:
    caller = caller_of(api)
    engine_conversations.create(engine(), caller.owner, Draft())

    assert api.get(conversations(caller.account_id)).data[0]["title"] is None


def test_what_the_public_has_with_an_agent_is_its_accounts_too(
    api: Api, stranger: Api, models: FakeModels
) -> None:
    agent = put_agent(api, public=True)
    anybody = engine_conversations.create(engine(), keys.agent(agent), Draft("Hello?"))

    assert listed(api, agent) == [anybody.id]
    assert api.get(conversation(agent, anybody.id)).data["title"] == "Hello?"
    assert api.get(messages(agent, anybody.id)).data == []
    answer = ask(api, agent, "Who is there?", conversationId=anybody.id)
    answer = api.post(
        retry(agent, anybody.id), json={"messageId": answer["id"], "stream": False}
    ).data
    rated = api.patch(feedback(agent, anybody.id, answer["id"]), json={"feedback": "negative"})
    assert rated.status == 200
    assert texts(api, agent, anybody.id) == ["Who is there?", "An answer."]
    assert listed(stranger, agent) == []
    assert stranger.get(conversation(agent, anybody.id)).status == 404
    said = {"message": "Hi", "conversationId": anybody.id}
    assert stranger.post(chat(agent), json=said).status == 404


def test_one_that_was_deleted_is_not_listed(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent)

    api.delete(of_conversations.conversation(made))

    assert listed(api, agent) == []
    assert api.get(conversation(agent, made)).status == 404


def test_of_an_agent_that_is_gone_nothing_is_listed(
    api: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)
    agents.store.delete(caller_of(api).owner, agent)
    agents.forget()

    assert api.get(conversations(agent)).json() == NO_AGENT
    assert of_conversations.contents(api, made) == ["Hello", "An answer."]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        (f"limit={'9' * 5_000}", "limit"),
        ("limit=%00", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ff", "cursor"),
        ("cursor=bnVsbA==", "cursor"),
        (f"cursor={'W' * 6_000}", "cursor"),
    ],
)
def test_pages_have_their_limits(api: Api, agent: str, query: str, field: str) -> None:
    answer = api.get(f"{conversations(agent)}?{query}")

    assert answer.status == 400
    details = answer.json()["error"]["details"]
    assert answer.json() == refusal(*INVALID, **details)
    assert details.keys() == {field}


def test_the_cursor_of_another_list_is_refused(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent)
    for _ in range(2):
        ask(api, agent, "And on", conversationId=made)
    of_messages = api.get(f"{messages(agent, made)}?limit=1").json()["pagination"]["cursor"]

    answer = api.get(f"{conversations(agent)}?cursor={of_messages}")

    assert answer.status == 400
    assert answer.json()["error"]["details"].keys() == {"cursor"}
    assert texts(api, agent, made)[0] == "Hello"

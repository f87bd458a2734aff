"""GET /api/v2/agents/{agent_id}/conversations/{conversation_id}."""

import pytest

from tests import conversations as of_conversations
from tests.api import Api
from tests.chatbase import (
    NO_AGENT,
    NOT_FOUND,
    UNKNOWN_ID,
    ask,
    begin,
    caller_of,
    conversation,
    conversations,
    messages,
    put_agent,
)
from tests.models import FakeModels


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def test_it_is_the_listed_one_with_its_messages(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent, userId="ada")

    answer = api.get(conversation(agent, made))

    (listed,) = api.get(conversations(agent)).data
    page = api.get(messages(agent, made)).json()
    assert answer.status == 200
    assert answer.json() == {
        "data": {**listed, "messages": page["data"]},
        "pagination": page["pagination"],
    }


def test_its_messages_come_page_by_page(api: Api, agent: str, models: FakeModels) -> None:
    made, *_ = begin(api, agent, "One")
    ask(api, agent, "Two", conversationId=made)

    first = api.get(f"{conversation(agent, made)}?limit=3").json()
    cursor = first["pagination"]["cursor"]
    second = api.get(f"{conversation(agent, made)}?limit=3&cursor={cursor}").json()

    said = [
        [each["parts"][0]["text"] for each in page["data"]["messages"]] for page in (first, second)
    ]
    assert said == [["An answer.", "Two", "An answer."], ["One"]]
    assert first["pagination"] == {"cursor": cursor, "hasMore": True, "total": 4}
    assert second["pagination"] == {"cursor": None, "hasMore": False, "total": 4}


def test_a_title_is_any_text(api: Api) -> None:
    made = of_conversations.create(api, 'A "trip" to \\ \u2028 東京')

    found = api.stream(conversation(caller_of(api).account_id, made), method="GET")

    assert found.data["title"] == 'A "trip" to \\ \u2028 東京'
    assert found.data["messages"] == []


@pytest.mark.parametrize("no_id", [UNKNOWN_ID, "x", "%2e%2e", "%00", "a" * 5_000, "1"])
def test_an_unknown_one_is_not_found(api: Api, agent: str, no_id: str) -> None:
    answer = api.get(conversation(agent, no_id))

    assert (answer.status, answer.json()) == (404, NOT_FOUND)


def test_under_another_agent_it_is_not_found(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    made, *_ = begin(api, agent)

    assert api.get(conversation(put_agent(api), made)).json() == NOT_FOUND
    assert api.get(conversation("nobody", made)).json() == NO_AGENT
    assert stranger.get(conversation(put_agent(stranger), made)).json() == NOT_FOUND

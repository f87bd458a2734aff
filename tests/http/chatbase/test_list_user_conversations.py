"""GET /api/v2/agents/{agent_id}/users/{user_id}/conversations."""

import pytest

from tests.api import Api
from tests.chatbase import (
    INVALID,
    NO_AGENT,
    begin,
    conversations,
    of_user,
    put_agent,
    refusal,
)
from tests.models import FakeModels


@pytest.fixture
def agent(api: Api) -> str:
    return put_agent(api)


def listed(api: Api, agent: str, user: str) -> list[str]:
    return [each["id"] for each in api.get(of_user(agent, user)).data]


def test_a_users_conversations_are_listed_as_the_agents_are(
    api: Api, agent: str, models: FakeModels
) -> None:
    begin(api, agent)
    begin(api, agent, userId="bob")
    made, *_ = begin(api, agent, userId="ada")

    answer = api.get(of_user(agent, "ada"))

    assert answer.status == 200
    assert answer.json()["pagination"] == {"cursor": None, "hasMore": False, "total": 1}
    assert answer.data == [
        each for each in api.get(conversations(agent)).data if each["id"] == made
    ]
    assert answer.data[0]["userId"] == "ada"


def test_the_latest_activity_comes_first_page_by_page(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = [begin(api, agent, userId="ada")[0] for _ in range(3)]

    first = api.get(f"{of_user(agent, 'ada')}?limit=2").json()
    cursor = first["pagination"]["cursor"]
    second = api.get(f"{of_user(agent, 'ada')}?limit=2&cursor={cursor}").json()

    assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
    assert first["pagination"] == {"cursor": cursor, "hasMore": True, "total": 3}
    assert second["pagination"] == {"cursor": None, "hasMore": False, "total": 3}


def test_those_with_another_agent_are_that_ones(api: Api, agent: str, models: FakeModels) -> None:
    begin(api, agent, userId="ada")

    assert listed(api, put_agent(api), "ada") == []


def test_another_account_has_other_users_of_the_same_name(
    api: Api, stranger: Api, agent: str, models: FakeModels
) -> None:
    begin(api, agent, userId="ada")
    theirs = put_agent(stranger)
    made, *_ = begin(stranger, theirs, userId="ada")

    assert listed(stranger, theirs, "ada") == [made]
    assert stranger.get(of_user(agent, "ada")).json() == NO_AGENT


@pytest.mark.parametrize("user", ["nobody", "a" * 128, "...", "-", "0"])
def test_one_that_has_none_has_an_empty_list(api: Api, agent: str, user: str) -> None:
    answer = api.get(of_user(agent, user))

    assert answer.status == 200
    assert answer.json() == {
        "data": [],
        "pagination": {"cursor": None, "hasMore": False, "total": 0},
    }


@pytest.mark.parametrize("user", ["a%20b", "%23", "a%0A", "%00", "%F0%9F%8C%8D", "a" * 129, "a:b"])
def test_who_cannot_be_one_is_refused(api: Api, agent: str, user: str) -> None:
    answer = api.get(of_user(agent, user))

    assert answer.status == 400
    details = answer.json()["error"]["details"]
    assert answer.json() == refusal(*INVALID, **details)
    assert details.keys() == {"userId"}

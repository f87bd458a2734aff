"""GET /api/v1/agents/{agent_id}/conversations, and the same without an agent."""

from tests.api import Api
from tests.chatbase import put_agent
from tests.fixie import begin, conversations, send


def listed(api: Api, agent_id: str | None, query: str = "") -> list[str]:
    found = api.get(conversations(agent_id) + query)
    assert found.status == 200, found.text
    return [each["id"] for each in found.json()["conversations"]]


def test_it_has_the_agents_conversations_latest_activity_first(api: Api, agent: str) -> None:
    first, second = begin(api, agent), begin(api, agent, None)
    begin(api, put_agent(api))
    send(api, agent, first["id"], "And?")

    found = api.get(conversations(agent)).json()

    assert found.keys() == {"conversations", "cursor"}
    assert [each["id"] for each in found["conversations"]] == [first["id"], second["id"]]
    assert found["conversations"][1] == second
    assert len(found["conversations"][0]["turns"]) == 4
    assert found["cursor"] is None


def test_without_an_agent_it_has_the_default_ones(api: Api, agent: str) -> None:
    begin(api, agent)
    made = begin(api, None)

    assert listed(api, None) == [made["id"]]


def test_pages_have_all_of_them_once(api: Api, agent: str) -> None:
    made = [begin(api, agent, None)["id"] for _ in range(5)]
    seen, query = [], "?limit=2"
    while query:
        found = api.get(conversations(agent) + query).json()
        seen += [each["id"] for each in found["conversations"]]
        query = found["cursor"] and f"?limit=2&cursor={found['cursor']}"

    assert seen == made[::-1]


def test_an_agent_without_any_has_an_empty_list(api: Api, agent: str) -> None:
    assert api.get(conversations(agent)).json() == {"conversations": [], "cursor": None}


def test_others_who_talk_to_a_public_agent_see_their_own(
    api: Api, stranger: Api, public: str
) -> None:
    mine, theirs = begin(api, public), begin(stranger, public)

    assert listed(api, public) == [mine["id"]]
    assert listed(stranger, public) == [theirs["id"]]


def test_nobody_lists_without_a_key(anybody: Api, public: str) -> None:
    begin(anybody, public)

    found = anybody.get(conversations(public))

    assert (found.status, found.text) == (401, "An API key is required.")


def test_the_agents_account_lists_what_the_public_has(api: Api, anybody: Api, public: str) -> None:
    made = begin(anybody, public)

    found = api.get(conversations(public)).json()

    assert found["conversations"] == [made]

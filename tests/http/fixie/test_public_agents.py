"""Public agents, without a key: whose the conversations are, who pays, who is counted."""

import os

import pytest

from tests import fixie
from tests.api import Api, aws_client, everything_stored
from tests.chatbase import caller_of, new_client, put_agent
from tests.fixie import (
    NO_AGENT,
    UNKNOWN_ID,
    begin,
    conversation,
    conversations,
    last,
    messages,
    regenerate,
    send,
    stop,
    turns,
)
from tests.models import FakeModels


def calls(agent_id: str | None, made: str = UNKNOWN_ID) -> list[tuple[str, str, object]]:
    """A good request to each endpoint but the list."""
    return [
        ("POST", conversations(agent_id), {"message": "Hello"}),
        ("GET", conversation(agent_id, made), None),
        ("POST", messages(agent_id, made), {"message": "Hello"}),
        ("POST", stop(agent_id, made, UNKNOWN_ID), None),
        ("POST", regenerate(agent_id, made, UNKNOWN_ID), None),
    ]


def test_whoever_knows_the_agent_may_talk_to_it(anybody: Api, public: str) -> None:
    made = begin(anybody, public, "One")
    reply = send(anybody, public, made["id"], "Two")
    again = last(anybody.post(regenerate(public, made["id"], reply["id"])))

    assert anybody.post(stop(public, made["id"], again["id"])).status == 200
    assert turns(anybody, public, made["id"])[-1] == again


def test_whoever_knows_its_full_id_may_read_a_conversation(anybody: Api, public: str) -> None:
    made = begin(anybody, public)
    somebody = Api.anonymous()

    assert turns(somebody, public, made["id"]) == made["turns"]
    almost = made["id"][:-1] + ("0" if made["id"][-1] != "0" else "1")
    assert somebody.get(conversation(public, almost)).status == 404


def test_the_agents_account_reads_it_and_goes_on(api: Api, anybody: Api, public: str) -> None:
    made = begin(anybody, public, "One")
    assert turns(api, public, made["id"]) == made["turns"]

    reply = send(api, public, made["id"], "Two")
    again = last(api.post(regenerate(public, made["id"], reply["id"])))

    assert api.post(stop(public, made["id"], again["id"])).status == 200
    assert turns(anybody, public, made["id"])[-1] == again


def test_the_account_is_told_of_a_message_that_is_not_there(
    api: Api, anybody: Api, public: str
) -> None:
    for made in (begin(anybody, public), begin(api, public)):
        answer = api.post(regenerate(public, made["id"], UNKNOWN_ID))
        assert (answer.status, answer.text) == (404, "Message not found.")


def test_another_account_does_not_find_it(anybody: Api, stranger: Api, public: str) -> None:
    made = begin(anybody, public)

    assert stranger.get(conversation(public, made["id"])).status == 404


@pytest.mark.parametrize("whose", ["api", "stranger"])
def test_what_was_begun_with_a_key_is_that_accounts_alone(
    anybody: Api, public: str, whose: str, request: pytest.FixtureRequest
) -> None:
    client: Api = request.getfixturevalue(whose)
    made = begin(client, public)
    before = {key: item for key, item in everything_stored().items() if "RATE#" not in key}

    for method, path, body in calls(public, made["id"])[1:]:
        answer = anybody.request(method, path, json=body)
        assert (answer.status, answer.text) == (404, "Conversation not found."), path
    after = {key: item for key, item in everything_stored().items() if "RATE#" not in key}
    assert after == before
    assert turns(client, public, made["id"]) == made["turns"]


def test_the_account_of_an_agent_does_not_find_what_others_have_with_it(
    api: Api, stranger: Api, public: str
) -> None:
    made = begin(stranger, public)

    for method, path, body in calls(public, made["id"])[1:]:
        assert api.request(method, path, json=body).status == 404


@pytest.mark.parametrize("kind", ["unknown", "private", "nonsense"])
def test_an_agent_that_is_not_open_does_not_exist(
    api: Api, anybody: Api, agent: str, kind: str
) -> None:
    made = begin(api, agent)
    named = {"unknown": UNKNOWN_ID, "private": agent, "nonsense": "a%20b"}[kind]

    for method, path, body in [*calls(named, made["id"]), ("GET", conversations(named), None)]:
        answer = anybody.request(method, path, json=body)
        assert (answer.status, answer.text) == (404, NO_AGENT), path
        assert answer.headers["content-type"].startswith("text/plain")


def test_an_accounts_implicit_agent_is_private(api: Api, anybody: Api) -> None:
    answer = anybody.post(conversations(caller_of(api).account_id))

    assert (answer.status, answer.text) == (404, NO_AGENT)


def test_without_a_key_an_agent_has_to_be_named(aws: None, anybody: Api) -> None:
    for method, path, body in [*calls(None), ("GET", conversations(None), None)]:
        answer = anybody.request(method, path, json=body)
        assert (answer.status, answer.text) == (401, "An API key is required.")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("credentials", ["Bearer nonsense", "Basic abc", "Bearer "])
def test_a_key_that_is_none_is_not_nobody(anybody: Api, public: str, credentials: str) -> None:
    headers = {"Authorization": credentials}

    answer = anybody.post(conversations(public), json={"message": "Hi"}, headers=headers)

    assert answer.status == 401


def test_the_agents_account_pays(anybody: Api, models: FakeModels) -> None:
    owner = new_client("standard")
    agent = put_agent(owner, public=True)

    begin(anybody, agent)

    ledgers = [key for key in everything_stored() if " LEDGER#" in key]
    assert len(ledgers) == 1
    assert ledgers[0].startswith(f"{caller_of(owner).owner} ")


def test_each_source_is_counted_by_itself(anybody: Api) -> None:
    public = put_agent(new_client("standard"), public=True)

    here = anybody.post(conversations(public), json={"message": "Hello"})
    again = anybody.post(conversations(public), json={"message": "Hello"})

    limits = [answer.headers["x-ratelimit-limit"] for answer in (here, again)]
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in (here, again)]
    assert limits == ["60", "60"]
    assert left[0] - left[1] == 1
    items = aws_client("dynamodb").scan(TableName=os.environ["TABLE_NAME"])["Items"]
    partitions = [item["pk"]["S"] for item in items]
    windows = [key for key in partitions if key.startswith("RATE#fixie#AGENT#")]
    assert windows
    assert not any("192.0.2.1" in key for key in windows)


def test_a_key_does_not_share_the_publics_window(anybody: Api) -> None:
    api = new_client("standard")
    public = put_agent(api, public=True)
    begin(anybody, public)

    answer = api.post(conversations(public), json={"message": "Hello"})

    assert answer.headers["x-ratelimit-remaining"] == "59"


def test_asked_twice_with_one_key_of_its_own_it_is_begun_once(
    anybody: Api, public: str, models: FakeModels
) -> None:
    key, said = {"Idempotency-Key": "k1"}, {"message": "Hello"}

    first, again = (anybody.post(conversations(public), json=said, headers=key) for _ in range(2))

    assert last(first) == last(again)
    assert len(models.requests) == 1


def test_an_agent_that_is_private_by_now_is_closed(api: Api, anybody: Api, public: str) -> None:
    made = begin(anybody, public)
    put_agent(api, public)

    assert anybody.get(conversation(public, made["id"])).status == 404
    assert fixie.texts(api, public, made["id"])

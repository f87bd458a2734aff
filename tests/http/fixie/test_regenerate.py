"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/regenerate:
the last answer anew, and no other.
"""

import asyncio

import pytest

from reprise.chat.errors import UpstreamFailed
from tests import chatbase, fixie
from tests import conversations as conversations_surface
from tests.api import Api, everything_stored
from tests.chatbase import put_agent
from tests.fixie import NOT_LAST, UNKNOWN_ID, begin, last, regenerate, send, snapshots, turns
from tests.models import FakeModels
from tests.shapes import AN_ID


def stored() -> dict[str, object]:
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


@pytest.mark.parametrize("body", [None, {}, {"runtimeParameters": {}}])
@pytest.mark.parametrize("named", [True, False])
def test_another_answer_takes_the_last_ones_place(
    api: Api, models: FakeModels, body: dict[str, object] | None, named: bool
) -> None:
    agent = put_agent(api, default=True) if named else None
    made = begin(api, agent)
    user, reply = made["turns"]
    models.enqueue(["Another", " one"])

    again = last(api.post(regenerate(agent, made["id"], reply["id"]), json=body))

    assert again == reply | {
        "id": AN_ID,
        "timestamp": again["timestamp"],
        "messages": [{"kind": "text", "content": "Another one", "state": "done"}],
    }
    assert again["id"] != reply["id"]
    assert turns(api, agent, made["id"]) == [user, again]


def test_nothing_is_lost(api: Api, agent: str) -> None:
    made = begin(api, agent)
    before = stored()

    last(api.post(regenerate(agent, made["id"], made["turns"][1]["id"])))

    kept = stored()
    assert all(kept[key] == item for key, item in before.items() if " M#" in key)


def test_every_line_says_what_it_answers(api: Api, agent: str) -> None:
    made = begin(api, agent, "count to 100")
    user, reply = made["turns"]

    lines = snapshots(api.stream(regenerate(agent, made["id"], reply["id"])))

    assert {line["inReplyToId"] for line in lines} == {user["id"]}


def test_what_was_deleted_is_not_what_it_answers(api: Api, agent: str) -> None:
    made = begin(api, agent)
    reply = send(api, agent, made["id"], "And?")
    api.delete(conversations_surface.message(reply["inReplyToId"]))

    again = last(api.post(regenerate(agent, made["id"], reply["id"])))

    assert again["inReplyToId"] == made["turns"][0]["id"]
    assert turns(api, agent, made["id"]) == [*made["turns"], again]


def test_again_and_again(api: Api, agent: str) -> None:
    made = begin(api, agent)
    reply = made["turns"][1]
    for _ in range(5):
        reply = last(api.post(regenerate(agent, made["id"], reply["id"])))
    assert turns(api, agent, made["id"]) == [made["turns"][0], reply]


def test_what_was_replaced_is_not_the_last_any_more(
    api: Api, agent: str, models: FakeModels
) -> None:
    """So a click too many makes nothing."""
    made = begin(api, agent)
    path = regenerate(agent, made["id"], made["turns"][1]["id"])
    last(api.post(path))

    refused = api.post(path)

    assert (refused.status, refused.text) == (409, NOT_LAST)
    assert refused.headers["content-type"].startswith("text/plain")
    assert len(models.requests) == 2


def test_an_older_turn_is_refused(api: Api, agent: str) -> None:
    made = begin(api, agent)
    send(api, agent, made["id"], "And?")

    refused = api.post(regenerate(agent, made["id"], made["turns"][1]["id"]))

    assert (refused.status, refused.text) == (409, NOT_LAST)


def test_a_users_turn_is_refused(api: Api, agent: str, models: FakeModels) -> None:
    made = begin(api, agent)
    models.enqueue([UpstreamFailed("no", refused=True)])
    send(api, agent, made["id"], "And?")  # so that the last turn is a user's, too

    for user in (turns(api, agent, made["id"])[0], turns(api, agent, made["id"])[-1]):
        refused = api.post(regenerate(agent, made["id"], user["id"]))
        assert (refused.status, refused.text) == (409, NOT_LAST)


def test_a_running_turn_is_refused(api: Api, agent: str, models: FakeModels) -> None:
    made, refused, running = begin(api, agent), [], []

    async def regenerate_it() -> None:
        *_, turn = await asyncio.to_thread(turns, api, agent, made["id"])
        path = regenerate(agent, made["id"], turn["id"])
        running.append(turn["id"])
        refused.append(await asyncio.to_thread(api.post, path))

    models.enqueue(["Hel", regenerate_it, "lo"])
    told = send(api, agent, made["id"], "And?")

    assert running == [told["id"]]
    assert (refused[0].status, refused[0].text) == (409, NOT_LAST)
    assert fixie.text(told) == "Hello"


def test_an_unknown_message_is_not_found(api: Api, agent: str) -> None:
    made, other = begin(api, agent), begin(api, agent)

    for unknown in (UNKNOWN_ID, "nonsense", other["turns"][1]["id"]):
        refused = api.post(regenerate(agent, made["id"], unknown))
        assert (refused.status, refused.text) == (404, "Message not found.")


def test_an_unknown_conversation_is_not_found(api: Api, agent: str) -> None:
    made = begin(api, agent)

    refused = api.post(regenerate(agent, UNKNOWN_ID, made["turns"][1]["id"]))

    assert (refused.status, refused.text) == (404, "Conversation not found.")


def test_a_stopped_or_failed_answer_is_regenerated(
    api: Api, agent: str, models: FakeModels
) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])
    made = begin(api, agent)
    models.enqueue(["Hello"])

    again = last(api.post(regenerate(agent, made["id"], made["turns"][1]["id"])))

    assert fixie.text(again) == "Hello"
    assert turns(api, agent, made["id"])[1] == again


@pytest.mark.parametrize("message", ["Hello", None])
def test_an_answer_that_failed_empty_is_done_again(
    api: Api, agent: str, models: FakeModels, message: str | None
) -> None:
    """It is not listed, but its client has seen it, and offers to try again."""
    models.enqueue([UpstreamFailed("no", refused=True)])
    made = begin(api, agent, message)
    models.enqueue(["Hello"])

    again = last(api.post(regenerate(agent, made["id"], made["turns"][-1]["id"])))

    assert again.get("inReplyToId") == made["turns"][-1].get("inReplyToId")
    assert turns(api, agent, made["id"])[-1] == again


def test_a_regeneration_that_failed_empty_is_done_again(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = begin(api, agent)
    models.enqueue([UpstreamFailed("no", refused=True)])
    failed = last(api.post(regenerate(agent, made["id"], made["turns"][1]["id"])))
    assert turns(api, agent, made["id"]) == made["turns"]
    models.enqueue(["Hello"])

    again = last(api.post(regenerate(agent, made["id"], failed["id"])))

    assert turns(api, agent, made["id"]) == [made["turns"][0], again]


def test_what_failed_empty_long_ago_is_refused(api: Api, agent: str, models: FakeModels) -> None:
    models.enqueue([UpstreamFailed("no", refused=True)])
    made = begin(api, agent)
    send(api, agent, made["id"], "Well?")

    refused = api.post(regenerate(agent, made["id"], made["turns"][1]["id"]))

    assert (refused.status, refused.text) == (409, NOT_LAST)


def test_a_failure_with_text_replaces_nothing_of_the_question(
    api: Api, agent: str, models: FakeModels
) -> None:
    made = begin(api, agent)
    models.enqueue(["Hel", UpstreamFailed("gone")])

    told = last(api.post(regenerate(agent, made["id"], made["turns"][1]["id"])))

    assert told["state"] == "error"
    assert turns(api, agent, made["id"]) == [made["turns"][0], told]


def test_asked_twice_with_one_key_it_is_done_once(api: Api, agent: str, models: FakeModels) -> None:
    made = begin(api, agent)
    path = regenerate(agent, made["id"], made["turns"][1]["id"])

    first, again = (api.post(path, headers={"Idempotency-Key": "k1"}) for _ in range(2))

    assert last(again) == last(first)
    assert len(models.requests) == 2


def test_what_another_surface_began_is_regenerated(api: Api) -> None:
    made = conversations_surface.create(api)
    user, reply = conversations_surface.send(api, made, "count to 3")

    again = last(api.post(regenerate(None, made, reply["id"])))

    assert again["inReplyToId"] == user["id"]
    assert conversations_surface.contents(api, made) == ["count to 3", "1 2 3"]


def test_another_surface_retries_it(api: Api, agent: str) -> None:
    made = begin(api, agent)
    reply = made["turns"][1]

    retried = api.post(
        chatbase.retry(agent, made["id"]), json={"messageId": reply["id"], "stream": False}
    )

    assert turns(api, agent, made["id"])[1]["id"] == retried.data["id"]

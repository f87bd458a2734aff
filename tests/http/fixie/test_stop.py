"""POST /api/v1/agents/{agent_id}/conversations/{conversation_id}/messages/{message_id}/stop."""

import asyncio
from functools import partial

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from tests import fixie
from tests.api import Api
from tests.fixie import UNKNOWN_ID, begin, send, stop, turns
from tests.models import FakeModels


@pytest.fixture
def quick(models: FakeModels) -> FakeModels:
    """Models in an engine that looks often whether somebody wants the end."""
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.005, retry_wait=0.001)))
    return models


def test_an_answer_ends_with_what_there_is_of_it(api: Api, agent: str, quick: FakeModels) -> None:
    made, answered = begin(api, agent), []

    async def stop_it() -> None:
        *_, running = await asyncio.to_thread(turns, api, agent, made["id"])
        path = stop(agent, made["id"], running["id"])
        answered.append(await asyncio.to_thread(api.post, path))

    async def stop_it_all_the_same() -> None:  # though the model is cut off by that
        await asyncio.shield(asyncio.create_task(stop_it()))

    quick.enqueue(["Hel", stop_it_all_the_same, partial(asyncio.sleep, 60), "lo"])
    told = send(api, agent, made["id"], "Tell me all")

    assert (answered[0].status, answered[0].json()) == (200, {})
    assert told["state"] == "stopped"
    assert "errorDetail" not in told
    assert told["messages"] == [{"kind": "text", "content": "Hel", "state": "in-progress"}]
    assert turns(api, agent, made["id"])[-1] == told


def test_what_has_ended_stays_as_it_is(api: Api, agent: str) -> None:
    made = begin(api, agent)

    for turn in made["turns"]:
        answer = api.post(stop(agent, made["id"], turn["id"]))
        assert (answer.status, answer.json()) == (200, {})

    assert turns(api, agent, made["id"]) == made["turns"]


def test_what_ended_empty_was_stopped_already(api: Api, agent: str, models: FakeModels) -> None:
    """It is not listed, but its client has seen it, and may be a moment late."""
    made = begin(api, agent)
    models.enqueue([UpstreamFailed("no", refused=True)])
    failed = send(api, agent, made["id"], "And?")

    answer = api.post(stop(agent, made["id"], failed["id"]))

    assert (answer.status, answer.json()) == (200, {})


def test_an_older_turn_does_not_stop_what_runs(api: Api, agent: str, quick: FakeModels) -> None:
    made = begin(api, agent)
    older = made["turns"][1]["id"]

    quick.enqueue(
        [
            "Hel",
            lambda: asyncio.to_thread(api.post, stop(agent, made["id"], older)),
            partial(asyncio.sleep, 0.05),  # in which the flag would be seen ten times
            "lo",
        ]
    )
    told = send(api, agent, made["id"], "And?")

    assert (told["state"], fixie.text(told)) == ("done", "Hello")


def test_what_is_unknown_is_not_found(api: Api, agent: str) -> None:
    made, other = begin(api, agent), begin(api, agent)
    reply = made["turns"][1]["id"]

    for path, said in (
        (stop(agent, made["id"], UNKNOWN_ID), "Message not found."),
        (stop(agent, made["id"], other["turns"][1]["id"]), "Message not found."),
        (stop(agent, UNKNOWN_ID, reply), "Conversation not found."),
    ):
        answer = api.post(path)
        assert (answer.status, answer.text) == (404, said)

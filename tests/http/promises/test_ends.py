"""How an answer may end on every surface: stopped, out of time, broken off, left by its writer."""

import asyncio

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from tests.api import everything_stored
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.promises import (
    WAYS,
    Client,
    crashed,
    holds,
    state_of,
)
from tests.surfaces import Stopping


@pytest.mark.parametrize("way", ["send", "redo"])
def test_a_stopped_answer_keeps_its_text_and_is_paid(
    client: Client, quick: FakeModels, way: str
) -> None:
    before, pause = client.credits, Pause()
    quick.enqueue(["Hel", pause, " never said"])
    either = client.surface, client.surfaces["conversations"]
    stopper = next(each for each in either if isinstance(each, Stopping))

    with under_way(lambda: WAYS[way](client), pause) as answering:
        running = client.surface.shown(client.made)[-1]
        assert stopper.stop(client.made, running.id).status == 200
        told = answering.result()

    assert client.surface.ending(told) == client.shapes.endings["stopped"]
    assert client.shown()[-2:] == ["Hello", "Hel"]
    assert state_of(client, running.id) == ("stopped", "stopped")
    assert client.credits == before - 1
    assert holds(client) == set()


def test_an_answer_that_runs_out_of_time_is_told_as_far_as_it_came(
    client: Client, quick: FakeModels
) -> None:
    web_engine.use(Engine(quick, timing=Timing(margin=899)))  # the function has 900 seconds
    quick.enqueue(["Hel", lambda: asyncio.sleep(60), "lo"])

    told = client.send()

    assert client.surface.ending(told) == client.shapes.endings["deadline"]
    assert client.shown()[-2:] == ["Hello", "Hel"]
    assert state_of(client, client.surface.shown(client.made)[-1].id) == ("stopped", "deadline")


def test_an_answer_that_breaks_off_keeps_its_text(client: Client, quick: FakeModels) -> None:
    quick.enqueue(["Hel", UpstreamFailed("gone")])

    told = client.send()

    assert client.surface.ending(told) == client.shapes.endings["error"]
    assert client.shown()[-2:] == ["Hello", "Hel"]
    assert state_of(client, client.surface.shown(client.made)[-1].id) == ("error", "error")


def test_a_redo_that_fails_at_once_leaves_what_was_shown(client: Client, quick: FakeModels) -> None:
    before = client.shown()
    quick.enqueue([UpstreamFailed("gone")])

    told = client.redo()

    assert client.surface.ending(told) == client.shapes.endings["error"]
    assert client.shown() == before
    assert holds(client) == set()


@pytest.mark.parametrize("way", ["send", "redo"])
def test_what_its_writer_left_is_shown_and_gone_on_from(
    client: Client, quick: FakeModels, way: str
) -> None:
    client = crashed(client, "Hel", "lo")
    before, stored = client.credits, everything_stored()

    assert client.shown() == ["Hi", "Hello"]
    assert state_of(client, client.answer.id)[0] == "error"
    assert everything_stored() == stored  # reading repairs nothing
    assert holds(client) == {client.answer.id}

    told = WAYS[way](client)

    assert client.surface.ending(told) == client.shapes.endings["done"]
    after = {"send": ["Hi", "Hello", "Hello", "An answer."], "redo": ["Hi", "An answer."]}
    assert client.shown() == after[way]
    assert state_of(client, client.answer.id) == ("error", "error")
    assert client.credits == before - 1
    assert holds(client) == set()

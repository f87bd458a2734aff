"""A conversation that was begun on one surface, on all others: read, gone on with, redone, stopped,
deleted, and nothing of it lost.
"""

from pathlib import Path
from typing import Any

import pytest

from reprise.accounts import agents
from reprise.chat.ids import number_of
from tests import conversations, fixie, sessions
from tests.api import Api, Response, everything_stored, new_account, new_key
from tests.chatbase import put_agent
from tests.knowledge.pdfs import document
from tests.models import FakeModels
from tests.pause import Pause, under_way, until
from tests.surfaces import SURFACES, Shown, Stopping, Surface, surfaces_of
from tests.uploads import sent

begun_on_each = pytest.mark.parametrize("begun_on", SURFACES)


class Walk:
    """One conversation on all surfaces, and all that was ever said in it."""

    def __init__(self, surfaces: dict[str, Surface], made: str) -> None:
        self.surfaces = surfaces
        self.made = made
        self.answers: dict[str, list[str]] = {}  # to each question
        self.said: dict[str, str] = {}  # texts by the ids of their messages
        self.check()

    def shown(self) -> list[Shown]:
        """What all surfaces show, which has to be the same, its ids included."""
        seen = [surface.shown(self.made) for surface in self.surfaces.values()]
        assert seen == [seen[0]] * len(seen)
        return seen[0]

    def check(self, *texts: str) -> list[Shown]:
        """What is shown, which ends with these texts. Nothing of what was said before is lost."""
        shown = self.shown()
        assert tuple(each.text for each in shown[len(shown) - len(texts) :]) == texts
        assert [each.role for each in shown] == ["user", "assistant"] * (len(shown) // 2)
        for question, answer in zip(shown[::2], shown[1::2], strict=True):
            known = self.answers.setdefault(question.id, [])
            if answer.id not in known:
                known.append(answer.id)
        self.said |= {each.id: each.text for each in shown}
        api = self.surfaces["conversations"].api
        for message_id, text in self.said.items():
            assert api.get(conversations.message(message_id)).data["content"] == text
        for answers in self.answers.values():
            listed = api.get(conversations.versions(answers[0])).data
            assert [each["id"] for each in listed] == answers
        return shown


@begun_on_each
def test_a_conversation_is_at_home_on_every_surface(
    aws: None, quick: FakeModels, begun_on: str
) -> None:
    account = new_account()
    surfaces = surfaces_of(new_key(account)[1], account.id)
    walk = Walk(surfaces, surfaces[begun_on].begin("Hello"))
    others = [surface for name, surface in surfaces.items() if name != begun_on]

    for other in others:
        assert other.listed() in (None, [walk.made])
        go_on(walk, other, quick)
        redo(walk, other, quick)
        stop_while_all_look_on(walk, other, quick)
        select_the_first(walk)

    assert len(walk.said) == 2 + 4 * len(others)
    delete(walk, begun_on)


def go_on(walk: Walk, surface: Surface, models: FakeModels) -> None:
    models.enqueue([surface.name, " answers"])
    before = walk.shown()

    surface.send(walk.made, f"What does {surface.name} say?")

    shown = walk.check(f"What does {surface.name} say?", f"{surface.name} answers")
    assert shown[:-2] == before
    asked = [each.text for each in models.requests[-1].messages]
    assert asked == [each.text for each in shown[:-1]]


def redo(walk: Walk, surface: Surface, models: FakeModels) -> None:
    *_, question, answer = before = walk.shown()
    models.enqueue([surface.name, " says it better"])

    surface.redo(walk.made, question.id, answer.id)

    shown = walk.check(question.text, f"{surface.name} says it better")
    assert shown[:-1] == before[:-1]
    assert walk.answers[question.id] == [answer.id, shown[-1].id]


def stop_while_all_look_on(walk: Walk, surface: Surface, models: FakeModels) -> None:
    """A redo that another surface stops, and that nobody can come between."""
    *before, question, answer = walk.shown()
    everybody = walk.surfaces.values()
    stoppers = (each for each in everybody if isinstance(each, Stopping))
    stopper = next(each for each in stoppers if each is not surface)
    pause = Pause()
    models.enqueue(["Once", " upon", pause, " never said"])

    def again() -> Response:
        return surface.redo(walk.made, question.id, answer.id)

    with under_way(again, pause) as answering:
        # what was logged is read on all of them
        until(lambda: surface.shown(walk.made)[-1].text == "Once upon")
        running = walk.shown()[-1]
        as_fixie = walk.surfaces["fixie"].read(walk.made).json()["turns"][-1]
        stored = everything_stored()
        for each in everybody:
            assert each.send(walk.made, "Me too").status == 409
            assert each.redo(walk.made, question.id, answer.id).status == 409
        assert {**everything_stored(), **logged(stored)} == stored
        assert stopper.stop(walk.made, running.id).status == 200
        answering.result()

    assert running.id not in walk.said
    assert (as_fixie["id"], as_fixie["state"]) == (running.id, "in-progress")
    assert walk.check("Once upon") == [*before, question, running]


def logged(stored: dict[str, Any]) -> dict[str, Any]:
    """What a generation writes by itself as long as it runs."""
    return {key: item for key, item in stored.items() if "LEASE" in key or "CHUNK#" in key}


def select_the_first(walk: Walk) -> None:
    *before, question, _ = walk.shown()
    first = walk.answers[question.id][0]
    api = walk.surfaces["conversations"].api

    assert api.post(conversations.select(first)).status == 200

    assert walk.check(walk.said[first])[:-1] == [*before, question]


def delete(walk: Walk, begun_on: str) -> None:
    """There are two places where that can be done."""
    api = walk.surfaces["conversations"].api
    here = sessions.session(number_of(walk.made) or 0)
    path = here if begun_on == "sessions" else conversations.conversation(walk.made)

    assert api.delete(path).status == 200
    assert api.delete(here).status == 404

    for surface in walk.surfaces.values():
        if surface.name in ("opey", "sessions"):  # what is not there is empty
            assert surface.shown(walk.made) == []
        else:
            assert surface.read(walk.made).status == 404
        assert surface.listed() in (None, [])
        assert surface.send(walk.made, "Hello?").status == 404
    assert api.get(conversations.message(next(iter(walk.said)))).status == 404


# --- Uploads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", SURFACES)
def test_a_session_with_a_file_is_answered_anew_by_it_on_every_surface(
    aws: None, kept: Path, models: FakeModels, other: str
) -> None:
    account = new_account()
    secret = new_key(account)[1]
    surfaces = surfaces_of(secret, account.id)
    made = surfaces["sessions"].begin("Who?")
    question, answer = surfaces["sessions"].shown(made)
    sent(Api(secret), number_of(made), document("The walrus is called Vladimir."))

    surfaces[other].redo(made, question.id, answer.id)

    file, asked = models.requests[-1].messages
    assert "The walrus is called Vladimir." in file.text
    assert asked.text == "Who?"
    assert [each.text for each in surfaces["sessions"].shown(made)] == ["Who?", "An answer."]


# --- Agents ---------------------------------------------------------------------------------------


@begun_on_each
def test_it_belongs_to_the_default_agent_and_to_no_other(
    api: Api, models: FakeModels, begun_on: str
) -> None:
    secret = api.headers["Authorization"].removeprefix("Bearer ")
    default, other = put_agent(api, default=True), put_agent(api)
    surfaces, elsewhere = surfaces_of(secret, default), surfaces_of(secret, other)
    made = surfaces[begun_on].begin("Hello")
    question, answer = surfaces[begun_on].shown(made)
    before = everything_stored()

    assert fixie.texts(api, None, made) == [question.text, answer.text]
    for name in ("chatbase", "fixie"):
        assert surfaces[name].shown(made) == [question, answer]
        assert surfaces[name].listed() == [made]
        assert elsewhere[name].read(made).status == 404
        assert elsewhere[name].listed() == []
        assert elsewhere[name].send(made, "Hello").status == 404
        assert elsewhere[name].redo(made, question.id, answer.id).status == 404
    assert elsewhere["fixie"].stop(made, answer.id).status == 404
    assert everything_stored() == before
    assert len(models.requests) == 1


@begun_on_each
def test_without_an_agent_it_follows_when_the_account_chooses_one(
    aws: None, models: FakeModels, begun_on: str
) -> None:
    account = new_account()
    _, secret = new_key(account)
    implicit = surfaces_of(secret, account.id)
    made = implicit[begun_on].begin("Hello")
    chosen = surfaces_of(secret, put_agent(Api(secret), default=True, instructions="Be brief."))
    agents.forget()  # as other processes do within 30 seconds

    for name in ("chatbase", "fixie"):
        assert implicit[name].read(made).status == 404
        chosen[name].send(made, "Hello")
        assert chosen[name].listed() == [made]
    chosen["opey"].send(made, "Hello")

    assert [each.instructions for each in models.requests] == [None, *["Be brief."] * 3]
    assert len(implicit["conversations"].shown(made)) == 8

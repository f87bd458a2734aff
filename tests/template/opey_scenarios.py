"""What can happen to the functions of the opey surface: by an account's session, and by
nobody's.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reprise.accounts import agents, sessions
from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Conversation, Message
from reprise.store import conversations, generations, keys
from reprise.store.messages import FIRST_PAGE
from tests import opey
from tests.chatbase import put_agent
from tests.template.chatbase_scenarios import LONG, held, scripts

if TYPE_CHECKING:
    from tests.template.scenarios import Client, Stage


@contextmanager
def anonymous_allowed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOW_ANONYMOUS_SESSIONS", "true")
        yield


def visiting(stage: "Stage", secret: str) -> "Client":
    """The stage's client, with a cookie in the place of its key."""
    client = type(stage.api)(stage.recorder, "")
    client.headers = {"Cookie": f"session={secret}"}
    return client


def visitors(stage: "Stage") -> Iterator[tuple["Client", "Stage"]]:
    """One of the account and one of nobody, each with the stage as it is for them."""
    with anonymous_allowed():
        somebody = opey.secret_of(stage.api.post("/create-session"))
        stage.api.headers["Cookie"] = f"session={somebody}"
        secret = opey.secret_of(stage.api.post("/create-session"))  # which rotates it
        yield visiting(stage, secret), stage
        nobody = visiting(stage, "")
        nobody.headers = {}
        secret = opey.secret_of(nobody.post("/create-session"))
        owner = sessions.find(secret, time.time()).owner
        yield visiting(stage, secret), replace(stage, owner=owner)


def comes_and_goes(stage: "Stage") -> None:
    for client, _ in visitors(stage):
        for path in ("/usage", "/status", "/health"):
            assert client.get(path).status == 200
        assert client.request("OPTIONS", "/usage").status == 204
        assert client.post("/delete-session").status == 200


def streams(stage: "Stage") -> None:
    for client, _ in visitors(stage):
        for message, script in scripts():
            for thread in (None, "trip", "trip"):
                stage.models.enqueue(script)
                said = {"message": message, "thread_id": thread}
                assert client.stream("/stream", json=said).status == 200
        assert client.stream("/stream", json={}).status == 422


def regenerates(stage: "Stage") -> None:
    for client, _ in visitors(stage):
        for message, script in scripts():
            thread, question, _ = opey.turn(client, message)
            stage.models.enqueue(script)
            assert client.stream(opey.regenerate(thread, question)).status == 200
        stage.models.enqueue([UpstreamFailed("gone")])
        assert client.stream(opey.regenerate(thread, question)).status == 200
        assert client.stream("/stream/trip/regenerate").status == 422


def goes_on_after_much_and_large(stage: "Stage") -> None:
    for client, of in visitors(stage):
        for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
            made, branch = of.conversation(length, text)
            said = {"message": "Again", "thread_id": made.id}
            assert client.stream("/stream", json=said).status == 200
            assert client.stream(opey.regenerate(made.id, branch[-2].id)).status == 200


def goes_on_below_an_old_head(stage: "Stage") -> None:
    for client, of in visitors(stage):
        for again in (None, 0):
            made, branch = of.conversation(3 * FIRST_PAGE)
            conversations.to_item(replace(made, head=branch[1].id)).save()
            answer = (
                client.stream("/stream", json={"message": "Again", "thread_id": made.id})
                if again is None
                else client.stream(opey.regenerate(made.id, branch[again].id))
            )
            assert answer.status == 200, answer.text


def goes_on_where_it_crashed(stage: "Stage") -> None:
    for client, of in visitors(stage):
        for partial_text in ("Hel", LONG, ""):
            for way in ("stream", "regenerate", "stop"):
                made, answer = _crashed(of, partial_text)
                _ask(client, way, made.id, answer.parent or "")


def _crashed(stage: "Stage", partial_text: str) -> tuple[Conversation, Message]:
    made, (*_, answer) = stage.crashed(partial_text)
    return made, answer


def _ask(client: "Client", way: str, thread: str, message: str) -> None:
    match way:
        case "stream":
            answer = client.stream("/stream", json={"message": "Again", "thread_id": thread})
            assert answer.status == 200, answer.text
        case "regenerate":  # where it crashed before the first text there is nothing after it
            assert client.stream(opey.regenerate(thread, message)).status in (200, 400)
        case "stop":
            assert client.post(opey.stop(thread)).status == 200


def stops(stage: "Stage") -> None:
    for client, of in visitors(stage):
        made, _ = of.conversation()
        assert client.post(opey.stop(made.id)).status == 200
        running = generations.begin(of.scribe.send(made), time.time() + 60)
        assert client.post(opey.stop(running.id)).status == 200


def is_asked_twice_with_one_key(stage: "Stage") -> None:
    for client, _ in visitors(stage):
        thread, question, _ = opey.turn(client, "Hello")
        for path in ("/stream", opey.regenerate(thread, question)):
            for _ in range(2):
                answer = client.post(
                    path, json={"message": "Hello"}, headers={"Idempotency-Key": path}
                )
                assert answer.status == 200


def takes_over_what_crashed_elsewhere(stage: "Stage") -> None:
    """As many run as may at once, but nobody writes them: here, and with the public of an agent."""
    client, _ = next(iter(visitors(stage)))
    public = put_agent(stage.api, public=True)
    thread, question, _ = opey.turn(client, "Hello")
    for path in ("/stream", opey.regenerate(thread, question)):
        for number in range(20):
            owner = keys.agent(public) if number % 2 else stage.owner
            held(stage, owner, LONG if number < 2 else "Hel")
        answer = client.stream(path, json={"message": "Hi"})
        assert answer.status == 200, answer.text


def asks_the_implicit_agent(stage: "Stage") -> None:
    client, _ = next(iter(visitors(stage)))
    agents.forget()
    thread, question, _ = opey.turn(client, "Hello")
    agents.forget()
    assert client.post(opey.regenerate(thread, question)).status == 200


def reads(stage: "Stage") -> None:
    for client, of in visitors(stage):
        for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
            made, branch = of.conversation(length, text)
            for head in (branch[-1], branch[1]):
                conversations.to_item(replace(made, head=head.id)).save()
                assert client.get(opey.messages(made.id)).json()["message_count"] > 0
        made, _ = _crashed(of, "Hel")
        assert '"Hel"' in client.get(opey.messages(made.id)).text


SCENARIOS = (
    comes_and_goes,
    streams,
    regenerates,
    goes_on_after_much_and_large,
    goes_on_below_an_old_head,
    goes_on_where_it_crashed,
    stops,
    is_asked_twice_with_one_key,
    takes_over_what_crashed_elsewhere,
    asks_the_implicit_agent,
    reads,
)

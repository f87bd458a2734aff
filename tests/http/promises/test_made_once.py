"""On every surface the same request is done once, and a conversation has one answer made at a
time.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.api import Response, everything_stored
from tests.calls import Call, intercept
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.promises import KEY, Ask, Client, body, each_way


@each_way
def test_a_request_that_is_made_again_gets_the_same_answer(
    client: Client, quick: FakeModels, ask: Ask
) -> None:
    first = ask(client, headers=KEY)
    before = everything_stored()

    again = ask(client, headers=KEY)

    assert client.surface.ending(first) == client.shapes.endings["done"]
    assert client.surface.told(again) == client.surface.told(first)
    assert everything_stored() == before
    assert len(quick.requests) == 1


@each_way
def test_while_the_first_runs_the_second_follows_it(
    client: Client, quick: FakeModels, ask: Ask
) -> None:
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    def goes_on_when_somebody_reads_the_log(call: Call) -> Any:
        if call.operation == "Query" and "GEN#" in str(call.request):
            pause.go_on()
        return call.proceed()

    watched = intercept(goes_on_when_somebody_reads_the_log)
    with under_way(lambda: ask(client, headers=KEY), pause) as first, watched:
        second = ask(client, headers=KEY)

    assert client.surface.ending(second) == client.shapes.endings["done"]
    assert client.surface.told(second) == client.surface.told(first.result())
    assert len(quick.requests) == 1


@each_way
def test_another_request_under_the_same_key_is_refused(
    client: Client, quick: FakeModels, ask: Ask
) -> None:
    other = Client.send if ask is Client.start else Client.start
    other(client, headers=KEY)
    before = everything_stored()

    answer = ask(client, headers=KEY)

    assert (answer.status, body(answer)) == (422, client.shapes.mismatch)
    assert everything_stored() == before
    assert len(quick.requests) == 1


def test_a_busy_conversation_says_what_runs(client: Client, quick: FakeModels) -> None:
    """Whichever surface has it made."""
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])
    elsewhere = next(each for each in client.surfaces.values() if each is not client.surface)

    def runs() -> Response:
        return elsewhere.redo(client.made, client.question.id, client.answer.id)

    with under_way(runs, pause):
        running = client.surface.shown(client.made)[-1]
        sent, redone = (
            client.send(),
            client.surface.redo(client.made, client.question.id, running.id),
        )

    assert [(sent.status, body(sent)), (redone.status, body(redone))] == [
        (409, each) for each in client.shapes.busy(running.id)
    ]
    assert len(quick.requests) == 1


@each_way
def test_many_at_once_leave_one_answer_each(client: Client, quick: FakeModels, ask: Ask) -> None:
    """All under one key."""
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, client, headers=KEY) for _ in range(4)]
        told = [client.surface.told(each.result()) for each in asked]

    assert told == [told[0]] * 4
    assert len(quick.requests) == 1

"""On every surface: what plans limit, and that a refusal leaves nothing behind."""

import time

from reprise.accounts import credits as account_credits
from reprise.store import keys, windows
from reprise.store.windows import WindowItem
from tests.api import everything_stored
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.promises import SHAPES, STANDARD, Ask, Client, begun_elsewhere, body, each_way

LIMITED = {window for shapes in SHAPES.values() for window in shapes.windows}


def used_up(window: str, client: Client, start: int) -> None:
    """As many requests in a window as its plan allows: what they leave behind, written at once."""
    key = keys.window(window, client.owner, start), keys.WINDOW
    WindowItem(*key, requests=STANDARD.requests[window], ttl=start + 60).save()
    assert windows.count(window, client.owner, start) == STANDARD.requests[window]


@each_way
def test_who_asks_too_often_is_told_how_long_to_wait(
    client: Client, quick: FakeModels, frozen: int, ask: Ask
) -> None:
    window = client.shapes.windows[ask is Client.redo]
    limit = STANDARD.requests[window]
    used_up(window, client, frozen)
    before = everything_stored()

    answer = ask(client)

    seconds = int(answer.headers["retry-after"])
    assert (answer.status, body(answer)) == (429, client.shapes.too_many(limit, seconds))
    assert 0 < seconds <= 60
    assert {
        name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")
    } == {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(frozen + 60),
    }
    assert everything_stored() == before
    assert quick.requests == []


def test_each_surface_counts_for_itself(client: Client, frozen: int) -> None:
    for window in LIMITED - set(client.shapes.windows):
        used_up(window, client, frozen)

    for ask in (Client.redo, Client.start, Client.send):  # fixie redoes the last answer only
        answer = ask(client)
        assert answer.status == 200
        assert int(answer.headers["x-ratelimit-remaining"]) > 0


@each_way
def test_only_so_many_answers_are_made_at_once(client: Client, quick: FakeModels, ask: Ask) -> None:
    limit = STANDARD.allowance.concurrent or 0
    for _ in range(limit):
        begun_elsewhere(client, expires=time.time() + 60)
    before = everything_stored()

    answer = ask(client)

    seconds = int(answer.headers["retry-after"])
    assert (answer.status, body(answer)) == (429, client.shapes.at_once(limit, seconds))
    assert int(answer.headers["x-ratelimit-remaining"]) > 0
    assert everything_stored() == before
    assert quick.requests == []


@each_way
def test_without_credits_nothing_is_made_or_written(
    client: Client, quick: FakeModels, ask: Ask
) -> None:
    account_credits.grant(client.account, -client.credits, int(time.time() * 1000))
    before = everything_stored()

    answer = ask(client)

    assert (answer.status, body(answer)) == (402, client.shapes.no_credits)
    assert "retry-after" not in answer.headers
    assert everything_stored() == before
    assert quick.requests == []


@each_way
def test_the_last_credit_is_spent_once(client: Client, quick: FakeModels, ask: Ask) -> None:
    account_credits.grant(client.account, 1 - client.credits, int(time.time() * 1000))
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(client.start, pause):
        refused = ask(client)

    assert (refused.status, body(refused)) == (402, client.shapes.no_credits)
    assert client.credits == 0
    assert len(quick.requests) == 1

"""What previews share with every other answer: idempotency, windows, answers at once, credits."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reprise.accounts import credits as account_credits
from reprise.accounts import plans
from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Usage
from reprise.engine.engine import Engine, Timing
from reprise.engine.repair import release_expired, repair_expired
from reprise.llm.protocol import Finished
from reprise.store import balances, keys
from reprise.store.accounts import Account
from reprise.store.balances import Allowance
from reprise.store.items import LeaseItem
from reprise.store.table import get
from reprise.web import engine as web_engine
from tests.api import Api, Response, everything_stored, new_account, new_key, routes
from tests.calls import Call, intercept
from tests.conversations import START
from tests.faults import EVERY, Fault, faults, lost_answer, onward, throttled, writing
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.prompts import BODIES, NEW, PREVIEW, PROMPTS, TEMPLATE, create, prompt, uses

STANDARD = plans.find("standard")
LIMIT = STANDARD.requests["sessions"]
WINDOW = 60  # seconds
KEY = {"Idempotency-Key": "key"}
FAILED = {"detail": "Failed to generate the preview, please try again"}
NO_CREDITS = {"detail": "This month's credits are used up"}
TOO_MANY = {"detail": "Rate limit exceeded"}


@pytest.fixture
def account(aws: None) -> Account:
    """One on the standard plan."""
    return new_account("standard")


@pytest.fixture
def client(account: Account) -> Api:
    """A client of that account, and so much time that its window does not end amid the test."""
    left = WINDOW - time.time() % WINDOW
    if left < 15:
        time.sleep(left + 0.1)
    return Api(new_key(account)[1])


def preview(api: Api, headers: dict[str, str] | None = None, **sent: Any) -> Response:
    return api.post(PREVIEW, json=sent or {"content": "Hello {name}"}, headers=headers)


def crash(api: Api, models: FakeModels, headers: dict[str, str] | None = None) -> None:
    """A preview that has begun, and whose function cannot end it any more."""
    web_engine.use(Engine(models, timing=Timing(patience=0, retry_wait=0.001)))
    with faults(Fault("TransactWriteItems", throttled, onward(2))) as struck:
        assert preview(api, headers).status == 500
    assert struck


def left(account: Account) -> int | None:
    return account_credits.left(account, int(time.time() * 1000))


def held(account: Account) -> frozenset[str]:
    month = balances.period(int(time.time() * 1000))
    return balances.find(keys.account(account.number), month).holds


def ledger(account: Account) -> list[int]:
    return [int(each.credits) for each in balances.entries(keys.account(account.number))]


# --- Idempotency ----------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_answer_and_is_counted_once(
    account: Account, client: Api, quick: FakeModels
) -> None:
    quick.enqueue(["1", Finished("stop", Usage(1500, 1))])
    sent = {"prompt_id": TEMPLATE, "variables": {"x": "y"}}
    first = preview(client, KEY, **sent)
    before = everything_stored()

    again = [preview(client, KEY, **sent) for _ in range(2)]

    for each in again:
        assert (each.status, each.json()) == (200, first.json())
        assert each.headers["x-unfilled-variables"] == "text"
    assert len(quick.requests) == 1
    assert uses(client, TEMPLATE) == 1
    assert ledger(account) == [2]
    assert everything_stored() == before


def test_a_large_answer_is_told_again_in_full(api: Api, quick: FakeModels) -> None:
    text = "語" * 300_000
    quick.enqueue([text, "!"])

    first, again = (preview(api, KEY) for _ in range(2))

    assert again.json() == first.json()
    assert again.json()["preview"] == text + "!"
    assert len(quick.requests) == 1


def test_it_is_told_again_where_the_prompt_is_gone(api: Api, quick: FakeModels) -> None:
    made = create(api)
    first = preview(api, KEY, prompt_id=made)
    api.delete(prompt(made))

    again = preview(api, KEY, prompt_id=made)

    assert (again.status, again.json()) == (200, first.json())


def test_another_request_under_the_key_is_refused(api: Api, quick: FakeModels) -> None:
    preview(api, KEY)
    before = everything_stored()

    refused = preview(api, KEY, content="Other")

    assert refused.status == 422
    assert refused.json() == {"detail": "This Idempotency-Key was used for another request"}
    assert everything_stored() == before


def test_while_the_first_runs_the_second_waits_for_it(api: Api, quick: FakeModels) -> None:
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    def goes_on_when_somebody_looks_for_the_lease(call: Call) -> Any:
        if call.operation == "GetItem" and call.sort_keys == [keys.LEASE]:
            pause.go_on()
        return call.proceed()

    watched = intercept(goes_on_when_somebody_looks_for_the_lease)
    with under_way(lambda: preview(api, KEY), pause) as first, watched:
        second = preview(api, KEY)

    assert second.json() == first.result().json()
    assert second.json()["preview"] == "Hello"
    assert len(quick.requests) == 1


def test_of_many_at_once_one_is_done(api: Api, quick: FakeModels) -> None:
    made = create(api)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(preview, api, KEY, prompt_id=made) for _ in range(8)]
        answers = [each.result() for each in asked]

    assert {each.status for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert len(quick.requests) == 1
    assert uses(api, made) == 1


def test_a_failed_preview_stays_one(api: Api, quick: FakeModels) -> None:
    quick.enqueue(["Hel", UpstreamFailed("gone")])

    first, again = (preview(api, KEY) for _ in range(2))

    assert [each.status for each in (first, again)] == [500, 500]
    assert again.json() == FAILED
    assert len(quick.requests) == 1


# --- Windows --------------------------------------------------------------------------------------


def test_only_previews_are_counted(client: Api, models: FakeModels) -> None:
    made = create(client)
    limited = set()
    for route in routes("prompts"):
        path = route.path.format(prompt_id=made)
        answer = client.request(route.method, path, json=BODIES.get((route.method, route.path)))
        assert answer.status == 200
        if "x-ratelimit-limit" in answer.headers:
            limited.add((route.method, route.path))

    assert limited == {("POST", PREVIEW)}


def test_a_window_is_a_minute_and_tells_how_it_stands(client: Api, models: FakeModels) -> None:
    answers = [preview(client) for _ in range(2)]

    assert [int(each.headers["x-ratelimit-remaining"]) for each in answers] == [
        LIMIT - 1,
        LIMIT - 2,
    ]
    assert answers[0].headers["x-ratelimit-limit"] == str(LIMIT) == "60"
    assert int(answers[0].headers["x-ratelimit-reset"]) % WINDOW == 0


def test_one_too_many(client: Api, models: FakeModels) -> None:
    for _ in range(LIMIT - 1):
        assert preview(client, prompt_id=7_000).status == 404
    last = preview(client, KEY, content="Hello")
    before = everything_stored()

    refused = preview(client, content="Hello")
    again = preview(client, KEY, content="Hello")

    assert (refused.status, refused.json()) == (429, TOO_MANY)
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW
    assert (again.status, again.json()) == (200, last.json())
    assert everything_stored() == before
    assert len(models.requests) == 1


def test_what_cannot_be_meant_is_not_counted(client: Api, models: FakeModels) -> None:
    for sent in ({"content": "{"}, {"content": "{a}", "variables": {"a": ""}}, {"x": 1}):
        answer = preview(client, **sent)
        assert answer.status == 422
        assert int(answer.headers["x-ratelimit-remaining"]) == LIMIT


# --- Answers at once, and credits -----------------------------------------------------------------


def test_a_preview_is_held_before_and_settled_after(
    account: Account, client: Api, models: FakeModels
) -> None:
    seen: list[Any] = []
    models.enqueue(
        [lambda: seen.append((left(account), len(held(account)))), Finished("stop", Usage(2500, 1))]
    )

    preview(client)

    assert STANDARD.allowance.credits == 10_000
    assert seen == [(9_999, 1)]
    assert left(account) == 9_997
    assert held(account) == frozenset()
    assert ledger(account) == [3]


def test_a_failed_preview_costs_what_was_said(
    account: Account, client: Api, models: FakeModels
) -> None:
    models.enqueue([UpstreamFailed("down")])
    models.enqueue(["x" * 4000, UpstreamFailed("gone")])

    for _ in range(2):
        assert preview(client).status == 500

    assert sorted(ledger(account)) == [0, 2]
    assert left(account) == 9_998
    assert held(account) == frozenset()


def test_without_credits_there_is_none(account: Account, client: Api, models: FakeModels) -> None:
    made = create(client)
    account_credits.grant(account, -10_000, int(time.time() * 1000))
    before = everything_stored()

    refused = preview(client, KEY, prompt_id=made)

    assert (refused.status, refused.json()) == (402, NO_CREDITS)
    assert everything_stored() == before
    assert models.requests == []


def test_as_many_at_once_as_the_plan_has(
    client: Api, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(STANDARD, allowance=Allowance(10_000, 1))
    monkeypatch.setattr(plans, "find", lambda name: one)
    pause = Pause()
    models.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: preview(client), pause) as first:
        before = everything_stored()
        refused = [preview(client), client.post(START, json={"content": "Hello"})]
        assert everything_stored() == before

    assert [each.status for each in refused] == [429, 429]
    assert refused[0].json() == TOO_MANY
    assert refused[0].headers["retry-after"] == "5"
    assert first.result().json()["preview"] == "Hello"
    assert preview(client).status == 200


def test_what_a_crashed_preview_holds_is_released_by_who_is_refused_for_it(
    account: Account, client: Api, models: FakeModels
) -> None:
    crash(client, models)
    owner, now = keys.account(account.number), time.time()
    (mark,) = held(account)

    release_expired(owner, now)
    assert held(account) == {mark}, "its lease has not run out"
    release_expired(owner, now + 300)

    assert held(account) == frozenset()
    assert left(account) == 10_000
    assert ledger(account) == [0]


def test_the_worker_releases_it_if_nobody_comes(
    account: Account, client: Api, models: FakeModels
) -> None:
    crash(client, models)
    (mark,) = held(account)
    owner, generation, _ = balances.split_hold(keys.account(account.number), mark)
    (lease,) = (key for key in everything_stored() if key.endswith(keys.LEASE))
    partition = lease.split(" ")[0]
    assert partition.startswith(owner)
    item = get(LeaseItem, partition, keys.LEASE)
    assert item
    item.delete()

    assert repair_expired(partition, generation, time.time())

    assert held(account) == frozenset()


def test_who_asks_again_after_a_crash_is_told_so(client: Api, models: FakeModels) -> None:
    crash(client, models, KEY)
    (lease,) = (key for key in everything_stored() if key.endswith(keys.LEASE))
    item = get(LeaseItem, lease.split(" ")[0], keys.LEASE)
    assert item
    item.update([LeaseItem.expires.set(time.time() - 1)])

    again = preview(client, KEY)

    assert (again.status, again.json()) == (500, FAILED)
    assert models.requests[1:] == []


# --- Faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [1, 2])
def test_a_write_whose_answer_is_lost_is_made_once(
    account: Account, client: Api, models: FakeModels, on: int
) -> None:
    made = create(client)

    with faults(Fault("TransactWriteItems", lost_answer, on=on)) as struck:
        answer = preview(client, KEY, prompt_id=made)

    assert struck
    assert answer.status == 200
    assert uses(client, made) == 1
    assert ledger(account) == [1]
    assert held(account) == frozenset()
    assert len(models.requests) == 1


def test_an_ending_is_tried_until_the_table_is_there(
    account: Account, client: Api, models: FakeModels
) -> None:
    with faults(Fault("TransactWriteItems", throttled, range(2, 4))) as struck:
        answer = preview(client)

    assert len(struck) == 2
    assert answer.status == 200
    assert held(account) == frozenset()


def test_a_request_that_cannot_be_begun_asks_no_model(client: Api, models: FakeModels) -> None:
    before = everything_stored()

    with faults(Fault("TransactWriteItems", throttled, EVERY)):
        answer = preview(client)

    assert (answer.status, answer.json()) == (
        500,
        {"detail": "Something went wrong, please try again"},
    )
    assert everything_stored() == before
    assert models.requests == []


def test_one_that_cannot_be_counted_is_not_done(client: Api, models: FakeModels) -> None:
    with faults(Fault("UpdateItem", throttled, EVERY, writing("RATE"))) as struck:
        answer = preview(client)

    assert struck
    assert answer.status == 500
    assert models.requests == []


# --- Who may --------------------------------------------------------------------------------------


def test_no_route_is_for_who_has_no_credentials(api: Api, models: FakeModels) -> None:
    made = create(api)
    before = everything_stored()

    for client in (Api.anonymous(), Api("rp_unknown-key-that-nobody-has")):
        for route in routes("prompts"):
            path = route.path.format(prompt_id=made)
            body = BODIES.get((route.method, route.path))
            answer = client.request(route.method, path, json=body)
            assert answer.status == 401
            assert answer.json() == {"detail": "Invalid or missing authentication token"}
            assert answer.headers["www-authenticate"] == "Bearer"
    assert everything_stored() == before


def test_a_key_does_what_its_scopes_say(account: Account, models: FakeModels) -> None:
    reader, writer = (Api(new_key(account, scopes=[scope])[1]) for scope in ("read", "write"))
    made = create(writer)

    for route in routes("prompts"):
        path = route.path.format(prompt_id=made)
        body = BODIES.get((route.method, route.path))
        refused = (writer if route.method == "GET" else reader).request(
            route.method, path, json=body
        )
        assert (refused.status, refused.json()) == (403, {"detail": "Insufficient permissions"})
    assert reader.get(PROMPTS).status == 200
    assert writer.post(PROMPTS, json=NEW).status == 200


def test_every_answer_has_the_requests_id_and_may_be_read_by_any_page(
    api: Api, models: FakeModels
) -> None:
    for answer in (api.get(PROMPTS), preview(api), preview(api, content="{"), api.get(prompt(7))):
        assert answer.headers["x-request-id"]
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "X-Unfilled-Variables" in answer.headers["access-control-expose-headers"]


def test_the_stream_runtime_gives_the_same(api: Api, models: FakeModels) -> None:
    streamed = api.stream(PREVIEW, json={"content": "Hello {name}"})

    assert streamed.json() == preview(api).json()
    assert streamed.headers["x-unfilled-variables"] == "name"

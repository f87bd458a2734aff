"""What plans limit: requests in a window, answers at once, credits of a month, the API itself."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reprise.accounts import credits as account_credits
from reprise.accounts import plans
from reprise.chat.messages import Hold
from reprise.store import generations, keys
from reprise.store.accounts import Account, set_plan
from reprise.store.generations import Terms
from tests.api import Api, Response, everything_stored, new_account, new_key, routes
from tests.conversations import (
    BODIES,
    CONVERSATIONS,
    START,
    UNKNOWN_ID,
    create,
    fill,
    message,
    messages,
    refusal,
    regenerate,
    send,
    stream,
)
from tests.faults import EVERY, Fault, faults, throttled, writing
from tests.models import FakeModels
from tests.pause import Pause, under_way
from tests.store.scribe import Scribe

WINDOW = 3600  # seconds
STANDARD = plans.find("standard")
LIMIT = STANDARD.requests["conversations"]
LIMITED = {
    ("POST", "/v1/chat/conversations/stream"),
    ("POST", "/v1/chat/conversations/{conversation_id}/messages"),
    ("POST", "/v1/chat/conversations/{conversation_id}/messages/stream"),
    ("POST", "/v1/chat/messages/{message_id}/regenerate"),
    ("PATCH", "/v1/chat/messages/{message_id}"),
}


@pytest.fixture
def account(aws: None) -> Account:
    """One on the standard plan."""
    return new_account("standard")


@pytest.fixture
def api(account: Account) -> Api:
    """A client of that account, and so much time that its window does not end amid the test."""
    left = WINDOW - time.time() % WINDOW
    if left < 30:
        time.sleep(left + 0.1)
    return Api(new_key(account)[1])


def use_up(api: Api, requests: int = LIMIT) -> None:
    """Requests that are counted and do nothing."""
    for _ in range(requests):
        assert api.post(messages(UNKNOWN_ID), json={"content": "Hello"}).status == 404


def ask_all(
    api: Api, ids: tuple[str, str, str], body: dict[str, Any] | None = None
) -> list[Response]:
    """An answer of each limited route."""
    made, user, reply = ids
    return [
        api.request(
            method,
            fill(path, made, user, reply),
            json=BODIES[method, path] if body is None else body,
        )
        for method, path in sorted(LIMITED)
    ]


@pytest.fixture
def ids(api: Api, models: FakeModels) -> tuple[str, str, str]:
    """A conversation, its first message, the answer to that: one request."""
    made = create(api)
    user, reply = send(api, made, "Hello")
    models.requests.clear()
    return made, user["id"], reply["id"]


def remaining(answer: Response) -> int:
    assert int(answer.headers["x-ratelimit-limit"]) == LIMIT
    return int(answer.headers["x-ratelimit-remaining"])


# --- Requests -------------------------------------------------------------------------------------


def test_every_request_that_generates_is_counted_in_one_window(
    api: Api, ids: tuple[str, str, str]
) -> None:
    answers = ask_all(api, ids)

    assert sorted(each.status for each in answers) == [200, 200, 200, 200, 201]
    assert [remaining(each) for each in answers] == [LIMIT - 2 - n for n in range(len(LIMITED))]


def test_a_window_begins_with_the_hour(api: Api) -> None:
    asked = time.time()

    answer = api.post(START, json={"content": "Hello"})

    reset = int(answer.headers["x-ratelimit-reset"])
    assert reset % WINDOW == 0
    assert asked < reset <= asked + WINDOW


def test_other_routes_are_not_limited(api: Api, ids: tuple[str, str, str]) -> None:
    limited = set()
    for route in routes("conversations"):
        path = fill(route.path, *ids)
        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))
        if "x-ratelimit-limit" in answer.headers:
            limited.add((route.method, route.path))

    assert limited == LIMITED


def test_who_makes_too_many_is_told_how_long_to_wait(
    api: Api, ids: tuple[str, str, str], models: FakeModels
) -> None:
    use_up(api, LIMIT - 1)
    before = everything_stored()

    answers = ask_all(api, ids)

    for answer in answers:
        seconds = int(answer.headers["retry-after"])
        assert answer.status == 429
        text = f"Too many requests: {LIMIT} are allowed; try again in {seconds} seconds"
        assert answer.json() == refusal("RATE_001", text, retry_after=seconds)
        assert remaining(answer) == 0
        assert 0 < seconds <= WINDOW
    assert everything_stored() == before
    assert models.requests == []


def test_exactly_as_many_as_allowed_pass_however_many_come_at_once(
    api: Api, models: FakeModels
) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(api.post, START, json={"content": "Hello"}) for _ in range(LIMIT + 6)]
        statuses = sorted(each.result().status for each in asked)

    assert statuses == [200] * LIMIT + [429] * 6
    assert api.get(CONVERSATIONS).json()["meta"]["total"] == LIMIT
    assert len(models.requests) == LIMIT


def test_what_cannot_be_meant_is_told_the_limit_and_not_counted(
    api: Api, ids: tuple[str, str, str]
) -> None:
    for _ in range(2):
        for answer in ask_all(api, ids, {"content": 5, "temperature": 9}):
            assert answer.status == 400
            assert remaining(answer) == LIMIT - 1
    assert remaining(api.post(START, body="{")) == LIMIT - 1
    assert remaining(api.post(START, json={"content": "Hello", "model": "none"})) == LIMIT - 1


def test_neither_is_what_the_key_may_not_do(account: Account, api: Api) -> None:
    answer = Api(new_key(account, scopes=["read"])[1]).post(START, json={"content": "Hello"})

    assert answer.status == 403
    assert remaining(answer) == LIMIT


def test_of_nobody_there_is_nothing_to_tell(aws: None) -> None:
    answer = Api("rp_unknown-key-that-nobody-has").post(START, json={"content": "Hello"})

    assert answer.status == 401
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_no_answer_fails_because_the_window_cannot_be_read(api: Api) -> None:
    with faults(Fault("GetItem", throttled, EVERY, writing("RATE"))) as struck:
        answer = api.post(START, json={"content": 5})

    assert struck
    assert answer.status == 400
    assert "x-ratelimit-limit" not in answer.headers


def test_a_request_that_cannot_be_counted_is_not_done(api: Api, models: FakeModels) -> None:
    before = everything_stored()

    with faults(Fault("UpdateItem", throttled, EVERY, writing("RATE"))) as struck:
        answer = api.post(START, json={"content": "Hello"})

    assert struck
    assert answer.status == 500
    assert everything_stored() == before
    assert models.requests == []


def test_what_was_done_is_told_again_by_an_exhausted_window(
    api: Api, ids: tuple[str, str, str], models: FakeModels
) -> None:
    key = {"Idempotency-Key": "key"}
    first = api.post(stream(ids[0]), json={"content": "Hello"}, headers=key)
    use_up(api, LIMIT - 2)

    again = api.post(stream(ids[0]), json={"content": "Hello"}, headers=key)
    another = api.post(stream(ids[0]), json={"content": "Hello"})
    mismatch = api.post(stream(ids[0]), json={"content": "Hi"}, headers=key)

    assert (again.status, again.text) == (200, first.text)
    assert remaining(again) == 0
    assert another.status == 429
    assert mismatch.status == 422
    assert len(models.requests) == 1


def test_all_keys_of_an_account_share_its_window(account: Account, api: Api) -> None:
    use_up(api, 3)

    other = Api(new_key(account)[1]).post(START, json={"content": "Hello"})

    assert remaining(other) == LIMIT - 4
    assert remaining(Api(new_key(new_account("standard"))[1]).post(START, body="{")) == LIMIT


def test_the_account_of_make_dev_has_room(aws: None) -> None:
    answer = Api(new_key(new_account("local"))[1]).post(START, json={"content": "Hello"})

    assert answer.headers["x-ratelimit-limit"] == "100000"


# --- Answers at once ------------------------------------------------------------------------------


def hold(account: Account, answers: int) -> None:
    """As many answers under way, by functions elsewhere."""
    scribe = Scribe(now_ms=int((time.time() - 3600) * 1000))
    owner = keys.account(account.number)
    for _ in range(answers):
        turn = scribe.send(scribe.stored(owner=owner))
        user, answer = turn.messages
        held = replace(answer, hold=Hold(owner, 1))
        terms = Terms(None, STANDARD.allowance)
        generations.begin(replace(turn, messages=(user, held)), time.time() + 60, terms)


def test_only_so_many_answers_are_made_at_once(
    account: Account, api: Api, ids: tuple[str, str, str], models: FakeModels
) -> None:
    most = STANDARD.allowance.concurrent
    hold(account, most or 0)
    before = everything_stored()

    answers = ask_all(api, ids)

    for answer in answers:
        assert answer.status == 429
        text = f"Only {most} answers may be generated at once"
        assert answer.json() == refusal("RATE_001", text, retry_after=5)
        assert answer.headers["retry-after"] == "5"
        assert remaining(answer) > 0
    assert everything_stored() == before
    assert models.requests == []


def test_the_last_place_is_given_away_once(
    account: Account, api: Api, ids: tuple[str, str, str], quick: FakeModels
) -> None:
    hold(account, (STANDARD.allowance.concurrent or 0) - 1)
    pause = Pause()
    quick.enqueue([pause, "Hello"])

    with under_way(lambda: api.post(stream(ids[0]), json={"content": "Hi"}), pause) as first:
        refused = api.post(START, json={"content": "Hello"})
    assert first.result().status == 200
    afterwards = api.post(START, json={"content": "Hello"})

    assert (refused.status, afterwards.status) == (429, 200)


def test_messages_that_nobody_answers_need_no_place(
    account: Account, api: Api, ids: tuple[str, str, str]
) -> None:
    hold(account, STANDARD.allowance.concurrent or 0)

    answer = api.post(messages(ids[0]), json={"content": "Be brief", "role": "system"})

    assert answer.status == 201


# --- Credits --------------------------------------------------------------------------------------


def credits_of(account: Account) -> int:
    left = account_credits.left(account, int(time.time() * 1000))
    assert left is not None
    return left


def test_an_answer_costs_its_tokens(account: Account, api: Api, models: FakeModels) -> None:
    before = credits_of(account)

    api.post(START, json={"content": "Hello"})

    assert credits_of(account) == before - 1  # a thousand tokens or less of a model of one credit


def test_without_credits_nothing_is_generated_or_written(
    account: Account, api: Api, ids: tuple[str, str, str], models: FakeModels
) -> None:
    account_credits.grant(account, -credits_of(account), int(time.time() * 1000))
    before = everything_stored()

    answers = ask_all(api, ids)

    for answer in answers:
        assert answer.status == 402
        assert answer.json() == refusal("CREDITS_001", "This month's credits are used up")
        assert "retry-after" not in answer.headers
        assert remaining(answer) < LIMIT
    assert everything_stored() == before
    assert models.requests == []


def test_the_last_credit_is_spent_once(account: Account, api: Api, models: FakeModels) -> None:
    account_credits.grant(account, 1 - credits_of(account), int(time.time() * 1000))

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(api.post, START, json={"content": "Hello"}) for _ in range(4)]
        statuses = sorted(each.result().status for each in asked)

    assert statuses == [200, 402, 402, 402]
    assert credits_of(account) == 0


def test_what_was_paid_is_told_again_without_credits(account: Account, api: Api) -> None:
    key = {"Idempotency-Key": "key"}
    first = api.post(START, json={"content": "Hello"}, headers=key)
    account_credits.grant(account, -credits_of(account), int(time.time() * 1000))

    again = api.post(START, json={"content": "Hello"}, headers=key)

    assert (again.status, again.text) == (200, first.text)
    assert credits_of(account) == 0


def test_reading_and_writing_cost_nothing(account: Account, api: Api) -> None:
    account_credits.grant(account, -credits_of(account), int(time.time() * 1000))

    made = create(api)
    (said,) = send(api, made, "Be brief", role="system")

    assert api.get(message(said["id"])).status == 200
    assert credits_of(account) == 0


# --- The API itself -------------------------------------------------------------------------------


def test_a_plan_without_the_api_is_refused_on_every_route(aws: None, models: FakeModels) -> None:
    api = Api(new_key(new_account("free"))[1])
    before = everything_stored()

    for route in routes("conversations"):
        path = fill(route.path, UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID)
        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))

        assert answer.status == 403, f"{route.method} {path}"
        assert answer.json() == refusal("AUTH_002", "The plan 'free' does not include the API")
    assert everything_stored() == before
    assert models.requests == []


def test_a_plan_that_is_no_more_is_an_internal_error_on_every_route(
    account: Account, api: Api, models: FakeModels
) -> None:
    """Not of the caller's making, and answered in the surface's own shape."""
    set_plan(account, "no-more")

    for route in routes("conversations"):
        path = fill(route.path, UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID)
        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))

        assert answer.status == 500, f"{route.method} {path}"
        assert answer.json() == refusal("INTERNAL_001", "Something went wrong, please try again")
    assert models.requests == []


def test_it_is_refused_before_its_body_is_read(aws: None) -> None:
    api = Api(new_key(new_account("free"))[1])

    assert api.post(START, body="{").status == 403
    assert Api.anonymous().post(START, body="{").status == 401
    assert api.post(regenerate("no-id"), body="{").status == 403

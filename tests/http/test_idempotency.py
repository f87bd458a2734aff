"""`Idempotency-Key`: the same request is done once, and answered in its own wire each time."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.context import Context
from reprise.accounts import keys
from reprise.chat.errors import UpstreamFailed
from reprise.store.accounts import put_key
from tests.api import Api, Response, call, everything_stored, handler_of, new_key
from tests.calls import Call, intercept
from tests.conversations import (
    CONVERSATIONS,
    START,
    assert_not_found,
    contents,
    conversation,
    create,
    message,
    messages,
    refusal,
    regenerate,
    send,
    stop,
    stream,
)
from tests.models import FakeModels
from tests.pause import Pause, under_way

MISMATCH = refusal("IDEMPOTENCY_001", "This Idempotency-Key was used for another request")


@dataclass(frozen=True)
class Ask:
    """A way to have an answer made. `path` is given a conversation, its first message, the answer
    to that.
    """

    method: str
    path: Callable[[str, str, str], str]

    def __call__(
        self, api: Api, ids: tuple[str, str, str], key: str = "key", **body: Any
    ) -> Response:
        if not body and not self.path(*ids).endswith("/regenerate"):
            body = {"content": "Hello"}
        headers = {"Idempotency-Key": key}
        return api.request(self.method, self.path(*ids), json=body, headers=headers)


ASKING = {
    "send": Ask("POST", lambda made, user, reply: messages(made)),
    "stream": Ask("POST", lambda made, user, reply: stream(made)),
    "start": Ask("POST", lambda made, user, reply: START),
    "regenerate": Ask("POST", lambda made, user, reply: regenerate(reply)),
    "edit": Ask("PATCH", lambda made, user, reply: message(user)),
}
each_way = pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)


@pytest.fixture
def ids(api: Api, quick: FakeModels) -> tuple[str, str, str]:
    made = create(api)
    user, reply = send(api, made, "Hello")
    quick.requests.clear()
    return made, user["id"], reply["id"]


def said(answer: Response) -> Any:
    """What an answer says, but for what is its request's own."""
    return answer.data if answer.headers["content-type"] == "application/json" else answer.text


@each_way
def test_a_request_that_is_made_again_gets_the_same_answer(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], ask: Ask
) -> None:
    quick.enqueue(["Hel", "lo", "!"])
    first = ask(api, ids)
    before = everything_stored()

    again = [ask(api, ids) for _ in range(2)]

    assert [(each.status, said(each)) for each in again] == [(first.status, said(first))] * 2
    assert first.status in (200, 201)
    assert len(quick.requests) == 1
    assert everything_stored() == before


@each_way
def test_while_the_first_runs_the_second_follows_it(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], ask: Ask
) -> None:
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    def goes_on_when_somebody_reads_the_log(call: Call) -> Any:
        if call.operation == "Query" and "GEN#" in str(call.request):
            pause.go_on()
        return call.proceed()

    watched = intercept(goes_on_when_somebody_reads_the_log)
    with under_way(lambda: ask(api, ids), pause) as first, watched:
        second = ask(api, ids)

    assert said(first.result()) == said(second)
    assert first.result().status == second.status
    assert len(quick.requests) == 1


@each_way
def test_of_many_at_once_one_is_done(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], ask: Ask
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [each.result() for each in [pool.submit(ask, api, ids) for _ in range(8)]]

    assert len({str(said(each)) for each in answers}) == 1
    assert len(quick.requests) == 1


@each_way
def test_a_failed_answer_stays_one(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], ask: Ask
) -> None:
    quick.enqueue(["Hel", UpstreamFailed("gone")])
    first = ask(api, ids)

    again = ask(api, ids)

    assert said(again) == said(first)
    assert len(quick.requests) == 1


@each_way
def test_another_request_under_the_same_key_is_refused(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], ask: Ask
) -> None:
    ask(api, ids)
    before = everything_stored()

    other = {"temperature": 1} if ask is ASKING["regenerate"] else {"content": "Something else"}
    answer = ask(api, ids, **other)

    assert answer.status == 422
    assert answer.json() == MISMATCH
    assert everything_stored() == before
    assert len(quick.requests) == 1


def test_the_same_body_for_another_path_is_another_request(
    api: Api, quick: FakeModels, ids: tuple[str, str, str]
) -> None:
    ASKING["send"](api, ids)

    for ask in (ASKING["stream"], ASKING["start"], ASKING["edit"]):
        assert ask(api, ids).json() == MISMATCH
    assert ASKING["send"](api, (create(api), *ids[1:])).json() == MISMATCH


def test_keys_of_others_are_others(api: Api, stranger: Api, models: FakeModels) -> None:
    answers = [ASKING["start"](each, ("", "", "")) for each in (api, stranger)]

    assert [each.status for each in answers] == [200, 200]
    assert len(models.requests) == 2


def test_another_key_is_another_request(api: Api, models: FakeModels) -> None:
    made = create(api)

    for key in ("a", "b"):
        ASKING["send"](api, (made, "", ""), key)

    assert contents(api, made) == ["Hello", "An answer."] * 2


@pytest.mark.parametrize("path", [messages, stream])
def test_a_message_that_nobody_answers_is_stored_once(
    api: Api, models: FakeModels, path: Callable[[str], str]
) -> None:
    made, headers = create(api), {"Idempotency-Key": "key"}
    body = {"content": "Be brief", "role": "system"}

    first, again = (api.post(path(made), json=body, headers=headers) for _ in range(2))

    assert said(again) == said(first)
    assert contents(api, made) == ["Be brief"]


def test_a_conversation_is_created_once(api: Api) -> None:
    headers = {"Idempotency-Key": "key"}

    first, again = (
        api.post(CONVERSATIONS, json={"title": "Trip"}, headers=headers) for _ in range(2)
    )
    other = api.post(CONVERSATIONS, json={"title": "Lunch"}, headers=headers)

    assert (first.status, again.status) == (201, 201)
    assert again.data == first.data
    assert other.status == 422
    assert other.json() == MISMATCH
    assert [each["id"] for each in api.get(CONVERSATIONS).data] == [first.data["id"]]


def test_what_was_deleted_is_not_made_again(api: Api, models: FakeModels) -> None:
    headers = {"Idempotency-Key": "key"}
    made = api.post(CONVERSATIONS, headers=headers).data["id"]
    started = ASKING["start"](api, ("", "", ""), "another").events()[0]["data"]["conversation_id"]
    for each in (made, started):
        api.delete(conversation(each))

    assert_not_found(api.post(CONVERSATIONS, headers=headers), "Conversation")
    assert_not_found(ASKING["start"](api, ("", "", ""), "another"), "Message")
    assert len(models.requests) == 1


@pytest.mark.parametrize("key", ["k", "k" * 255, "e4\u00e4 {}[]\"'"])
def test_a_key_is_any_text_of_up_to_255_characters(api: Api, models: FakeModels, key: str) -> None:
    answers = [ASKING["start"](api, ("", "", ""), key) for _ in range(2)]

    assert answers[0].text == answers[1].text
    assert len(models.requests) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 8_000])
def test_what_cannot_be_a_key_is_refused(
    api: Api, quick: FakeModels, ids: tuple[str, str, str], key: str
) -> None:
    before = everything_stored()

    answers = [ask(api, ids, key) for ask in ASKING.values()]
    answers.append(api.post(CONVERSATIONS, headers={"Idempotency-Key": key}))

    for answer in answers:
        assert answer.status == 400
        details = answer.json()["error"]["details"]
        assert answer.json() == refusal("VALIDATION_001", "Invalid request", **details)
        assert details.keys() == {"Idempotency-Key"}
    assert everything_stored() == before
    assert quick.requests == []


def test_a_request_that_was_refused_may_be_made_again_under_its_key(
    api: Api, quick: FakeModels, ids: tuple[str, str, str]
) -> None:
    pause = Pause()
    quick.enqueue([pause])
    with under_way(lambda: ASKING["stream"](api, ids, "first"), pause):
        refused = ASKING["stream"](api, ids)

    again = ASKING["stream"](api, ids)

    assert (refused.status, again.status) == (409, 200)


def test_who_waits_for_the_whole_of_it_is_told_when_that_takes_too_long(
    api: Api, quick: FakeModels, ids: tuple[str, str, str]
) -> None:
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: ASKING["send"](api, ids), pause) as first:
        headers = {"Idempotency-Key": "key"}
        route, event = api.event(
            "POST", messages(ids[0]), json={"content": "Hello"}, headers=headers
        )
        soon = replace(Context.of(route.function), deadline=time.monotonic() + 5.2)
        late = call(handler_of(route), event, soon)
    _, reply = first.result().data

    assert late["statusCode"] == 409
    assert Response(409, {}, late["body"].encode()).json() == refusal(
        "CONFLICT_001", "An answer is being generated", generation_id=reply["id"]
    )
    assert ASKING["send"](api, ids).data == first.result().data


def revoked(secret: str) -> None:
    _, key = keys.authenticate(secret, time.time())
    keys.revoke(key.id, int(time.time() * 1000))


def expired(secret: str) -> None:
    _, key = keys.authenticate(secret, time.time())
    put_key(replace(key, expires=time.time() - 1))


@pytest.mark.parametrize("ended", [revoked, expired])
def test_a_key_that_ends_meanwhile_gets_nothing_more(
    aws: None, quick: FakeModels, ended: Callable[[str], None]
) -> None:
    """What it has begun is completed."""
    _, secret = new_key()
    api, pause = Api(secret), Pause()
    made = create(api)
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: ASKING["stream"](api, (made, "", "")), pause) as first:
        ended(secret)
        again = ASKING["stream"](api, (made, "", ""))
        followed = api.get(stream(made))
        stopped = api.post(stop(made))

    for answer in (again, followed, stopped):
        assert answer.status == 401
        assert answer.json() == refusal("AUTH_001", "A valid API key is required")
    assert first.result().events()[-2]["data"]["content"] == "Hello"

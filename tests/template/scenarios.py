"""What can happen to each function, so far as it makes other calls to AWS than another time.

`walk(...)` lets it all happen and returns what every function did.
"""

import asyncio
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import Any

from reprise.accounts import keys as api_keys
from reprise.accounts import plans
from reprise.chat.events import Produced
from reprise.chat.messages import Conversation, Hold, Message, Text
from reprise.engine.engine import Engine, Timing
from reprise.store import balances, bodies, conversations, generations, keys, messages
from reprise.store.balances import BalanceItem
from reprise.store.generations import Terms
from reprise.store.messages import FIRST_PAGE
from reprise.web import engine as web_engine
from tests import chatbase, fixie, prompts, sessions, uploads
from tests import conversations as of_conversations
from tests.api import Api, Response, call, new_account, new_key, routes
from tests.calls import Call, intercept
from tests.conversations import CONVERSATIONS, START, UNKNOWN_ID, conversation
from tests.conversations import message as message_path
from tests.conversations import messages as messages_path
from tests.conversations import regenerate as regenerate_path
from tests.conversations import select as select_path
from tests.conversations import stop as stop_path
from tests.conversations import stream as stream_path
from tests.conversations import versions as versions_path
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all
from tests.template import (
    chatbase_scenarios,
    corpus_scenarios,
    fixie_scenarios,
    opey_scenarios,
    prompts_scenarios,
    sessions_scenarios,
    uploads_scenarios,
)
from tests.template.permissions import Access, accesses_of
from workers import purge_conversation, repair_generation

BODIES = of_conversations.BODIES | chatbase.BODIES | fixie.BODIES
BODIES |= sessions.BODIES | prompts.BODIES | uploads.BODIES
LONG = "x" * (bodies.LIMIT + 1)  # bytes: it goes to the bucket
GONE = 60  # seconds ago, for a lease
STANDARD = plans.find("standard")
Done = dict[str, set[Access]]


@dataclass
class Recorder:
    """Which function did what. One works at a time."""

    done: Done = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def at_work(self, function: str) -> Iterator[None]:
        def handle(call: Call) -> Any:
            with self._lock:
                self.done[function].update(accesses_of(call))
            return call.proceed()

        with intercept(handle):
            yield


class Client(Api):
    """A client whose requests are recorded by the function that takes them."""

    def __init__(self, recorder: Recorder, secret: str) -> None:
        super().__init__(secret)
        self.recorder = recorder

    def request(self, method: str, path: str, **request: Any) -> Response:
        route, _ = self.event(method, path)
        with self.recorder.at_work(route.function.name):
            return super().request(method, path, **request)

    def stream(self, path: str, **request: Any) -> Response:
        route, _ = self.event(request.get("method", "POST"), path)
        with self.recorder.at_work(route.function.name):
            return super().stream(path, **request)


@dataclass
class Stage:
    """An account with its client and what can be done behind its back."""

    api: Client
    owner: str
    models: FakeModels
    recorder: Recorder
    scribe: Scribe = field(default_factory=lambda: Scribe(now_ms=int((time.time() - 3600) * 1000)))

    def conversation(
        self, length: int = 0, text: str | None = None
    ) -> tuple[Conversation, list[Message]]:
        """One of so many messages, the oldest first."""
        made = self.scribe.conversation(owner=self.owner)
        branch = self.scribe.branch(made, length, text)
        head = branch[-1].id if branch else None
        made = replace(made, head=head, version=length)
        conversations.create(made)
        put_all(made, branch)
        return made, branch

    def crashed(
        self, partial_text: str = "Hel", into: tuple[Conversation, list[Message]] | None = None
    ) -> tuple[Conversation, list[Message]]:
        """One whose answer nobody writes any more, though its lease still lies there and its hold
        is still held, if there is an account that pays. `into`: one of two messages, whose answer
        was to be redone.
        """
        made, branch = into or self.conversation()
        scribe = self.scribe
        turn = scribe.redo(made, branch[1], branch[0]) if into else scribe.send(made)
        *said, answer = turn.messages
        terms = generations.FREE
        if not self.owner.startswith(keys.anonymous("")):
            answer = replace(answer, hold=Hold(self.owner, 1))
            terms = Terms(None, STANDARD.allowance)
        turn = replace(turn, messages=(*said, answer))
        begun = generations.begin(turn, time.time() - GONE, terms)
        for number in range(0, len(partial_text), 100_000):
            piece = Produced(number + 1, self.scribe.now_ms, Text(partial_text[number:][:100_000]))
            generations.log(answer.id, number + 1, [piece], time.time())
        return begun, [*branch, *turn.messages]

    def woken(self, module: ModuleType, function: str, record: dict[str, Any]) -> None:
        with self.recorder.at_work(function):
            call(module.handler, {"Records": [record]}, None)


Scenario = Callable[[Stage], None]


def creates(stage: Stage) -> None:
    assert stage.api.post(CONVERSATIONS, json={"title": "Trip"}).status == 201


def lists(stage: Stage) -> None:
    stage.conversation()
    assert stage.api.get(CONVERSATIONS).status == 200


def renames(stage: Stage) -> None:
    made, _ = stage.conversation()
    assert stage.api.patch(conversation(made.id), json={"title": "Another"}).status == 200


def reads_what_is_large(stage: Stage) -> None:
    made, (message, _) = stage.conversation(2, LONG)
    for path in (conversation(made.id), messages_path(made.id), message_path(message.id)):
        assert LONG in stage.api.get(path).text


def reads_what_crashed(stage: Stage) -> None:
    made, (*_, answer) = stage.crashed()
    for path in (conversation(made.id), messages_path(made.id), message_path(answer.id)):
        assert '"Hel"' in stage.api.get(path).text


def reads_more_than_a_page(stage: Stage) -> None:
    made, branch = stage.conversation(3 * FIRST_PAGE)
    assert len(stage.api.get(conversation(made.id)).data["chatMessages"]) == len(branch)
    assert len(stage.api.get(messages_path(made.id)).data) == len(branch)


def deletes_a_message(stage: Stage) -> None:
    _, (message, *_) = stage.conversation(2)
    assert stage.api.delete(message_path(message.id)).status == 200


def deletes_a_message_that_crashed(stage: Stage) -> None:
    _, (*_, answer) = stage.crashed()
    assert stage.api.delete(message_path(answer.id)).status == 200


def deletes_a_conversation(stage: Stage) -> None:
    made, _ = stage.conversation(2)
    assert stage.api.delete(conversation(made.id)).status == 200


def deletes_what_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG):
        made, _ = stage.crashed(partial_text)
        assert stage.api.delete(conversation(made.id)).status == 200


# --- What makes answers ---------------------------------------------------------------------------


def _slowly() -> list[Any]:
    """An answer that takes long enough for a chunk of its log and a renewal of its lease."""
    return ["Hel", partial(asyncio.sleep, 0.1), "lo"]


Branch = tuple[Conversation, list[Message]]
Headers = dict[str, str]


def _send(stage: Stage, to: Branch, content: Any, headers: Headers) -> Response:
    return stage.api.post(messages_path(to[0].id), json={"content": content}, headers=headers)


def _stream(stage: Stage, to: Branch, content: Any, headers: Headers) -> Response:
    return stage.api.stream(stream_path(to[0].id), json={"content": content}, headers=headers)


def _edit(stage: Stage, to: Branch, content: Any, headers: Headers) -> Response:
    said = to[1][-2].id
    path, body = message_path(said), {"content": content}
    return stage.api.stream(path, method="PATCH", json=body, headers=headers)


def _regenerate(stage: Stage, to: Branch, content: Any, headers: Headers) -> Response:
    body = {} if isinstance(content, str) else {"model": content}
    return stage.api.stream(regenerate_path(to[1][-2].id), json=body, headers=headers)


def _start(stage: Stage, to: Branch, content: Any, headers: Headers) -> Response:
    return stage.api.stream(START, json={"content": content}, headers=headers)


Way = Callable[[Stage, Branch, Any, Headers], Response]
WAYS: tuple[Way, ...] = (_send, _stream, _edit, _regenerate, _start)
FINE = (200, 201)


def answers(stage: Stage) -> None:
    for content, answer in (("Hello", _slowly()), (LONG, [LONG]), ("Hello", [OSError("no")])):
        for way in WAYS:
            stage.models.enqueue(answer)
            assert way(stage, stage.conversation(2), content, {}).status in FINE


def answers_after_much_and_large(stage: Stage) -> None:
    for way in WAYS:
        for length, text in ((3 * FIRST_PAGE, None), (4, LONG)):
            assert way(stage, stage.conversation(length, text), "Hello", {}).status in FINE


def answers_where_it_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG, ""):
        for way in WAYS:
            assert way(stage, stage.crashed(partial_text), "Again", {}).status in FINE


def answers_below_an_old_head(stage: Stage) -> None:
    """As after a select of an old version: the first read does not bring it."""
    for way in WAYS:
        made, branch = stage.conversation(3 * FIRST_PAGE)
        conversations.to_item(replace(made, head=branch[1].id)).save()
        assert way(stage, (made, branch), "Again", {}).status in FINE


def answers_the_same_request_again(stage: Stage) -> None:
    for way in WAYS:
        to, key = stage.conversation(2, LONG), {"Idempotency-Key": way.__name__}
        stage.models.enqueue([LONG])
        assert way(stage, to, LONG, key).status in FINE
        assert way(stage, to, LONG, key).status in FINE
        assert way(stage, to, LONG, key).headers["x-ratelimit-remaining"]


def refuses_what_cannot_be_meant(stage: Stage) -> None:
    """And says how the caller stands with the limit all the same."""
    for way in WAYS:
        refused = way(stage, stage.conversation(2), 5, {})
        assert refused.status == 400
        assert refused.headers["x-ratelimit-remaining"]


def releases_what_is_held(stage: Stage) -> None:
    """Where there are no credits any more, but a crashed answer holds some."""
    for way in WAYS:
        for partial_text in ("Hel", LONG):
            to = stage.conversation(2)
            stage.crashed(partial_text)
            month = balances.period(int(time.time() * 1000))
            balance = BalanceItem(stage.owner, keys.balance(month))
            balance.update([BalanceItem.credits.set(0)])
            assert way(stage, to, "Hello", {}).status == 402
            balance.update([BalanceItem.credits.set(100)])


def sends_what_nobody_answers(stage: Stage) -> None:
    for path, send in ((messages_path, stage.api.post), (stream_path, stage.api.stream)):
        made, _ = stage.conversation(2)
        for content in ("Be brief", LONG):
            said = {"role": "system", "content": content}
            assert send(path(made.id), json=said).status in FINE


# --- What has to do with answers that are or were made --------------------------------------------


def creates_once(stage: Stage) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (stage.api.post(CONVERSATIONS, headers=key).data for _ in range(2))
    assert first == second


def stops(stage: Stage) -> None:
    made, _ = stage.conversation()
    generations.begin(stage.scribe.send(made), time.time() + 60)
    assert stage.api.post(stop_path(made.id)).data["stopped"]


def stops_what_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG):
        made, _ = stage.crashed(partial_text)
        assert not stage.api.post(stop_path(made.id)).data["stopped"]


def resumes(stage: Stage) -> None:
    for text in ("Hello", LONG):
        made, branch = stage.conversation(2)
        stage.models.enqueue([text])
        *_, complete, _ = _edit(stage, (made, branch), text, {}).events()
        seen = {"Last-Event-ID": f"{complete['data']['id']}:0"}
        assert stage.api.stream(stream_path(made.id), method="GET", headers=seen).status == 200


def resumes_what_crashed(stage: Stage) -> None:
    made, (*_, answer) = stage.crashed()
    begun = replace(answer, begun="send")
    messages.to_item(keys.conversation(made.owner, made.number), begun).save()
    seen = {"Last-Event-ID": f"{answer.id}:0"}
    assert stage.api.stream(stream_path(made.id), method="GET", headers=seen).status == 200


def chooses_between_versions(stage: Stage) -> None:
    for text in ("Hello", LONG):
        made, branch = stage.conversation(2, text)
        answer = branch[1]
        stage.models.enqueue([text])
        _regenerate(stage, (made, branch), "", {})
        for path in (message_path(answer.id), versions_path(answer.id)):
            assert stage.api.get(path).status == 200
        assert stage.api.post(select_path(answer.id)).data[0]["version"] == 1


def chooses_an_old_version(stage: Stage) -> None:
    """The first read does not bring it."""
    made, branch = stage.conversation(3 * FIRST_PAGE)
    _regenerate(stage, (made, branch[:2]), "", {})
    assert len(stage.api.post(select_path(branch[1].id)).data) == len(branch)


def chooses_where_it_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG):
        _, (_, answer, _) = stage.crashed(partial_text, stage.conversation(2))
        assert len(stage.api.get(versions_path(answer.id)).data) == 2
        assert stage.api.post(select_path(answer.id)).data[0]["id"] == answer.id


def purges(stage: Stage) -> None:
    made, _ = stage.conversation(2, LONG)
    begun, _ = stage.crashed(LONG)
    for each in (made, begun):
        assert conversations.delete(each)
        record = {"dynamodb": {"Keys": {"pk": {"S": keys.conversation(each.owner, each.number)}}}}
        stage.woken(purge_conversation, "WorkersPurgeConversation", record)


def repairs(stage: Stage) -> None:
    """Of an account, of nobody's session, and of the public of an agent."""
    nobodys = replace(stage, owner=keys.anonymous("0" * 64))
    for partial_text in ("Hel", LONG, ""):
        for of in (stage, nobodys):
            made, (*_, answer) = of.crashed(partial_text)
            _repair(stage, made, answer)
        _repair(stage, *chatbase_scenarios.held(stage, keys.agent("public"), partial_text))


def _repair(stage: Stage, made: Conversation, answer: Message) -> None:
    lease = {
        "pk": {"S": keys.conversation(made.owner, made.number)},
        "g": {"S": answer.id},
    }
    record = {"dynamodb": {"OldImage": lease}}
    stage.woken(repair_generation, "WorkersRepairGeneration", record)
    assert messages.find(made.owner, made.number, answer.id)[0].state == "error"


SCENARIOS: tuple[Scenario, ...] = (
    *chatbase_scenarios.SCENARIOS,
    *corpus_scenarios.SCENARIOS,
    *fixie_scenarios.SCENARIOS,
    *opey_scenarios.SCENARIOS,
    *prompts_scenarios.SCENARIOS,
    *sessions_scenarios.SCENARIOS,
    *uploads_scenarios.SCENARIOS,
    creates,
    creates_once,
    lists,
    renames,
    reads_what_is_large,
    reads_what_crashed,
    reads_more_than_a_page,
    deletes_a_message,
    deletes_a_message_that_crashed,
    deletes_a_conversation,
    deletes_what_crashed,
    answers,
    answers_after_much_and_large,
    answers_where_it_crashed,
    answers_below_an_old_head,
    answers_the_same_request_again,
    refuses_what_cannot_be_meant,
    releases_what_is_held,
    sends_what_nobody_answers,
    stops,
    stops_what_crashed,
    resumes,
    resumes_what_crashed,
    chooses_between_versions,
    chooses_an_old_version,
    chooses_where_it_crashed,
    purges,
    repairs,
)


def calls_for_the_first_time(recorder: Recorder, credentials: Callable[[], str]) -> None:
    """Every route, by somebody new each time. Who calls is found out before anything else is."""
    for route in routes():
        by_cookie = route.function.handler.startswith("opey.")
        if by_cookie and (route.method, route.path) != ("POST", "/create-session"):
            continue  # see opey_scenarios
        api = Client(recorder, credentials())
        path = re.sub(r"{\w+}", UNKNOWN_ID, route.path)
        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))
        assert answer.status in (200, 201, 204, 404), answer.text


def walk(token: Callable[[], str]) -> Done:
    """`token` makes JWTs of somebody new each time."""
    recorder, models = Recorder(), FakeModels()
    quick = Timing(chunk_every=0.01, poll=0.01, renew_every=0.02, retry_wait=0)
    web_engine.use(Engine(models, timing=quick))
    try:
        calls_for_the_first_time(recorder, lambda: new_key()[1])
        calls_for_the_first_time(recorder, token)
        for scenario in SCENARIOS:
            _, secret = new_key(new_account("standard"))
            caller, _ = api_keys.authenticate(secret, time.time())
            scenario(Stage(Client(recorder, secret), caller.owner, models, recorder))
    finally:
        web_engine.use(None)
    return dict(recorder.done)

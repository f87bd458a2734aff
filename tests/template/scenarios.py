"""What can happen to each function, so far as it makes other calls to AWS than another time.

`walk(...)` lets it all happen and returns what every function did.
"""

import asyncio
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
from reprise.chat.events import Produced
from reprise.chat.messages import Conversation, Message, Text
from reprise.engine.engine import Engine, Timing
from reprise.store import bodies, conversations, generations, keys
from reprise.store.messages import FIRST_PAGE
from reprise.web import engine as web_engine
from tests.api import Api, Response, call, new_key, routes
from tests.calls import Call, intercept
from tests.conversations import BODIES, CONVERSATIONS, START, UNKNOWN_ID, conversation
from tests.conversations import message as message_path
from tests.conversations import messages as messages_path
from tests.conversations import stream as stream_path
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all
from tests.template.permissions import Access, accesses_of
from workers import purge_conversation, repair_generation

LONG = "x" * (bodies.LIMIT + 1)  # bytes: it goes to the bucket
GONE = 60  # seconds ago, for a lease
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

    def crashed(self, partial_text: str = "Hel") -> tuple[Conversation, Message]:
        """One whose answer nobody writes any more, though its lease still lies there."""
        made, _ = self.conversation()
        turn = self.scribe.send(made)
        begun = generations.begin(turn, time.time() - GONE)
        answer = turn.messages[-1]
        for number in range(0, len(partial_text), 100_000):
            piece = Produced(number + 1, self.scribe.now_ms, Text(partial_text[number:][:100_000]))
            generations.log(answer.id, number + 1, [piece], time.time())
        return begun, answer

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
    made, answer = stage.crashed()
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
    _, answer = stage.crashed()
    assert stage.api.delete(message_path(answer.id)).status == 200


def deletes_a_conversation(stage: Stage) -> None:
    made, _ = stage.conversation(2)
    assert stage.api.delete(conversation(made.id)).status == 200


def deletes_what_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG):
        made, _ = stage.crashed(partial_text)
        assert stage.api.delete(conversation(made.id)).status == 200


def _slowly() -> list[Any]:
    """An answer that takes long enough for a chunk of its log and a renewal of its lease."""
    return ["Hel", partial(asyncio.sleep, 0.1), "lo"]


def starts(stage: Stage) -> None:
    for content, answer in (("Hello", _slowly()), (LONG, [LONG]), ("Hello", [OSError("no")])):
        stage.models.enqueue(answer)
        assert stage.api.stream(START, json={"content": content}).status == 200


def sends(stage: Stage) -> None:
    for content, answer in (("Hello", _slowly()), (LONG, [LONG]), ("Hello", [OSError("no")])):
        for path, send in _ways(stage):
            made, _ = stage.conversation(2)
            stage.models.enqueue(answer)
            assert send(path(made.id), json={"content": content}).status in (200, 201)


def sends_after_much_and_large(stage: Stage) -> None:
    for path, send in _ways(stage):
        for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
            made, _ = stage.conversation(length, text)
            assert send(path(made.id), json={"content": "Hello"}).status in (200, 201)


def sends_where_it_crashed(stage: Stage) -> None:
    for partial_text in ("Hel", LONG, ""):
        for path, send in _ways(stage):
            made, _ = stage.crashed(partial_text)
            assert send(path(made.id), json={"content": "Again"}).status in (200, 201)


def sends_below_an_old_head(stage: Stage) -> None:
    """As after a select of an old version: the first read does not bring it."""
    for path, send in _ways(stage):
        made, branch = stage.conversation(3 * FIRST_PAGE)
        conversations.to_item(replace(made, head=branch[1].id)).save()
        assert send(path(made.id), json={"content": "Again"}).status in (200, 201)


def sends_what_nobody_answers(stage: Stage) -> None:
    for path, send in _ways(stage):
        made, _ = stage.conversation(2)
        for content in ("Be brief", LONG):
            said = {"role": "system", "content": content}
            assert send(path(made.id), json=said).status in (200, 201)


def _ways(stage: Stage) -> list[tuple[Callable[[str], str], Callable[..., Response]]]:
    return [(messages_path, stage.api.post), (stream_path, stage.api.stream)]


def purges(stage: Stage) -> None:
    made, _ = stage.conversation(2, LONG)
    begun, _ = stage.crashed(LONG)
    for each in (made, begun):
        assert conversations.delete(each)
        record = {"dynamodb": {"Keys": {"pk": {"S": keys.conversation(each.owner, each.number)}}}}
        stage.woken(purge_conversation, "WorkersPurgeConversation", record)


def repairs(stage: Stage) -> None:
    for partial_text in ("Hel", LONG, ""):
        made, answer = stage.crashed(partial_text)
        lease = {
            "pk": {"S": keys.conversation(made.owner, made.number)},
            "g": {"S": answer.id},
        }
        record = {"dynamodb": {"OldImage": lease}}
        stage.woken(repair_generation, "WorkersRepairGeneration", record)


SCENARIOS: tuple[Scenario, ...] = (
    creates,
    lists,
    renames,
    reads_what_is_large,
    reads_what_crashed,
    reads_more_than_a_page,
    deletes_a_message,
    deletes_a_message_that_crashed,
    deletes_a_conversation,
    deletes_what_crashed,
    starts,
    sends,
    sends_after_much_and_large,
    sends_where_it_crashed,
    sends_below_an_old_head,
    sends_what_nobody_answers,
    purges,
    repairs,
)


def calls_for_the_first_time(recorder: Recorder, credentials: Callable[[], str]) -> None:
    """Every route, by somebody new each time. Who calls is found out before anything else is."""
    for route in routes():
        api = Client(recorder, credentials())
        path = route.path.format(conversation_id=UNKNOWN_ID, message_id=UNKNOWN_ID)
        answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))
        assert answer.status in (200, 201, 404), answer.text


def walk(token: Callable[[], str]) -> Done:
    """`token` makes JWTs of somebody new each time."""
    recorder, models = Recorder(), FakeModels()
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01, renew_every=0.02, retry_wait=0)))
    try:
        calls_for_the_first_time(recorder, lambda: new_key()[1])
        calls_for_the_first_time(recorder, token)
        for scenario in SCENARIOS:
            _, secret = new_key()
            caller, _ = api_keys.authenticate(secret, time.time())
            scenario(Stage(Client(recorder, secret), caller.owner, models, recorder))
    finally:
        web_engine.use(None)
    return dict(recorder.done)

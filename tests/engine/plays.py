"""A request of one client, through the real endpoint, struck by a fault on its way.

    with stage() as store:
        play = Play(scenario, store)
        answer = play.act(strike)

A process serves one request, as on Lambda, and lives until all that it began is through; or it
dies, and no other call of its comes through. The table is `tests.small_table`: a play makes some
thirty calls.
"""

import asyncio
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError

from local.context import Context
from reprise.accounts import keys as api_keys
from reprise.accounts import plans
from reprise.accounts.plans import Plan
from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Produced
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation, Message, Role, Text, Usage, path_hash
from reprise.engine import conversations, turns
from reprise.engine.asker import Asker
from reprise.engine.begin import Options
from reprise.engine.conversations import Draft
from reprise.engine.engine import Engine
from reprise.engine.repair import release_expired
from reprise.store import balances, generations, keys, messages, table
from reprise.store import conversations as stored_conversations
from reprise.store.accounts import Account
from reprise.store.balances import UNLIMITED, Allowance
from reprise.store.items import LeaseItem, VersionsItem
from reprise.store.table import Item, Transaction
from reprise.web import engine as web_engine
from streaming.adapter import Metadata, invoke
from tests import faults as kinds
from tests.api import DONE, Api, module_of
from tests.calls import Call, intercept
from tests.engine.matrix import ASK, ASKED, FIRST, Scenario, Strike, kinds_at, name_of
from tests.engine.world import QUICK
from tests.faults import ANY, Fault, Killed, Kind, faults, from_there
from tests.models import FAKE, FakeModels, Step
from tests.small_table import SmallTable
from workers import repair_generation

MODEL = replace(FAKE, window=1_000_000, credits=2, fallbacks=("spare",))
SPARE = replace(MODEL, name="spare", id="vendor/spare", aliases=frozenset(), fallbacks=())
CREDITS = 1_000
ALLOWANCES = {"unlimited": UNLIMITED, "limited": Allowance(CREDITS, 2)}
TIMING = replace(QUICK, chunk_every=0.004, poll=0.002, patience=60)
HANGS = 30  # seconds after which a request is taken to hang

QUESTION, LARGE_QUESTION = "What now?", "What now? " + "?" * 205_000
ANSWER, LARGE_ANSWER = ("One", " two", " three"), ("One", *(each * 60_000 for each in "2345"))
EARLIER_ANSWER, HALF = "That.", "Half"


class Store:
    """The table and the bucket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.table = SmallTable()
        self.bucket: dict[str, bytes] = {}

    def answer(self, call: Call) -> Any:
        with self._lock:
            match call.operation:
                case "PutObject":
                    self.bucket[call.request["Key"]] = call.request["Body"]
                    return {}
                case "GetObject":
                    if (body := self.bucket.get(call.request["Key"])) is None:
                        raise ClientError({"Error": {"Code": "NoSuchKey"}}, call.operation)
                    return {"Body": io.BytesIO(body)}
            return self.table.answer(call.operation, call.request)

    def items(self) -> list[Item]:
        """All that lies in the table, in the order of the keys."""
        with self._lock:
            raw = [item for partition in self.table.items.values() for item in partition.values()]
        return sorted(map(Item.from_raw_data, raw), key=lambda item: (item.pk, item.sk))


@contextmanager
def stage() -> Iterator[Store]:
    """A store to play on, plans to play under, and no waiting between attempts."""
    store = Store()
    limits = {
        name: Plan(name, True, allowance, {"conversations": 100}, {"conversations": 3600})
        for name, allowance in ALLOWANCES.items()
    }
    with (
        intercept(store.answer),
        mock.patch.dict(plans.load(), limits),  # type: ignore[arg-type]
        mock.patch.object(table, "_jitter", return_value=0),
    ):
        yield store
    web_engine.use(None)


def record(scenario: Scenario, store: Store) -> list[Strike]:
    """The cases of a scenario, from a play without a fault."""
    play, counts, lock = Play(scenario, store), Counter[str](), threading.Lock()
    cases: list[Strike] = []

    def seen(call: Call) -> Any:
        name = name_of(call)
        with lock:
            counts[name] += 1
            if counts[name] <= FIRST.get(name, counts[name]):
                at = f"{name}#{counts[name]}"
                cases.extend(Strike(scenario, at, kind) for kind in kinds_at(scenario, call))
        return call.proceed()

    with intercept(seen):
        answer = play.act(None)
    assert answer.status in (200, 201), f"{scenario}: {answer.status} {answer.body!r}"
    if play.asked:
        cases += [Strike(scenario, f"{ASK}#1", kind) for kind in ASKED]
    return sorted(cases, key=str)  # those that run side by side come in any order


# Clients and processes


@dataclass
class Answer:
    """What a client got: all of it, or what came before the process `died`. `broken` is what the
    function raised in place of an answer.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    writes: list[bytes] = field(default_factory=list)
    died: bool = False
    broken: BaseException | None = None

    async def start(self, metadata: Metadata) -> None:
        self.status, self.headers = metadata.status, metadata.headers

    async def write(self, chunk: bytes) -> None:
        self.writes.append(chunk)

    @cached_property
    def body(self) -> bytes:
        return b"".join(self.writes)

    @property
    def refused(self) -> bool:
        return self.status not in (None, 200, 201)

    @property
    def data(self) -> Any:
        """Of an answer in JSON, where all of it came."""
        return json.loads(self.body)["data"] if self.status == 201 and not self.died else []

    @cached_property
    def events(self) -> list[Any]:
        """The server-sent events, as far as they came; `[DONE]` as that text."""
        if self.status != 200:
            return []
        *blocks, rest = self.body.decode().split("\n\n")
        assert self.died or not rest, "the stream ends amid an event"
        values = [block.removeprefix("data: ") for block in blocks]
        return [value if value == DONE else json.loads(value) for value in values]

    def of_type(self, *types: str) -> list[Any]:
        """The data of the events of some types."""
        return [each["data"] for each in self.events if each != DONE and each["type"] in types]

    @property
    def acknowledged(self) -> dict[str, Any] | None:
        """The user's message, where the client was told that it is stored."""
        begun = self.of_type("conversation_created")
        said = [each["user_message"] for each in begun] + self.of_type("user_message")
        return next(iter([*said, *self.data]), None)

    @property
    def completed(self) -> dict[str, Any] | None:
        """The answer, where the client got it as a whole."""
        return next(iter([*self.of_type("ai_complete"), *self.data[1:]]), None)

    def told(self) -> Any:
        """What a client makes of it. Not of the pieces that a text came in: where the log could not
        be written, a replay has larger ones.
        """
        others = [each for each in self.events if each == DONE or each["type"] != "ai_chunk"]
        return self.data, "".join(self.of_type("ai_chunk")), others


class Process:
    """An instance of a function that serves one request."""

    def __init__(self) -> None:
        self._died = asyncio.Event()

    def die(self) -> None:
        """From any thread. Nothing of it goes on."""
        self._loop.call_soon_threadsafe(self._died.set)

    def serve(
        self,
        api: Api,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        route, event = api.event(method, path, json=body, headers=headers)
        app, context = module_of(route).app, Context.of(route.function)
        return self.run(lambda answer: invoke(app, event, context, answer))

    def work(self, handler: Callable[[Any, Any], None], event: Any) -> Answer:
        """A worker's: 200 where it succeeded, 500 where it did not and is called again."""

        async def handled(answer: Answer) -> None:
            try:
                await asyncio.to_thread(handler, event, None)
            except table.STORE_ERRORS:
                answer.status = 500
            else:
                answer.status = 200

        return self.run(handled)

    def run(self, serve: Callable[[Answer], Any]) -> Answer:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.set_exception_handler(_unless_killed)
            # not `runner.run`, whose signal handler takes the time to write out the whole answer
            return self._loop.run_until_complete(self._run(serve))

    async def _run(self, serve: Callable[[Answer], Any]) -> Answer:
        answer = Answer()
        serving = asyncio.create_task(serve(answer))
        died = asyncio.create_task(self._died.wait())
        while not died.done():
            left = asyncio.all_tasks() - {asyncio.current_task(), died}
            if not left:
                break
            done, _ = await asyncio.wait(
                {*left, died}, timeout=HANGS, return_when=asyncio.FIRST_COMPLETED
            )
            assert done, f"it hangs: {left}"
        answer.died = self._died.is_set()
        if serving.done():
            answer.broken = serving.exception()
        return answer


def _unless_killed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


class Watch:
    """Which calls were made so far, with or without success, for those who wait for one. In a hurry
    nobody waits any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Counter[str] = Counter()
        self._waiting: list[tuple[str, int, asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._hurried = False

    def seen(self, call: Call) -> Any:
        try:
            return call.proceed()
        finally:
            with self._lock:
                self._made[name_of(call)] += 1
                self._wake()

    def hurry(self) -> None:
        with self._lock:
            self._hurried = True
            self._wake()

    def made(self) -> Counter[str]:
        with self._lock:
            return self._made.copy()

    async def until(self, name: str, since: Counter[str]) -> None:
        """A call is made that had not been `since`."""
        event = asyncio.Event()
        with self._lock:
            self._waiting.append((name, since[name], asyncio.get_running_loop(), event))
            self._wake()
        await event.wait()

    def _wake(self) -> None:
        for each in self._waiting.copy():
            name, before, loop, event = each
            if self._hurried or self._made[name] > before:
                self._waiting.remove(each)
                with suppress(RuntimeError):  # its process is gone
                    loop.call_soon_threadsafe(event.set)


class Play:
    """A client of an account of its own with a conversation of one turn, one request of theirs, and
    what becomes of it.

    Stories: `stopped` and `deleted` while the model speaks; `refused` by the model; `crashed`: an
    answer in the conversation was left behind; `released`: as many as may run at once were, one in
    a conversation that is no more; `replayed`: the same request was served before.

    Rivals, who are faster than a call: a `twin` of the request; somebody who has `moved` the head,
    has an answer `running`, has `spent` the credits; who `repaired` the answer, `succeeded` it with
    a turn of their own, or `released` its hold when the conversation had been deleted.
    """

    def __init__(self, scenario: Scenario, store: Store, models: Any = None) -> None:
        """`models`: those of `tests.models` that say what the play wants, or others."""
        store.clear()
        self.scenario, self.store = scenario, store
        self.question = LARGE_QUESTION if scenario.large else QUESTION
        self.answer = LARGE_ANSWER if scenario.large else ANSWER
        self.deleted = False
        self.twin: Answer | None = None
        self._others: list[threading.Thread] = []
        self.in_vain = 0  # how often a model was asked that took nothing on
        self._models = models or self._speaking()
        self._offset = 0.0
        self._watch = Watch()
        self._process = Process()
        self._quick = False  # whether the model waits for nothing
        self._asking: str | None = None  # the fault that the model meets
        mint = Mint(now_ms=lambda: int(self.now() * 1000))
        self.engine = Engine(self._models, mint, self.now, TIMING)
        web_engine.use(self.engine)
        self._prepare()
        self._asked_before = self._asks()
        self.before = {(item.pk, item.sk) for item in store.items()}

    def now(self) -> float:
        return time.time() + self._offset

    def later(self, seconds: float) -> None:
        self._offset += seconds

    @property
    def asked(self) -> int:
        """How often the model was since the play began."""
        return self._asks() - self._asked_before

    def _asks(self) -> int:
        return len(self._models.requests)

    @property
    def partition(self) -> str:
        return keys.conversation(self.owner, self.conversation.number)

    # What there is before

    def _prepare(self) -> None:
        number = self.engine.mint.number()
        plan, account_id = self.scenario.plan, self.engine.mint.text_id(number)
        account = Account(number, account_id, "somebody", plan, self.engine.now_ms())
        _, secret = api_keys.create(self.engine.mint, account)
        self.owner, self.api = keys.account(number), Api(secret)
        conversation = conversations.new_conversation(self.engine, self.owner, Draft("A talk"))
        self.conversation = replace(conversation, version=1, branched=True)
        user = self._message("user", LARGE_QUESTION if self.scenario.large else QUESTION)
        older, answer = (self._message("assistant", text, user) for text in ("This.", "That."))
        self.earlier = user, answer
        self.conversation = replace(self.conversation, head=answer.id)
        transaction = Transaction()
        transaction.put("conversation", stored_conversations.to_item(self.conversation))
        for message in (user, older, answer):
            transaction.put(message.id, messages.to_item(self.partition, message))
        siblings = VersionsItem(self.partition, keys.versions(user.id, "assistant"))
        siblings.ids = {older.id, answer.id}
        transaction.put("versions", siblings)
        transaction.commit()
        match self.scenario.story:
            case "crashed":
                self.crashed = self._abandon(self.conversation)
                self.later(TIMING.lease + 1)
                if self.scenario.way == "worker":
                    LeaseItem(self.partition, keys.LEASE).delete()
            case "released":
                engine, owner = self.engine, self.owner
                others = [conversations.create(engine, owner, Draft("Another")) for _ in range(2)]
                for other in others:
                    self._abandon(other)
                conversations.delete(engine, owner, others[0].id)
                self.later(TIMING.lease + 1)
            case "replayed":
                self._quick = True
                self.act(None)

    def _message(self, role: Role, text: str, parent: Message | None = None) -> Message:
        answers = role == "assistant"
        now, after = self.engine.now_ms(), parent.id if parent else None
        return Message(
            id=self.engine.mint.message_id(self.conversation.number, after),
            role=role,
            parts=(Text(text),),
            parent=after,
            depth=parent.depth + 1 if parent else 0,
            path=path_hash(parent.path if parent else b"", role, text),
            state="done",
            created=now,
            updated=now,
            model="fake" if answers else None,
            finish_reason="stop" if answers else None,
            usage=Usage(5, 5) if answers else None,
        )

    def _abandon(self, conversation: Conversation) -> str:
        """A turn whose process dies while the model speaks; part of the answer is logged."""
        allowance = ALLOWANCES[self.scenario.plan]
        asker = Asker(self.owner, self.owner, allowance, self.now() + 900)

        async def die() -> str:
            speaks = asyncio.Event()
            self._models.enqueue([speaks.set, asyncio.Event().wait])
            run = await turns.send(self.engine, asker, conversation.id, "And this?", Options())
            await speaks.wait()
            return run.id

        generation = asyncio.run(die())
        for number, text in enumerate((HALF, *(self.answer[1:] if self.scenario.large else ())), 1):
            event = Produced(number, self.engine.now_ms(), Text(text))
            generations.log(generation, number, [event], self.now())
        return generation

    # What the client does

    def act(self, strike: Strike | None) -> Answer:
        """The request, with a fault at one of its calls."""
        planned: list[Fault] = []
        if strike and strike.name == ASK:
            self._asking = strike.kind
        elif strike:
            planned = [self._fault(strike)]
        with faults(*planned) as struck, intercept(self._watch.seen), intercept(self._in_turn()):
            answer = self._serve(self._process)
            for other in self._others:
                other.join()
        self._process = Process()
        assert bool(struck) == bool(planned), "the call was not made"
        assert self._asking is None, "the model was not asked"
        return answer

    def _in_turn(self) -> Callable[[Call], Any]:
        """A claim that is found cuts short what is read beside it: it is found once that was read,
        so that there is always the same to strike at.
        """
        read = threading.Event()

        def handle(call: Call) -> Any:
            if self.scenario.story == "replayed" and name_of(call) == "GetItem:IDEM":
                read.wait(1)  # in vain where the process dies before it reads
            try:
                return call.proceed()
            finally:
                if name_of(call) == "Query:M":
                    read.set()

        return handle

    def again(self) -> Answer:
        """The same request once more; nothing is wrong any more."""
        self._quick = True
        return self._serve(Process())

    def _serve(self, process: Process) -> Answer:
        user, answer = self.earlier
        talk, said = f"/v1/chat/conversations/{self.conversation.id}", {"content": self.question}
        headers = {"Idempotency-Key": "a key"} if self.scenario.keyed else None
        match self.scenario.way:
            case "send":
                return process.serve(self.api, "POST", f"{talk}/messages/stream", said, headers)
            case "say":
                return process.serve(self.api, "POST", f"{talk}/messages", said, headers)
            case "start":
                path = "/v1/chat/conversations/stream"
                return process.serve(self.api, "POST", path, said, headers)
            case "edit":
                path = f"/v1/chat/messages/{user.id}"
                return process.serve(self.api, "PATCH", path, said, headers)
            case "redo":
                path = f"/v1/chat/messages/{answer.id}/regenerate"
                return process.serve(self.api, "POST", path, None, headers)
            case "worker":
                return self._work(process, self.partition, self.crashed)

    def _work(self, process: Process, partition: str, generation: str) -> Answer:
        """The table's stream wakes the worker, because the table dropped a lease."""
        image = {"pk": {"S": partition}, "sk": {"S": keys.LEASE}, "g": {"S": generation}}
        record = {"eventName": "REMOVE", "dynamodb": {"OldImage": image}}
        return process.work(repair_generation.handler, {"Records": [record]})

    def repair(self) -> None:
        """What comes when nobody does. What is held for a conversation that is gone, the next
        refused hold releases.
        """
        for item in self.store.items():
            if isinstance(item, LeaseItem) and item.expires <= self.now():
                item.delete()
                answer = self._work(Process(), item.pk, item.generation)
                assert (answer.status, answer.broken) == (200, None)
        if self.deleted or self.scenario.story == "released":
            release_expired(self.owner, self.now())

    # What goes wrong

    def _fault(self, strike: Strike) -> Fault:
        def struck(kind: Kind, times: int = 1) -> Fault:
            on = range(strike.number, strike.number + times)
            return Fault(ANY, kind, on, lambda call: name_of(call) == strike.name)

        process, (kind, _, rival) = self._process, strike.kind.partition("_")

        def dying(call: Call) -> Any:
            try:
                return (kinds.killed if strike.kind == "death_before" else kinds.killed_after)(call)
            finally:
                process.die()

        def cut(call: Call) -> Any:
            self._watch.hurry()  # what the model would wait for does not come
            self.later(7)  # and patience comes to its end
            return kinds.disconnected(call)

        def beaten(call: Call) -> Any:
            getattr(self, f"_{rival}")(call)
            return call.proceed()

        def overtaken(call: Call) -> Any:
            self._overtaken()
            return call.proceed()

        match kind:
            case "death":
                return from_there(struck(dying), kinds.killed)
            case "disconnected":
                return from_there(struck(cut))
            case "condition":
                return struck(beaten)
            case "overtaken":
                return struck(overtaken)
        times = 2 if strike.kind == "timeout_twice" else 1
        return struck(_FAULTS[strike.kind], times)

    def _speaking(self) -> FakeModels:
        models = FakeModels(MODEL, SPARE)
        models.otherwise = self._script
        return models

    def _script(self) -> Iterator[Step]:
        """What the model says. It waits until the generation has logged, looked for a stop and
        renewed its lease.
        """
        kind, self._asking = self._asking, None
        if kind:
            yield from self._struck(kind)
            return
        if self.scenario.story == "refused":
            self.in_vain += 1
            yield UpstreamFailed("401", refused=True)
        yield self.answer[0]
        if not self._quick:
            yield self._keep
            match self.scenario.story:
                case "stopped":
                    yield self._stop
                case "deleted":
                    yield self._delete
        yield from self.answer[1:]

    def _struck(self, kind: str) -> Iterator[Step]:
        match kind:
            case "throttled" | "disconnected":
                self.in_vain += 1
                yield UpstreamFailed("nothing was taken on", retryable=True, retry_after=0.001)
            case "timeout_before":
                yield UpstreamFailed("no answer: it may have been made")
            case "timeout_after":
                yield self.answer[0]
                yield UpstreamFailed("silence")
            case "death_before":
                yield self._die
            case "death_after":
                yield self.answer[0]
                yield self._die
            case "torn":
                yield self.answer[0]
                yield UpstreamFailed("broken off", retryable=True)
            case "defect":
                yield ZeroDivisionError("a defect")

    async def _die(self) -> None:
        self._process.die()
        await asyncio.Event().wait()

    async def _keep(self) -> None:
        before = self._watch.made()
        if not before["PutItem:CHUNK"]:
            await self._watch.until("PutItem:CHUNK", before)
        await self._watch.until("GetItem:LEASE", before)
        self.later(TIMING.renew_every)
        await self._watch.until("UpdateItem:LEASE", before)

    async def _stop(self) -> None:
        path = f"/v1/chat/conversations/{self.conversation.id}/stop"
        answer = await asyncio.to_thread(Process().serve, self.api, "POST", path)
        if answer.status == 200 and json.loads(answer.body)["data"]["stopped"]:
            await self._watch.until("the end", Counter())

    async def _delete(self) -> None:
        path = f"/v1/chat/conversations/{self.conversation.id}"
        answer = await asyncio.to_thread(Process().serve, self.api, "DELETE", path)
        if answer.status == 200:
            await self._watch.until("the end", Counter())

    # Rivals

    def _twin(self, call: Call) -> None:
        self.twin = self.again()

    def _overtaken(self) -> None:
        """The twin is under way until somebody follows it."""
        begun = threading.Event()

        def script() -> Iterator[Step]:
            yield self.answer[0]
            yield begun.set
            yield lambda: self._watch.until("Query:GEN", Counter())
            yield from self.answer[1:]

        def serve() -> None:
            self.twin = self._serve(Process())

        self._models.enqueue(script())
        self._others.append(threading.Thread(target=serve))
        self._others[-1].start()
        assert begun.wait(HANGS)

    def _moved(self, call: Call) -> None:
        if self.scenario.way == "start":  # the number is taken, by one that nobody lists
            puts = [
                write["Put"]["Item"] for write in call.request["TransactItems"] if "Put" in write
            ]
            ours = next(item for item in puts if item["sk"]["S"] == keys.META)
            taken = {**ours, "id": {"S": "another"}, "head": {"NULL": True}}
            self.store.table.items[ours["pk"]["S"]] = {keys.META: taken}
            return
        asker = Asker(self.owner, self.owner, UNLIMITED, self.now() + 900)
        asyncio.run(turns.append(self.engine, asker, self.conversation.id, "system", "Note"))

    def _running(self, call: Call) -> None:
        self._abandon(self.conversation)

    def _spent(self, call: Call) -> None:
        now, entry = self.engine.now_ms(), "grant-taken back"
        balances.grant(self.owner, balances.period(now), -CREDITS, CREDITS, entry, now)

    def _repaired(self, call: Call) -> None:
        self.later(TIMING.lease + 1)
        self.repair()

    def _succeeded(self, call: Call) -> None:
        self._repaired(call)
        if there := self._talk():
            self._abandon(there)

    def _released(self, call: Call) -> None:
        if there := self._talk():
            conversations.delete(self.engine, self.owner, there.id)
        self.deleted = True
        self.later(TIMING.lease + 1)
        release_expired(self.owner, self.now())

    def _refused(self, call: Call) -> None:
        kinds.refused(call)

    def _talk(self) -> Conversation | None:
        """The conversation that is talked in, unless it was deleted."""
        metas = [item for item in self.store.items() if item.sk == keys.META]
        started = [item for item in metas if (item.pk, item.sk) not in self.before]
        for item in started if self.scenario.way == "start" else metas:
            if self.scenario.way == "start" or item.pk == self.partition:
                return stored_conversations.from_item(item)  # type: ignore[arg-type]
        return None


_FAULTS: dict[str, Kind] = {
    "throttled": kinds.throttled,
    "conflict": kinds.conflict,
    "timeout_before": kinds.timeout,
    "timeout_after": kinds.lost_answer,
    "timeout_twice": kinds.lost_answer,
}

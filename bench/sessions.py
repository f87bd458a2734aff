"""The sessions surface, whose clients resend the whole history: what a long one adds, and what a
page of the history reads.

Calls and units are counted in this process, as in `bench.capacity`; times are taken through `make
dev` with its table in another process, by turns in a long session and in short ones of the same
account, with a provider on loopback.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import boto3
import httpx

from bench import backend as stores
from bench import processes
from bench.client import ask, request
from bench.depth import before, slow
from bench.in_process import functions
from bench.progress import Progress
from bench.shapes import straight, text
from bench.statistic import median
from bench.table import Result, Table, Target
from reprise.accounts import accounts, keys
from reprise.chat.ids import Mint
from reprise.chat.messages import Conversation
from reprise.llm import catalogue
from reprise.store.conversations import to_item
from reprise.store.items import ConversationItem
from reprise.store.keys import account as partition_of
from reprise.store.keys import conversation as partition_of_conversation
from tests import sessions
from tests.api import DONE, Api
from tests.capacity import Cost, measured, size_of
from tests.dev_server import DevServer
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all

MOST_RATIO, MOST_DEPTH = 1.5, 3
SHORT, PAGE = 2, 10
EVENTS = "stream 5 0"  # of an answer, for `bench.provider`
MODEL = "openai/gpt-4"  # that of the seed's examples
LARGE = "openai/gpt-4o-mini"  # into whose window half of a long session fits
_BEGIN = "TransactWriteItems"
# As long as DynamoDB takes, seen from Lambda, or so: in the same region, for small items.
DYNAMODB = stores.Late(0.005, 0.015)
READ = 4096  # bytes of a unit; twice as many where an index is read


@dataclass(frozen=True)
class Plan:
    """A long session of so many messages, `rounds` for its first events, and a history."""

    long: int
    rounds: int
    listed: int
    messages: int  # of each session on a page


FULL, SMALLEST = Plan(1_000, 40, 10_000, 30), Plan(60, 1, 40, 30)


def run(say: Progress, plan: Plan = FULL) -> Result:
    with functions() as (_, models):
        resent = list(_resent(say, plan, models))
        pages = list(_pages(say, plan))
    firsts = {late: _firsts(say, plan, late) for late in MODELS}
    return Result(
        (_resent_table(resent), _firsts_table(plan, firsts), _pages_table(plan, pages)),
        (
            *_resent_targets(resent),
            *_firsts_targets(plan, firsts[DYNAMODB]),
            *_pages_targets(pages),
        ),
    )


# --- What a resent history reads and writes -------------------------------------------------------


@dataclass
class _Resent:
    """One request with a history of so many messages: what it cost until its model was asked."""

    length: int
    cost: Cost = field(default_factory=Cost)
    asked: list[float] = field(default_factory=list)

    def note(self) -> None:
        self.asked.append(time.perf_counter())

    @property
    def calls(self) -> Cost:
        return before(self.cost, self.asked[0])

    @property
    def matching(self) -> Sequence[float]:
        """Read units of each Query before the write that begins the turn: of those that match the
        history.
        """
        begin = next(each for each in self.cost.calls if each.call.operation == _BEGIN)
        queries = [each for each in self.cost.calls if each.call.operation == "Query"]
        matching = sum(each.ended <= begin.began for each in queries)
        return self._units[:matching]

    @property
    def context(self) -> float:
        """Read units of what the model shall read beyond that, beside the write."""
        return sum(self._units) - sum(self.matching)

    @property
    def messages(self) -> int:
        """Messages that were written, ever."""
        written = {
            each.what for each in self.cost.charges if each.write_units and each.what[:2] == "M#"
        }
        return len(written)

    @property
    def _units(self) -> Sequence[float]:
        return [each.read_units for each in self.cost.charges if each.operation == "Query"]


def _resent(say: Progress, plan: Plan, models: FakeModels) -> Iterator[_Resent]:
    api, owner = _account()
    scribe = Scribe(now_ms=int((time.time() - 100_000) * 1000))
    api.get(sessions.HISTORY)  # its key is noted as used, once a day
    for length in (SHORT, plan.long):
        say(f"a history of {length:,} messages")
        conversation, _ = straight(length).make(scribe, owner)
        resent = _Resent(length)
        models.enqueue([resent.note, "Hello"])
        sent = sessions.body(*[text(800)] * length, "Again", session_id=conversation.number)
        with slow(resent.asked), measured() as resent.cost:
            answer = api.stream(sessions.STREAM, json=sent | {"model": models.find(None).name})
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}: {answer.text[-500:]}")
        yield resent


def _account() -> tuple[Api, str]:
    account = accounts.create(Mint(), f"bench-{time.perf_counter_ns()}", "local")
    _, secret = keys.create(Mint(), account)
    return Api(secret), partition_of(account.number)


def _resent_table(resent: Sequence[_Resent]) -> Table:
    return Table(
        "Sessions: a history that is resent, by its messages",
        (
            *("messages", "reads to match it", "their units", "messages written"),
            *("calls before the model", "one after another", "+ units of the context"),
        ),
        tuple(
            (
                f"{each.length:,}",
                len(each.matching),
                sum(each.matching),
                each.messages,
                len(each.calls.calls),
                each.calls.round_trips,
                each.context,
            )
            for each in resent
        ),
        (
            "messages are 800 bytes; written: the new one and its answer",
            "context: read beside the write that begins the turn, until the model's window is full",
        ),
    )


def _resent_targets(resent: Sequence[_Resent]) -> Iterator[Target]:
    *_, long = resent
    what = f"a history of {long.length:,} messages resent:"
    yield Target(f"{what} reads to match it", len(long.matching), 1, False)
    yield Target(f"{what} messages written again", long.messages - 2, 0, False)
    depth = max(each.calls.round_trips for each in resent)
    yield Target(f"{what} calls one after another", depth, MOST_DEPTH, False)


# --- First events ---------------------------------------------------------------------------------

Firsts = Mapping[tuple[str, int], list[float]]  # milliseconds, by model and length
MODELS = {stores.NEVER: (MODEL,), DYNAMODB: (MODEL, LARGE)}


def _firsts(say: Progress, plan: Plan, late: stores.Late) -> Firsts:
    """Until the first event of an answer in sessions of two lengths, by turns."""
    found: dict[tuple[str, int], list[float]] = {}
    say("starting the provider and `make dev`")
    with processes.running("bench.provider") as (_, port), stores.backend(late) as apart:
        url = f"http://127.0.0.1:{port}"
        environ = {"OPENROUTER_API_KEY": "bench", "OPENROUTER_BASE_URL": f"{url}/v1"}
        with DevServer(environ | apart.environ) as server:
            for model in MODELS[late]:
                say(f"{model}: a session of {plan.long:,} messages")
                number, said = _session(server, model, plan.long)
                for turn in range(plan.rounds + 1):
                    say(f"{model}: first events, round {turn} of {plan.rounds}")
                    short, few = _session(server, model, SHORT)
                    _, brief = _first(server, model, short, few)
                    said, milliseconds = _first(server, model, number, said)
                    if turn:  # the one before is to warm up
                        found.setdefault((model, SHORT), []).append(brief)
                        found.setdefault((model, plan.long), []).append(milliseconds)
    return found


def _session(server: DevServer, model: str, length: int) -> tuple[int, list[str]]:
    """A new session of so many messages, and what they say."""
    said = [*[text(800)] * (length - 2), EVENTS]
    body = sessions.body(*said, stream=False) | {"model": model}
    answer = httpx.post(
        server.url + sessions.STREAM,
        json=body,
        headers=server.auth,
        timeout=120,
        trust_env=False,
    )
    told = answer.raise_for_status().json()
    return told["session_id"], [*said, told["message"]["content"]]


def _first(server: DevServer, model: str, number: int, said: list[str]) -> tuple[list[str], float]:
    """What is said once another message was answered, and milliseconds until its first event."""
    body = sessions.body(*said, EVENTS, session_id=number) | {"model": model}
    answer = ask(server.url, request(server.url, sessions.STREAM, body, server.auth))
    events = answer.events()
    *tokens, done = [each.data.removeprefix(b"data: ").decode() for each in events]
    if done != DONE:
        raise RuntimeError(f"the answer ended with {done!r}")
    return [*said, EVENTS, "".join(tokens)], 1000 * (events[0].at - answer.asked)


def _ratio(plan: Plan, firsts: Firsts, model: str) -> float:
    return median(firsts[model, plan.long]) / median(firsts[model, SHORT])


def _firsts_table(plan: Plan, firsts: Mapping[stores.Late, Firsts]) -> Table:
    return Table(
        "Sessions: milliseconds until the first event (medians)",
        ("model", "table", f"{SHORT} messages", f"{plan.long:,} messages", "÷"),
        tuple(
            (
                model,
                "moto" if late == stores.NEVER else "as far as DynamoDB",
                median(firsts[late][model, SHORT]),
                median(firsts[late][model, plan.long]),
                _ratio(plan, firsts[late], model),
            )
            for late, models in MODELS.items()
            for model in models
        ),
        (
            f"{catalogue.find(MODEL).window:,} tokens fit {MODEL}, "
            f"{catalogue.find(LARGE).window:,} fit {LARGE}, to which all of that is sent",
            f"as far as DynamoDB: moto answers {1000 * DYNAMODB.call:g} ms late, a transaction "
            f"{1000 * DYNAMODB.transaction:g} ms: an assumption; beside that it takes 0.1 ms for "
            "each item",
        ),
    )


def _firsts_targets(plan: Plan, firsts: Firsts) -> Iterator[Target]:
    what = f"first event, a session of {plan.long:,} messages ÷ one of {SHORT}"
    yield Target(what, _ratio(plan, firsts, MODEL), MOST_RATIO)


# --- The history ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Page:
    """What a page of the history cost. `own` are the units of the sessions on it, if they were read
    at once, and `entries` those of the index that were scanned.
    """

    name: str
    cost: Cost
    own: float
    entries: int

    @property
    def index(self) -> float:
        return sum(each.read_units for each in self.cost.charges if "by_owner" in each.what)

    @property
    def messages(self) -> float:
        """Of the sessions' own items, their conversations' and messages'."""
        return sum(
            each.read_units
            for each in self.cost.charges
            if each.operation == "Query" and "by_owner" not in each.what
        )

    @property
    def scanned(self) -> float:
        """Bytes of index entries, in units."""
        size = sum(each.bytes for each in self.cost.charges if "by_owner" in each.what)
        return size / READ / 2

    @property
    def beyond(self) -> float:
        """Units beyond page and entries: each call rounds up."""
        return self.index + self.messages - self.own - self.scanned


def _pages(say: Progress, plan: Plan) -> Iterator[_Page]:
    api, owner = _account()
    api.get(sessions.HISTORY)
    last = plan.listed // PAGE
    say(f"making {plan.listed:,} sessions")
    own = _listed(owner, plan, {1, last // 2, last})
    for name, query in (
        ("the first", {"page": 1}),
        ("in the middle", {"page": last // 2}),
        ("the last", {"page": last}),
        ("the first, by model", {"page": 1, "model": MODEL}),
    ):
        say(f"a page of the history: {name}")
        with measured() as cost:
            told = sessions.history(api, **query)
        if len(told["sessions"]) != PAGE or told["total"] != plan.listed:
            raise RuntimeError(f"a page of {len(told['sessions'])} among {told['total']}")
        if any(len(each["messages"]) != plan.messages for each in told["sessions"]):
            raise RuntimeError("a session is not whole")
        scanned = sum(
            int(each.what.split(" ", 1)[0]) for each in cost.charges if "by_owner" in each.what
        )
        yield _Page(name, cost, own, scanned)


def _listed(owner: str, plan: Plan, pages: set[int]) -> float:
    """Store so many sessions, with messages in those on the pages. Returns the read units of the
    sessions on one page, each read at once.
    """
    scribe = Scribe(now_ms=int((time.time() - 1_000_000) * 1000))
    made, full = [], scribe.conversation()
    for place in reversed(range(plan.listed)):
        each = scribe.conversation(owner=owner, model=MODEL)
        if place // PAGE + 1 in pages:
            branch = scribe.branch(each, plan.messages, text(800))
            each = full = replace(each, head=branch[-1].id, version=len(branch))
            put_all(each, branch)
        made.append(each)
    with ConversationItem.batch_write() as batch:
        for each in made:
            batch.save(to_item(each))
    return PAGE * _units(full)


def _units(conversation: Conversation) -> int:
    """To read all items of a conversation, which have no more than a megabyte."""
    found = boto3.client("dynamodb").query(
        TableName=os.environ["TABLE_NAME"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={
            ":pk": {"S": partition_of_conversation(conversation.owner, conversation.number)}
        },
    )
    return -(-sum(map(size_of, found["Items"])) // READ)


def _pages_table(plan: Plan, pages: Sequence[_Page]) -> Table:
    return Table(
        f"Sessions: read units of a page of {PAGE}, among {plan.listed:,}",
        (
            *("page", "index", "entries scanned", "of their size", "sessions"),
            *("of their size", "all", "calls"),
        ),
        tuple(
            (
                each.name,
                each.index,
                each.entries,
                each.scanned,
                each.messages,
                each.own,
                each.index + each.messages,
                len(each.cost.calls),
            )
            for each in pages
        ),
        (
            f"sessions of {plan.messages} messages of 800 bytes",
            "the index is scanned to its end, because the answer tells how many there are in all",
            "of their size: if no call rounded its units up",
        ),
    )


def _pages_targets(pages: Sequence[_Page]) -> Iterator[Target]:
    worst = max(each.beyond / len(each.cost.calls) for each in pages)
    what = "a page of the history: read units beyond its sessions and the entries scanned ÷ calls"
    yield Target(what, worst, 1, timed=False)

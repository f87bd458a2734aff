"""What opey, chatbase and fixie add to a provider's answer, beside the conversations surface: until
its first event, and on the processor for each event; and how many DynamoDB calls one after another
the model waits for.

One client asks the same provider on loopback in conversations of the same account, by turns
directly and through `make dev` on each surface. Calls are counted in this process, with the key,
the session and the agent known to it, as for the second request of an instance.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from re import findall, search

import httpx

from bench import processes
from bench.client import ask, request, unchunked
from bench.depth import before, slow
from bench.in_process import functions
from bench.processes import Cpu, cpu
from bench.progress import Progress
from bench.statistic import median
from bench.table import Result, Table, Target
from reprise.accounts import accounts, keys
from reprise.chat.ids import Mint
from tests import conversations, surfaces
from tests.capacity import measured
from tests.chatbase import chat, put_agent
from tests.dev_server import DevServer
from tests.fixie import messages
from tests.models import FakeModels
from tests.surfaces import Surface, surfaces_of

MOST_RATIO, MOST_DEPTH = 1.3, 3
DIRECT, MEASURE = "direct", "conversations"
# of a client that resends its history, `bench.sessions` tells more
SURFACES = {name: each for name, each in surfaces.SURFACES.items() if name != "sessions"}
SHORT = 5  # events of an answer whose first one counts
_STAMP = rb" @\d+\.\d{6}"  # what an event of the provider's says


@dataclass(frozen=True)
class Plan:
    """So many answers for their first events, and so many with `events` as fast as they can go."""

    firsts: int = 60
    fast: int = 7
    events: int = 2_000


FULL, SMALLEST = Plan(), Plan(firsts=2, fast=1, events=50)


@dataclass(frozen=True)
class _Way:
    """A way to the provider: `prepare` makes the request for a question, `pid` serves it."""

    url: str
    pid: int
    prepare: Callable[[str], bytes]


@dataclass
class _Series:
    """Milliseconds until the first events of answers, and seconds of a processor for each event."""

    firsts: list[float] = field(default_factory=list)
    used: list[Cpu] = field(default_factory=list)

    @property
    def first(self) -> float:
        middle: float = median(self.firsts)
        return middle

    def per_event(self, thread: str) -> float:
        """Milliseconds on a processor."""
        used: float = median(getattr(used, thread) for used in self.used)
        return 1000 * used


def run(say: Progress, plan: Plan = FULL) -> Result:
    say("round trips")
    depths = _depths()
    series = {way: _Series() for way in (DIRECT, *SURFACES)}
    with _ways(say) as ways:
        say("warming up")
        for way in ways.values():
            _measure(way, plan.events)
        for number in range(plan.firsts):
            say(f"first events, round {number + 1} of {plan.firsts}")
            for name, way in ways.items():
                series[name].firsts.append(_measure(way, SHORT)[0])
        for number in range(plan.fast):
            say(f"as fast as it goes, round {number + 1} of {plan.fast}")
            for name, way in ways.items():
                series[name].used.append(_measure(way, plan.events)[1])
    return _result(series, depths)


# --- Times ----------------------------------------------------------------------------------------


@contextmanager
def _ways(say: Progress) -> Iterator[dict[str, _Way]]:
    say("starting the provider and `make dev`")
    with processes.running("bench.provider") as (provider, port):
        url = f"http://127.0.0.1:{port}"
        environ = {"OPENROUTER_API_KEY": "bench", "OPENROUTER_BASE_URL": f"{url}/v1"}
        with DevServer(environ) as server:
            pid = server.process.pid
            made = httpx.post(f"{server.url}/create-session", headers=server.auth, trust_env=False)
            cookie = {"Cookie": f"session={made.cookies['session']}"}
            ways = {name: _Way(server.url, pid, partial(_sent, server, name)) for name in SURFACES}
            ways["opey"] = replace(ways["opey"], prepare=partial(_to_thread, server, cookie))
            yield {DIRECT: _Way(url, provider.pid, partial(_completion, url)), **ways}


def _completion(url: str, question: str) -> bytes:
    said = [{"role": "user", "content": question}]
    return request(url, "/v1/chat/completions", {"messages": said, "stream": True}, {})


def _sent(server: DevServer, surface: str, question: str) -> bytes:
    """A message to a new conversation of the account's default agent, on any of the surfaces with
    bearer keys.
    """
    made = _created(server)
    path, body = {
        "conversations": (conversations.stream(made), {"content": question}),
        "chatbase": (chat("demo"), {"message": question, "conversationId": made}),
        "fixie": (messages("demo", made), {"message": question}),
    }[surface]
    return request(server.url, path, body, server.auth)


def _to_thread(server: DevServer, cookie: Mapping[str, str], question: str) -> bytes:
    body = {"message": question, "thread_id": _created(server)}
    return request(server.url, "/stream", body, cookie)


def _created(server: DevServer) -> str:
    url = f"{server.url}{conversations.CONVERSATIONS}"
    made = httpx.post(url, json={"title": "Bench"}, headers=server.auth, trust_env=False)
    conversation: str = made.json()["data"]["id"]
    return conversation


def _measure(way: _Way, count: int) -> tuple[float, Cpu]:
    """Milliseconds until the first event of an answer of so many, and what each of them took of a
    processor. Raises RuntimeError if something else comes.
    """
    prepared = way.prepare(f"stream {count} 0")
    began = cpu(way.pid)
    answer = ask(way.url, prepared)
    used = cpu(way.pid) - began
    came, first = bytearray(), None
    for at, data in unchunked(answer.pieces):
        came += data
        if first is None and search(_STAMP, came):
            first = at
    if first is None or len(set(findall(_STAMP, came))) != count:
        raise RuntimeError(f"answered {answer.status}: {bytes(came[-500:])!r}")
    return 1000 * (first - answer.asked), Cpu(used.all / count, used.first / count)


# --- Calls ----------------------------------------------------------------------------------------


def _depths() -> dict[str, dict[str, int]]:
    """For each surface, how many calls were one after another before the model's: of a message and
    of a redo, on a limited plan, with an `Idempotency-Key`.
    """
    with functions() as (_, models):
        _, secret = keys.create(Mint(), accounts.create(Mint(), "bench", "standard"))
        conversation = SURFACES[MEASURE](secret, "")
        agent = put_agent(conversation.api, default=True)
        return {
            name: _depths_of(surface, models)
            for name, surface in surfaces_of(secret, agent).items()
            if name in SURFACES
        }


def _depths_of(surface: Surface, models: FakeModels) -> dict[str, int]:
    made = surface.begin("Hello")
    question, answer = surface.shown(made)
    return {
        "redo": _depth(models, partial(surface.redo, made, question.id, answer.id)),
        "message": _depth(models, partial(surface.send, made, "Hello")),
    }


def _depth(models: FakeModels, asking: Callable[..., object]) -> int:
    asked: list[float] = []
    models.enqueue([lambda: asked.append(time.perf_counter()), "Hello"])
    with slow(asked), measured(units=False) as cost:
        asking(headers={"Idempotency-Key": str(time.perf_counter_ns())})
    return before(cost, asked[0]).round_trips


# --- Results --------------------------------------------------------------------------------------


def _result(series: Mapping[str, _Series], depths: Mapping[str, Mapping[str, int]]) -> Result:
    added = {name: series[name].first - series[DIRECT].first for name in SURFACES}
    loop = {name: series[name].per_event("first") for name in SURFACES}
    table = Table(
        "Surfaces: milliseconds (medians), and calls",
        (
            *("surface", "first event", "added", "÷ conversations'"),
            *("CPU of an event, loop", "÷ conversations'", "all"),
            *("calls before the model, message", "redo"),
        ),
        tuple(
            (
                name,
                series[name].first,
                added[name],
                added[name] / added[MEASURE],
                loop[name],
                loop[name] / loop[MEASURE],
                series[name].per_event("all"),
                depths[name]["message"],
                depths[name]["redo"],
            )
            for name in SURFACES
        ),
        (
            "first event: the first that has text; added: to the provider's own",
            "loop: the event loop's thread, where the functions run; all: moto and the SDK too",
            "calls: DynamoDB's, one after another, on a limited plan, with an Idempotency-Key",
        ),
    )
    return Result((table,), tuple(_targets(added, loop, depths)))


def _targets(
    added: Mapping[str, float],
    loop: Mapping[str, float],
    depths: Mapping[str, Mapping[str, int]],
) -> Iterator[Target]:
    others: Sequence[str] = [name for name in SURFACES if name != MEASURE]
    for name in others:
        what = f"{name}: added to the first event ÷ {MEASURE}'"
        yield Target(what, added[name] / added[MEASURE], MOST_RATIO)
    for name in others:
        what = f"{name}: CPU of an event ÷ {MEASURE}'"
        yield Target(what, loop[name] / loop[MEASURE], MOST_RATIO)
    for name in others:
        what = f"{name}: calls one after another before the model's"
        yield Target(what, max(depths[name].values()), MOST_DEPTH, timed=False)

"""What Reprise adds to a provider's answer: until its first event, and for each further one.

One client asks one provider on loopback, by turns directly, through `make dev` with its moto, and
through LiteLLM, which stores nothing. What is added is the difference to the direct way.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from bench import processes
from bench.client import ask, request
from bench.processes import Cpu, cpu
from bench.progress import Progress
from bench.statistic import median, percentile
from bench.table import Cell, Result, Table, Target
from tests.dev_server import DevServer
from tests.llm import litellm_proxy

FIRST, FURTHER = 20.0, 0.15  # ms
DIRECT, REPRISE, PEER = "direct", "Reprise", "LiteLLM"
SHORT = 5  # events of an answer whose first one counts


@dataclass(frozen=True)
class Plan:
    """`events` of a long answer, which comes `fast` times in one go and `paced` times with `pause`
    seconds between events.
    """

    firsts: int
    fast: int
    paced: int
    events: int = 2_000
    pause: float = 0.002
    peer: bool = True


FULL = Plan(firsts=40, fast=5, paced=2)
SMALLEST = Plan(firsts=2, fast=1, paced=1, events=50, peer=False)


@dataclass(frozen=True)
class _Way:
    """A way to the provider: `prepare` makes the request for a question, `pid` serves it."""

    name: str
    url: str
    pid: int
    prepare: Callable[[str], bytes]


@dataclass(frozen=True)
class _Timing:
    """One answer. Milliseconds; `opened` is when anything of a stream came."""

    opened: float
    first: float
    each: float
    delays: Sequence[float]
    used: Cpu
    events: int


@dataclass
class _Series:
    """All answers of one kind, by the way that they came."""

    title: str
    timings: dict[str, list[_Timing]] = field(default_factory=dict)

    def middle(self, way: str, what: str) -> float:
        middle: float = median(getattr(timing, what) for timing in self.timings[way])
        return middle

    def added(self, way: str, what: str) -> float:
        return self.middle(way, what) - self.middle(DIRECT, what)

    def comparison(self, way: str, what: str) -> tuple[float | None, float | None]:
        """What a way adds, and that as a ratio to what LiteLLM adds, where it was measured."""
        if way == DIRECT:
            return None, None
        added = self.added(way, what)
        return added, added / self.added(PEER, what) if PEER in self.timings else None

    def delay(self, way: str, percent: float) -> float:
        return percentile((d for t in self.timings[way] for d in t.delays), percent)

    def added_delay(self, way: str) -> float:
        return self.delay(way, 50) - self.delay(DIRECT, 50)

    def per_event(self, way: str, thread: str) -> float:
        """Milliseconds on a processor."""
        used: float = median(getattr(t.used, thread) / t.events for t in self.timings[way])
        return 1000 * used


def run(say: Progress, plan: Plan = FULL) -> Result:
    with _ways(say, plan.peer) as ways:
        say("warming up")
        for way in ways:
            for _ in range(3):
                _measure(way, SHORT, 0)
            _measure(way, plan.events, 0)
        firsts = _series(say, ways, "first events", plan.firsts, SHORT, 0.01)
        fast = _series(say, ways, "as fast as it goes", plan.fast, plan.events, 0)
        paced = _series(say, ways, "paced", plan.paced, plan.events, plan.pause)
        names = [way.name for way in ways]
    tables = (
        _first_table(firsts, names),
        _further_table(fast, paced, names, plan),
    )
    return Result(
        tables,
        (
            Target("added to the first event, ms", firsts.added(REPRISE, "first"), FIRST),
            Target("added to each further event, ms", fast.added(REPRISE, "each"), FURTHER),
            Target(
                f"the same where they are {1000 * plan.pause:g} ms apart",
                paced.added_delay(REPRISE),
                FURTHER,
            ),
        ),
    )


@contextmanager
def _ways(say: Progress, peer: bool) -> Iterator[list[_Way]]:
    with ExitStack() as stack:
        say("starting the provider")
        provider, port = stack.enter_context(processes.running("bench.provider"))
        url = f"http://127.0.0.1:{port}"
        say("starting `make dev`")
        environ = {"OPENROUTER_API_KEY": "bench", "OPENROUTER_BASE_URL": f"{url}/v1"}
        server = stack.enter_context(DevServer(environ))
        ways = [
            _Way(DIRECT, url, provider.pid, partial(_completion, url, "none")),
            _Way(REPRISE, server.url, server.process.pid, partial(_message, server)),
        ]
        if peer:
            say("starting LiteLLM")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            models = [litellm_proxy.model("relay", api_base=f"{url}/v1")]
            proxy = stack.enter_context(litellm_proxy.running(folder, models))
            asking = partial(_completion, proxy.origin, proxy.key)
            ways.append(_Way(PEER, proxy.origin, proxy.pid, asking))
        yield ways


def _completion(url: str, key: str, question: str) -> bytes:
    """A question to a server that speaks chat completions: the provider itself, or LiteLLM."""
    messages = [{"role": "user", "content": question}]
    body = {"model": "relay", "messages": messages, "stream": True}
    return request(url, "/v1/chat/completions", body, {"Authorization": f"Bearer {key}"})


def _message(server: DevServer, question: str) -> bytes:
    """A message to Reprise, in a conversation of its own."""
    made = httpx.post(
        f"{server.url}/v1/chat/conversations",
        json={"title": "Bench"},
        headers=server.auth,
        trust_env=False,
    )
    path = f"/v1/chat/conversations/{made.json()['data']['id']}/messages/stream"
    return request(server.url, path, {"content": question}, server.auth)


def _series(
    say: Progress, ways: Sequence[_Way], title: str, rounds: int, events: int, pause: float
) -> _Series:
    series = _Series(title, {way.name: [] for way in ways})
    for number in range(rounds):
        say(f"{title}, round {number + 1} of {rounds}")
        for way in ways:
            series.timings[way.name].append(_measure(way, events, pause))
    return series


def _measure(way: _Way, count: int, pause: float) -> _Timing:
    """Ask for an answer of so many events. Raises RuntimeError if it has another number of them."""
    prepared = way.prepare(f"stream {count} {pause}")
    before = cpu(way.pid)
    answer = ask(way.url, prepared)
    used = cpu(way.pid) - before
    events = answer.events()
    tokens = [(event.at, sent) for event in events if (sent := event.sent) is not None]
    if len(tokens) != count:
        raise RuntimeError(f"{way.name} answered with {len(tokens)} events: {events[-1].data!r}")
    first, last = tokens[0][0], tokens[-1][0]
    return _Timing(
        opened=1000 * (events[0].at - answer.asked),
        first=1000 * (first - answer.asked),
        each=1000 * (last - first) / (count - 1),
        delays=[1000 * (at - sent) for at, sent in tokens],
        used=used,
        events=count,
    )


def _first_table(series: _Series, names: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            series.middle(name, "opened"),
            series.middle(name, "first"),
            percentile((t.first for t in series.timings[name]), 90),
            *series.comparison(name, "first"),
            1000 * median(t.used.all for t in series.timings[name]),
        )
        for name in names
    ]
    return Table(
        "Latency: milliseconds until the first event of an answer (medians)",
        ("way", "stream opens", "first event", "p90", "added", "÷ peer's", "CPU of the turn"),
        tuple(rows),
        (
            "Reprise's stream opens with the message, stored; its process holds moto as well",
            "LiteLLM stores nothing",
        ),
    )


def _further_table(fast: _Series, paced: _Series, names: Sequence[str], plan: Plan) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            fast.middle(name, "each"),
            *fast.comparison(name, "each"),
            fast.per_event(name, "first"),
            fast.per_event(name, "others"),
            paced.delay(name, 50),
            paced.delay(name, 99),
            None if name == DIRECT else paced.added_delay(name),
            paced.per_event(name, "first"),
            paced.per_event(name, "others"),
        )
        for name in names
    ]
    return Table(
        f"Latency: milliseconds for each further of {plan.events:,} events (medians)",
        (
            *("way", "each", "added", "÷ peer's", "CPU, loop", "CPU, rest"),
            *("paced: delay", "p99", "added delay", "CPU, loop", "CPU, rest"),
        ),
        tuple(rows),
        (
            "each: from one event to the next, when the provider sends as fast as it can",
            f"paced: {1000 * plan.pause:g} ms apart; delay: from the provider to the client",
            "CPU of the serving process, its event loop's thread and the rest (moto, the SDK)",
        ),
    )

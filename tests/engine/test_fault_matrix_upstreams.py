"""The fault matrix's other half: real HTTP servers that play a model's, badly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from reprise.llm.catalogue import Model
from reprise.llm.openai_compatible import OpenAICompatible
from tests.engine.matrix import WAYS, Scenario
from tests.engine.plays import MODEL, SPARE, Play, Store, stage
from tests.engine.verdicts import Stored, judge
from tests.upstream import (
    CUT,
    DONE,
    RESET,
    STALL,
    Reply,
    Upstream,
    answer,
    chunk,
    pieces,
    sse,
    usage,
    whole,
)

STALLED = 0.05  # seconds of silence after which an upstream is given up
TOKENS = 100_000


@dataclass(frozen=True)
class Upset:
    """What an upstream answers to each request, and what comes of it: the text that is stored,
    whether the client gets it as an answer, and whether what it took was told.
    """

    name: str
    replies: tuple[Reply, ...]
    text: str = ""
    completed: bool = False
    reported: bool = False

    def __str__(self) -> str:
        return self.name


def error(status: int, **headers: str) -> Reply:
    return whole({"error": {"message": "no", "code": status}}, status=status, headers=headers)


def at_once(reply: Reply) -> Reply:
    """In as few pieces as a network makes of it: each of its own would take longer than all."""
    whole = b"".join(step for step in reply.steps if isinstance(step, bytes))
    return replace(reply, steps=pieces(whole, 64 * 1024))


HELLO = answer("Hel", "lo")
HEL = sse(chunk("Hel"))
SPLIT = sse(chunk("lo"))[:-20]
OK = Upset("answers", (HELLO,), "Hello", completed=True, reported=True)
UPSETS = [
    OK,
    Upset("401", (error(401),) * 2),
    Upset(
        "429 once",
        (error(429, **{"Retry-After": "1"}), HELLO),
        "Hello",
        completed=True,
        reported=True,
    ),
    Upset("429 always", (error(429, **{"Retry-After": "1"}),) * 6),
    Upset("500 once", (error(500), HELLO), "Hello", completed=True, reported=True),
    Upset("500 always", (error(500),) * 6),
    Upset("malformed at once", (Reply((b"data: {no JSON\n\n", DONE)),)),
    Upset("malformed mid-way", (Reply((HEL, b"data: {no JSON\n\n", DONE)),), "Hel"),
    Upset("no SSE", (Reply((b"<html>", b"</html>"), headers={"Content-Type": "text/html"}),)),
    Upset("silent", (Reply((STALL,), bare=True),)),
    Upset("stalls at once", (Reply((STALL,)),)),
    Upset("stalls mid-way", (Reply((HEL, STALL)),), "Hel"),
    Upset("reset", (Reply((RESET,), bare=True),)),
    Upset("cut at once", (Reply((CUT,)),)),
    Upset("cut mid-token", (Reply((HEL, SPLIT, CUT)),), "Hel"),
    Upset("reset mid-token", (Reply((HEL, SPLIT, RESET)),), "Hel"),
    Upset("error at once", (Reply((sse({"error": {"message": "no", "code": 400}}),)),) * 2),
    Upset(
        "error mid-stream", (Reply((HEL, sse({"error": {"message": "no", "code": 502}}))),), "Hel"
    ),
    Upset("no finish", (Reply((HEL, DONE)),), "Hel"),
    Upset(
        "empty",
        (Reply((sse(chunk(finish="stop")), sse(usage(5, 0)), DONE)),),
        completed=True,
        reported=True,
    ),
    Upset("nothing", (Reply((DONE,)),)),
    Upset("no usage", (Reply((HEL, sse(chunk(finish="stop")), DONE)),), "Hel", completed=True),
]
WORDS = [f"{number} " for number in range(TOKENS)]
MANY = Upset(
    f"{TOKENS:,} tokens", (at_once(answer(*WORDS)),), "".join(WORDS), completed=True, reported=True
)
CASES = [
    *((Scenario(way), upset) for way in WAYS for upset in UPSETS),
    *((Scenario(way, keyed=True), upset) for way in WAYS for upset in (UPSETS[1], UPSETS[14])),
    (Scenario("send", keyed=True), MANY),
]


class OfUpstream:
    """An `engine.Models` whose models an upstream plays."""

    def __init__(self, upstream: Upstream) -> None:
        self.requests = upstream.requests
        self._provider = OpenAICompatible(upstream.url, "sk-test", stall=STALLED)

    def find(self, name: str | None) -> Model:
        return SPARE if name == SPARE.name else MODEL

    def provider(self, model: Model) -> OpenAICompatible:
        return self._provider


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with stage() as store:
        yield store


@pytest.mark.parametrize(
    ("scenario", "upset"), CASES, ids=lambda value: str(value).replace(" ", "_")
)
def test_nothing_is_lost_and_nothing_twice(
    scenario: Scenario, upset: Upset, upstream: Upstream, store: Store
) -> None:
    upstream.forget()
    upstream.enqueue(*upset.replies)
    play = Play(scenario, store, OfUpstream(upstream))
    play.in_vain = len(upset.replies) - 1

    told = judge(play, None)

    assert play.asked == len(upset.replies)
    stored = Stored.of(play)
    (made,) = (each for each in stored.new if each.role == "assistant")
    assert (made.state, made.finish_reason) == (
        ("done", "stop") if upset.completed else ("error", "error")
    )
    assert made.text == upset.text or made.blob
    said = upset.text or upset.completed
    assert (made.usage and made.usage.estimated) == (not upset.reported if said else None)
    assert bool(told.completed) == upset.completed
    if told.completed:
        assert told.completed["content"] == upset.text

"""What is counted, line by line as CloudWatch reads it: see `engine.metrics`."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from reprise.chat.errors import (
    Conflict,
    IdempotencyMismatch,
    NoCredits,
    NotFound,
    RateLimited,
    TooManyRunning,
    UpstreamFailed,
)
from reprise.chat.messages import FinishReason, Usage
from reprise.engine import metrics
from reprise.engine.repair import bill_for, repair
from reprise.engine.stop import stop
from reprise.llm.protocol import Finished
from reprise.store.balances import Allowance
from tests.counted import SERVICE, Counted, lines_of
from tests.docs.walkthrough import ROOT
from tests.engine.world import OWNER, World, stored
from tests.faults import EVERY, Fault, faults, meanwhile, timeout, writing
from tests.models import Step


@pytest.fixture
def counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[Counted]]:
    """A function that gives what was counted since it was last called, by lines."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")

    return lambda: lines_of(capsys.readouterr().out)


async def test_a_generation_is_one_line(world: World, counted: Callable[[], list[Counted]]) -> None:
    world.models.enqueue([lambda: world.later(0.5), "Hel", "lo", Finished("stop", Usage(7, 3))])
    await stored(await world.begin("Hi"))

    (line,) = counted()

    waited, dimensions = line.pop("TimeToFirstToken")
    assert 500 <= waited < 5000
    assert dimensions == SERVICE
    assert line == {
        "Generations": (1, SERVICE | {"reason": "stop"}),
        "InputTokens": (7, SERVICE),
        "OutputTokens": (3, SERVICE),
    }


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (["Hel", Finished("stop")], "stop"),
        (["Hel", Finished("length")], "length"),
        (["Hel", UpstreamFailed("gone")], "error"),
        ([UpstreamFailed("no")], "error"),
    ],
)
async def test_generations_are_told_apart_by_how_they_ended(
    world: World,
    counted: Callable[[], list[Counted]],
    script: list[Step],
    reason: FinishReason,
) -> None:
    await world.say("Hi", script)

    (line,) = counted()

    assert line["Generations"] == (1, SERVICE | {"reason": reason})


async def test_what_there_is_none_of_is_not_counted(
    world: World, counted: Callable[[], list[Counted]]
) -> None:
    await world.say("Hi", [UpstreamFailed("no")])

    (line,) = counted()

    assert line.keys() == {"Generations"}


async def test_a_crashed_one_is_counted_by_who_repairs_it(
    world: World, counted: Callable[[], list[Counted]]
) -> None:
    abandoned = world.abandon("Hi", ["Hel"])
    world.later(31)
    found = world.found()
    assert found.conversation

    for _ in range(2):
        repair(found.conversation, abandoned, found.lease, world.now())

    (line,) = counted()
    assert line["Generations"] == (1, SERVICE | {"reason": "error"})
    assert "TimeToFirstToken" not in line


async def test_a_stop_and_a_reader_are_counted(
    world: World, counted: Callable[[], list[Counted]]
) -> None:
    never = asyncio.Event()
    world.models.enqueue(["Hel", never.wait])
    generation = await world.begin("Hi")

    await world.attach(generation.id)
    assert counted() == [{"Resumes": (1, SERVICE)}]

    await stop(world.engine, OWNER, world.conversation.id)
    assert counted() == [{"Stops": (1, SERVICE)}]

    await stored(generation)
    (line,) = counted()
    assert line["Generations"] == (1, SERVICE | {"reason": "stopped"})

    await stop(world.engine, OWNER, world.conversation.id)
    assert counted() == [], "nothing ran"


async def test_a_turn_that_another_overtook_is_counted(
    world: World, counted: Callable[[], list[Counted]]
) -> None:
    faster = Fault("TransactWriteItems", meanwhile(lambda: world.abandon("Faster", ["Yes"])))
    with faults(faster), pytest.raises(Conflict):
        await world.begin("Hi")

    assert counted() == [{"Conflicts": (1, SERVICE)}]


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (RateLimited(30, 60), "rate"),
        (NoCredits(), "credits"),
        (TooManyRunning(3), "concurrency"),
        (IdempotencyMismatch(), "idempotency"),
        (Conflict("its generation"), "conflict"),
    ],
)
def test_refusals_are_told_apart_by_their_causes(
    counted: Callable[[], list[Counted]], refusal: Exception, cause: str
) -> None:
    metrics.refused(refusal)

    assert counted() == [{"Refusals": (1, SERVICE | {"cause": cause})}]


def test_what_else_is_refused_is_not_counted(counted: Callable[[], list[Counted]]) -> None:
    metrics.refused(NotFound("Message"))

    assert counted() == []


# Credits that could not be settled

LIMITED = Allowance(credits=5, concurrent=3)


async def test_what_was_settled_before_is_counted_and_the_answer_stored(
    aws: None, counted: Callable[[], list[Counted]]
) -> None:
    world = World(allowance=LIMITED)

    def settle() -> None:
        answer = world.found().messages[str(world.head())]
        bill = bill_for(OWNER, answer, answer.hold, 1, "fake")
        assert bill
        assert bill.settle()

    answer = await world.say("Hi", ["Hel", settle, "lo"])

    assert answer.text == "Hello"
    assert {"CreditFailures": (1, SERVICE)} in counted()


async def test_so_is_what_cannot_be_written(
    aws: None, counted: Callable[[], list[Counted]]
) -> None:
    world = World(allowance=LIMITED)
    with faults(Fault("TransactWriteItems", timeout, EVERY, writing("LEDGER#"))) as struck:
        assert await (await world.begin("Hi")).ended() is None

    assert struck
    assert counted() == [{"CreditFailures": (1, SERVICE)}]


async def test_without_credits_none_can_fail(
    aws: None, counted: Callable[[], list[Counted]]
) -> None:
    world = World(allowance=Allowance(credits=None, concurrent=3))
    begun = await world.begin("Hi")
    with faults(Fault("TransactWriteItems", timeout, EVERY)) as struck:
        assert await begun.ended() is None

    assert struck
    assert counted() == []


async def test_settling_once_is_no_failure(aws: None, counted: Callable[[], list[Counted]]) -> None:
    world = World(allowance=LIMITED)
    await world.say("Hi")
    world.abandon("Again", ["Hel"])
    world.later(31)
    await world.say("Hi")

    assert not [line for line in counted() if "CreditFailures" in line]


# Where it goes


def test_the_documentation_names_them_all() -> None:
    code = Path(str(metrics.__file__)).read_text()
    rows = re.findall(r"^\| (`\w+`.*)", (ROOT / "docs/plans.md").read_text(), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)}

    assert told == set(re.findall(r'(?:add_metric|_count)\("(\w+)"', code))
    (causes,) = (row for row in rows if row.startswith("`Refusals`"))
    assert set(metrics.CAUSES.values()) <= set(re.findall(r"`(\w+)`", causes))
    (reasons,) = (row for row in rows if row.startswith("`Generations`"))
    assert set(get_args(FinishReason)) <= set(re.findall(r"`([\w-]+)`", reasons))


async def test_no_line_says_what_was_said_or_by_whom(
    aws: None, counted: Callable[[], list[Counted]]
) -> None:
    world = World(allowance=LIMITED)
    answer = await world.say("Hi")
    await world.attach(answer.id)

    for line in counted():
        for value, dimensions in line.values():
            assert isinstance(value, float)
            assert dimensions.keys() <= {"service", "reason", "cause"}


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({}, False),
        ({"AWS_LAMBDA_FUNCTION_NAME": "Talk"}, True),
        ({"AWS_LAMBDA_FUNCTION_NAME": "Talk", "POWERTOOLS_METRICS_DISABLED": "true"}, False),
        ({"POWERTOOLS_METRICS_DISABLED": "false"}, True),
    ],
)
def test_they_are_written_in_lambda_and_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    written: bool,
) -> None:
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "POWERTOOLS_METRICS_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    metrics.stopped()

    assert bool(capsys.readouterr().out) == written


def test_counting_loads_nothing_that_logging_has_not_loaded() -> None:
    script = """
import sys
import reprise.chat.errors, reprise.chat.events, aws_lambda_powertools
before = set(sys.modules)
import reprise.engine.metrics
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "['reprise.engine', 'reprise.engine.metrics']\n"

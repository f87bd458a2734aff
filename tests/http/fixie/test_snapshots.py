"""The stream as its clients read it, and what it costs to write."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixie.snapshots import CLOSEST, PACE, Snapshot
from fixie.wire import compact, turn
from reprise.chat.events import Begun, Ended, Produced
from reprise.chat.messages import (
    Conversation,
    Message,
    Part,
    State,
    Text,
    ToolCall,
    ToolResult,
    join_text,
)
from reprise.engine.engine import Engine, Timing
from reprise.web import engine as web_engine
from reprise.web.streams import gathered
from tests import fixie
from tests.api import Api
from tests.fixie import TERMINAL, begin, conversations, messages, send, snapshots, turns
from tests.models import FakeModels

CONVERSATION = Conversation(1, "c1", "USER#1", "Trip", "a1", 2, 0, 0)
USER = Message("u1", "user", (Text('Say "hi"'),), None, 0, b"", "done", 1, 1)
ANSWER = Message("a1", "assistant", (), "u1", 1, b"", "in-progress", 2, 2)


class Reader:
    """Reads JSON lines as the system's own client does: text is cut at line feeds, empty lines are
    passed over, and what is left at the end is a line, too.
    """

    def __init__(self) -> None:
        self._rest = ""
        self.values: list[Any] = []

    def feed(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        self.values += [json.loads(line) for line in lines if line.strip()]

    def flush(self) -> None:
        if self._rest.strip():
            self.values.append(json.loads(self._rest))


class Shown:
    """A page that shows the latest turn, and tells what is new of its text by what it has in common
    with what was there: text may be added only.
    """

    def __init__(self) -> None:
        self.text = ""
        self.tokens: list[str] = []

    def update(self, shown: dict[str, Any]) -> None:
        text = fixie.text(shown)
        common = 0
        while common < min(len(text), len(self.text)) and text[common] == self.text[common]:
            common += 1
        assert common == len(self.text), f"{self.text!r} became {text!r}"
        if text != self.text:
            self.tokens.append(text[common:])
        self.text = text


def written(parts: Iterable[Part], state: State | None = "done") -> Iterator[bytes]:
    """A line for each event of an answer."""
    snapshot = Snapshot(Begun(CONVERSATION, USER, ANSWER), "u1", whole=False)
    yield snapshot.line()
    made = list(parts)
    for n, part in enumerate(made, start=1):
        snapshot.take(Produced(n, 0, part))
        yield snapshot.line()
    snapshot.take(Ended(ended(made, state) if state else None))
    yield snapshot.line()


def ended(parts: Iterable[Part], state: State) -> Message:
    return Message("a1", "assistant", join_text(parts), "u1", 1, b"", state, 2, 3)


parts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])).map(Text),
    st.builds(ToolCall, st.just("c1"), st.text("abc"), st.just({"q": 'a"b\n'})),
    st.builds(ToolResult, st.just("c1"), st.text("abc"), st.just(["é"]), st.booleans()),
)


@given(st.lists(parts), st.sampled_from(TERMINAL))
def test_lines_are_what_a_reader_of_the_whole_turn_would_get(
    made: list[Part], state: State
) -> None:
    """However it came, piece by piece: the last line is the turn as it is read later, and every one
    before it the turn as it was by then.
    """
    lines = list(written(made, state))

    assert all(line.endswith(b"\n") for line in lines)
    assert b"".join(lines).decode().splitlines() == [line.decode()[:-1] for line in lines]
    values = [json.loads(line) for line in lines]
    assert values[-1] == turn(ended(made, state), "u1")
    shown = Shown()
    for number, value in enumerate(values[:-1]):
        so_far = ended(made[:number], "in-progress")
        assert value == turn(so_far, "u1")
        shown.update(value)


def test_an_answer_that_could_not_be_stored_ends_as_an_error() -> None:
    *_, line = written([Text("Hel")], None)

    told = json.loads(line)
    assert (told["state"], fixie.text(told)) == ("error", "Hel")


def test_the_bytes_of_a_line() -> None:
    _, _, line, _ = written([Text('Grüße "🌍"'), Text("\n\u2028")])

    assert (
        line
        == (
            '{"id":"a1","timestamp":"1970-01-01T00:00:00.002Z","role":"assistant","inReplyToId":"u1",'
            '"state":"in-progress","messages":[{"kind":"text","content":"Grüße \\"🌍\\"\\n\\u2028",'
            '"state":"in-progress"}]}\n'
        ).encode()
    )


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_client_reads_it_however_it_is_cut(api: Api, agent: str, size: int) -> None:
    body = api.stream(conversations(agent), json={"message": "count to 50"}).text
    reader, shown = Reader(), Shown()

    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    reader.flush()

    for value in reader.values:
        shown.update(value["turns"][-1])
    assert shown.text == " ".join(map(str, range(1, 51)))
    states = [value["turns"][-1]["state"] for value in reader.values]
    assert set(states[:-1]) == {"in-progress"}
    assert states[-1] == "done"


def test_every_line_is_one_write(api: Api, agent: str) -> None:
    answer = api.stream(conversations(agent), json={"message": "count to 50"})

    assert len(answer.writes) == len(snapshots(answer))
    assert all(each.endswith(b"}\n") for each in answer.writes)


def test_lines_leave_as_the_model_goes_on(api: Api, agent: str, models: FakeModels) -> None:
    seen: list[bytes] = []

    async def has_left(text: str) -> None:
        async with asyncio.timeout(5):
            while not seen or fixie.text(json.loads(seen[-1])) != text:
                await asyncio.sleep(0.001)

    made = begin(api, agent, None)
    # the model goes on only when everything before has reached the client
    models.enqueue([partial(has_left, ""), "Hel", partial(has_left, "Hel"), "lo"])

    path = messages(agent, made["id"])
    told = snapshots(api.stream(path, json={"message": "Hi"}, seen=seen.append))[-1]

    assert fixie.text(told) == "Hello"


def test_the_first_word_does_not_wait(
    api: Api, agent: str, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there before it was no answer that lines would have to keep a distance to."""
    monkeypatch.setattr("fixie.snapshots.CLOSEST", 60)
    seen: list[bytes] = []

    async def has_left() -> None:
        async with asyncio.timeout(5):
            while not any(b"Hel" in line for line in seen):
                await asyncio.sleep(0.001)

    made = begin(api, agent, None)
    models.enqueue([lambda: asyncio.sleep(0.01), "Hel", has_left, "lo"])

    told = snapshots(
        api.stream(messages(agent, made["id"]), json={"message": "Hi"}, seen=seen.append)
    )

    assert fixie.text(told[-1]) == "Hello"


def test_during_a_silence_the_line_comes_again(api: Api, agent: str, models: FakeModels) -> None:
    """API Gateway gives up a stream that says nothing for minutes; clients take each line as
    news.
    """
    web_engine.use(Engine(models, timing=Timing(silence=0.01, retry_wait=0.001)))
    seen: list[bytes] = []

    async def repeated() -> None:
        async with asyncio.timeout(5):
            while not seen or seen.count(seen[-1]) < 3:
                await asyncio.sleep(0.001)

    models.enqueue(["Hel", repeated, "lo"])
    told = snapshots(api.stream(conversations(agent), json={"message": "Hi"}, seen=seen.append))

    assert fixie.text(told[-1]["turns"][1]) == "Hello"


def test_a_page_that_polls_shows_the_same_as_the_stream(
    api: Api, agent: str, models: FakeModels
) -> None:
    """A client that has no stream asks for the conversation again and again while any turn of it is
    in progress, and takes what it gets for all there is.
    """
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.005, retry_wait=0.001)))
    made, polled = begin(api, agent, None), []

    async def polled_to(text: str) -> None:
        async with asyncio.timeout(10):
            while True:
                polled.append(await asyncio.to_thread(turns, api, agent, made["id"]))
                if fixie.text(polled[-1][-1]) == text:
                    return

    models.enqueue(["Hel", partial(polled_to, "Hel"), "lo", partial(polled_to, "Hello")])
    told = send(api, agent, made["id"], "Hi")
    polled.append(turns(api, agent, made["id"]))

    shown = Shown()
    for each in polled:
        assert [turn["role"] for turn in each] == ["assistant", "user", "assistant"]
        shown.update(each[-1])
    assert [any(t["state"] == "in-progress" for t in each) for each in polled] == [True] * (
        len(polled) - 1
    ) + [False]
    assert polled[-1][-1] == told


# --- What it costs --------------------------------------------------------------------------------


async def came(events: Iterable[int | asyncio.Event]) -> AsyncIterator[int]:
    for event in events:
        if isinstance(event, asyncio.Event):
            await event.wait()
        else:
            yield event


async def test_what_comes_while_nobody_reads_is_gathered() -> None:
    batches = gathered(came(range(1000)), lambda: 0, 60)

    first = await anext(batches)
    rest = [batch async for batch in batches]

    assert first + [event for batch in rest for event in batch] == list(range(1000))
    assert len(rest) <= 1


async def test_what_is_there_first_is_not_kept() -> None:
    go_on = asyncio.Event()
    batches = gathered(came([1, go_on, 2]), lambda: 60, 60)

    assert await anext(batches) == [1]
    go_on.set()
    # the pause is a minute, but the end does not wait for it
    async with asyncio.timeout(5):
        assert [batch async for batch in batches] == [[2]]


async def test_what_fails_fails_here() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        async for _ in gathered(failing(), lambda: 0, 60):
            pass


def test_lines_of_a_whole_invocation_are_less_than_lambda_streams() -> None:
    assert PACE * 900 < 200 * 1000 * 1000


def test_a_text_is_escaped_once_however_many_lines_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    escaped = 0

    def counting(value: Any) -> str:
        nonlocal escaped
        escaped += len(value) if isinstance(value, str) else 0
        return compact(value)

    monkeypatch.setattr("fixie.snapshots.compact", counting)

    lines = list(written([Text(" token")] * 2_000))

    assert len(lines) == 2_002
    assert escaped == len(" token") * 2_000


@pytest.mark.parametrize("size", [0, 100_000])
def test_lines_keep_a_distance_that_grows_with_them(
    api: Api, agent: str, models: FakeModels, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    pauses: list[float] = []

    def seen(events: Any, pause: Any, silence: float) -> Any:
        async def noted() -> AsyncIterator[Any]:
            async for batch in gathered(events, lambda: 0, silence):
                yield batch
                pauses.append(pause())

        return noted()

    monkeypatch.setattr("fixie.snapshots.gathered", seen)
    models.enqueue(["x" * size, "end"])

    answer = api.post(conversations(agent), json={"message": "Hi"})

    expected = len(answer.body.splitlines()[-1]) / PACE if size else CLOSEST
    assert pauses[-1] == pytest.approx(expected, rel=0.01)

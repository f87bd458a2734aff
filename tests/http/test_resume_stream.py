"""GET /v1/chat/conversations/{conversation_id}/messages/stream."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from local.context import Context
from reprise.accounts import keys as api_keys
from reprise.chat.errors import UpstreamFailed
from reprise.chat.events import Produced
from reprise.chat.messages import Conversation, Message, Text, ToolCall
from reprise.engine.engine import Engine, Timing
from reprise.llm.protocol import Finished
from reprise.store import generations
from reprise.web import engine as web_engine
from tests.api import DONE, Api, Response, call, everything_stored, handler_of, new_key
from tests.calls import Call
from tests.conversations import (
    START,
    UNKNOWN_ID,
    assert_not_found,
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
from tests.faults import EVERY, Fault, answering, faults, throttled, writing
from tests.models import FakeModels
from tests.pause import PATIENCE, Pause, under_way
from tests.store.scribe import Scribe

READERS = 8
FAILED = {"type": "error", "data": "Failed to generate AI response"}


def resume(api: Api, conversation_id: str, last: str | None = None, **more: Any) -> Response:
    headers = {} if last is None else {"Last-Event-ID": last}
    return api.stream(stream(conversation_id), method="GET", headers=headers, **more)


def begin(api: Api, conversation_id: str, content: str = "Hello") -> Callable[[], Response]:
    return lambda: api.stream(stream(conversation_id), json={"content": content})


def numbered(answer: Response) -> list[tuple[str | None, Any]]:
    """The events of the producer's own stream, as a reader gets them who came for the first."""
    *events, done = answer.events()
    generation = events[-1]["data"]["id"]
    return [*((f"{generation}:{n}", each) for n, each in enumerate(events)), (None, done)]


# --- While it runs --------------------------------------------------------------------------------


def test_who_comes_late_gets_the_producers_very_events(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", "lo", ", ", pause, "wor", "ld"])

    def seen(write: bytes) -> None:
        if b'", "' in write:  # only then it goes on
            pause.go_on()

    with under_way(begin(api, made), pause) as produced:
        followed = resume(api, made, seen=seen)

    assert followed.status == 200
    assert followed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert followed.headers["cache-control"] == "no-cache, no-transform"
    assert followed.numbered_events() == numbered(produced.result())


def test_every_event_is_one_write_with_its_id_before_it(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", "lo", pause])

    with under_way(begin(api, made), pause) as produced:
        followed = resume(api, made, seen=lambda write: pause.go_on())

    own = produced.result().writes
    generation = produced.result().events()[-2]["data"]["id"]
    ids = [f"id: {generation}:{n}\n".encode() for n in range(len(own) - 1)]
    assert followed.writes == (*(a + b for a, b in zip(ids, own, strict=False)), own[-1])


def test_who_comes_back_gets_what_follows(api: Api, quick: FakeModels) -> None:
    made, first, second = create(api), Pause(), Pause()
    quick.enqueue(["1", " 2", first, " 3", " 4", second, " 5"])

    with under_way(begin(api, made), first) as produced:
        seen: list[bytes] = []

        def until_2(write: bytes) -> None:
            seen.append(write)
            if b" 2" in write:
                first.go_on()
                second.wait()
                second.go_on()

        resume(api, made, seen=until_2)
        last = seen[2].decode().splitlines()[0].removeprefix("id: ")
    whole = numbered(produced.result())

    assert whole[2][0] == last
    assert resume(api, made, last).numbered_events() == whole[3:]


def test_he_may_come_back_while_it_runs(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["1", " 2", " 3", pause, " 4"])

    with under_way(begin(api, made), pause) as produced:
        generation = api.get(messages(made)).data[0]["id"]
        followed = resume(api, made, f"{generation}:2", seen=lambda write: pause.go_on())

    assert followed.numbered_events() == numbered(produced.result())[3:]


def test_any_number_of_readers_get_the_same(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", pause, "lo", *map(str, range(50))])
    all_there = threading.Barrier(READERS, action=pause.go_on)

    def read() -> Response:
        first = iter([all_there.wait])
        return resume(api, made, seen=lambda write: next(first, int)())

    with ThreadPoolExecutor(READERS) as pool, under_way(begin(api, made), pause) as produced:
        followed = [reader.result() for reader in [pool.submit(read) for _ in range(READERS)]]

    assert [each.numbered_events() for each in followed] == [numbered(produced.result())] * READERS


def test_a_started_conversation_is_created_in_their_eyes_too(api: Api, quick: FakeModels) -> None:
    pause = Pause()
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: api.stream(START, json={"content": "Hi"}), pause) as produced:
        (made,) = (each["id"] for each in api.get("/v1/chat/conversations").data)
        followed = resume(api, made, seen=lambda write: pause.go_on())

    assert followed.numbered_events() == numbered(produced.result())
    assert followed.events_without_ids()[0]["type"] == "conversation_created"


def test_of_another_version_there_is_no_first_event(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    _, first = send(api, made, "Hello")
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(lambda: api.stream(regenerate(first["id"])), pause) as produced:
        followed = resume(api, made, seen=lambda write: pause.go_on())

    own = produced.result().events()
    generation = own[-2]["data"]["id"]
    assert followed.numbered_events() == [
        (f"{generation}:1", own[0]),
        (f"{generation}:2", own[1]),
        (f"{generation}:3", own[2]),
        (None, DONE),
    ]
    assert (own[2]["data"]["version"], own[2]["data"]["versions"]) == (2, 2)


def test_a_stopped_answer_ends_for_readers_too(api: Api, quick: FakeModels) -> None:
    made, pause, read = create(api), Pause(), threading.Event()
    quick.enqueue(["Hel", pause, "lo"])

    with ThreadPoolExecutor(1) as pool, under_way(begin(api, made), pause) as produced:
        reader = pool.submit(resume, api, made, seen=lambda write: read.set())
        assert read.wait(PATIENCE)
        assert api.post(stop(made)).data["stopped"]
        followed, own = reader.result(), produced.result()

    assert followed.numbered_events() == numbered(own)
    assert own.events()[-2]["data"]["state"] == "stopped"


def test_an_answer_that_fails_does_too(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", pause, UpstreamFailed("gone")])

    with under_way(begin(api, made), pause) as produced:
        followed = resume(api, made, seen=lambda write: pause.go_on())

    assert followed.events_without_ids() == produced.result().events()
    assert followed.events_without_ids()[-2:] == [FAILED, DONE]


def test_when_the_conversation_is_deleted_it_ends_with_an_error(
    api: Api, quick: FakeModels
) -> None:
    made, pause, read = create(api), Pause(), threading.Event()
    quick.enqueue(["Hel", pause, "lo"])

    def seen(write: bytes) -> None:
        if b'"Hel"' in write:
            read.set()

    with ThreadPoolExecutor(1) as pool, under_way(begin(api, made), pause):
        reader = pool.submit(resume, api, made, seen=seen)
        assert read.wait(PATIENCE)
        api.delete(conversation(made))
        followed = reader.result()

    *_, (last, error), done = followed.numbered_events()
    assert (error, done) == (FAILED, (None, DONE))
    assert str(last).endswith(":1")  # the last that there was


def test_where_the_log_cannot_be_read_it_breaks_off_too(api: Api, models: FakeModels) -> None:
    web_engine.use(Engine(models, timing=Timing(chunk_every=0.01, poll=0.01, patience=0.02)))
    made, pause, read = create(api), Pause(), threading.Event()
    models.enqueue(["Hel", pause, "lo"])

    def seen(write: bytes) -> None:
        if b'"Hel"' in write:
            read.set()

    def of_the_log(call: Call) -> bool:
        return read.is_set() and "GEN#" in str(call.request)

    with under_way(begin(api, made), pause) as produced:
        with faults(Fault("Query", throttled, EVERY, of_the_log)) as struck:
            got = resume(api, made, seen=seen).numbered_events()
        pause.go_on()
        whole = numbered(produced.result())

    assert struck
    assert got == whole[:2]
    assert resume(api, made, got[-1][0]).numbered_events() == whole[2:]


def test_shortly_before_the_functions_own_end_it_breaks_off_without_one(
    api: Api, quick: FakeModels
) -> None:
    """So that clients come back, with the id of what they have."""
    made, pause = create(api), Pause()
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(begin(api, made), pause):
        generation = api.get(messages(made)).data[0]["id"]
        headers = {"Last-Event-ID": f"{generation}:0"}
        route, event = api.event("GET", stream(made), headers=headers)
        soon = replace(Context.of(route.function), deadline=time.monotonic() + 5.5)
        result = call(handler_of(route), event, soon)

    assert result["statusCode"] == 200
    assert "[DONE]" not in result["body"]
    assert '"ai_complete"' not in result["body"]
    assert '"error"' not in result["body"]


# --- After it has ended ---------------------------------------------------------------------------


def test_of_an_ended_answer_there_is_what_was_not_seen(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue(["1", " 2", " 3"])
    whole = numbered(begin(api, made)())

    for n, (event_id, _) in enumerate(whole[:-2]):
        assert resume(api, made, event_id).numbered_events() == whole[n + 1 :]


def test_when_all_was_seen_there_is_nothing(api: Api, models: FakeModels) -> None:
    made = create(api)
    *_, (last, _), _ = numbered(begin(api, made)())

    for answer in (resume(api, made, last), api.get(stream(made), headers={"Last-Event-ID": last})):
        assert answer.status == 204
        assert answer.body == b""
        assert "content-type" not in answer.headers
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("said", [0, 1])
def test_where_nothing_runs_and_nothing_was_seen_there_is_nothing(api: Api, said: int) -> None:
    made = create(api)
    for _ in range(said):
        send(api, made, "Hello")
    before = everything_stored()

    assert resume(api, made).status == 204
    assert everything_stored() == before


def test_when_all_was_seen_what_runs_now_comes_from_its_first(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    *_, (last, _), _ = numbered(begin(api, made)())
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(begin(api, made, "Again"), pause) as produced:
        followed = resume(api, made, last, seen=lambda write: pause.go_on())

    assert followed.numbered_events() == numbered(produced.result())


def test_what_was_not_seen_comes_before_what_runs_now(api: Api, quick: FakeModels) -> None:
    made, pause = create(api), Pause()
    whole = numbered(begin(api, made)())
    quick.enqueue(["Hel", pause, "lo"])

    with under_way(begin(api, made, "Again"), pause):
        followed = resume(api, made, whole[1][0])

    assert followed.numbered_events() == whole[2:]


def test_an_answer_in_one_piece_can_be_had_event_by_event(api: Api, models: FakeModels) -> None:
    made = create(api)
    _, reply = send(api, made, "Hello")

    events = resume(api, made, f"{reply['id']}:0").numbered_events()

    assert [event_id for event_id, _ in events[:-1]] == [f"{reply['id']}:{n}" for n in range(1, 5)]
    assert events[-2][1] == {"type": "ai_complete", "data": reply}


def test_events_without_a_word_on_this_surface_keep_their_numbers(
    api: Api, models: FakeModels
) -> None:
    made = create(api)
    models.enqueue(["Let me see.", ToolCall("c1", "clock", {}), Finished("tool-calls")])
    _, reply = send(api, made, "How late is it?")

    events = resume(api, made, f"{reply['id']}:0").numbered_events()

    assert [event_id for event_id, _ in events] == [f"{reply['id']}:1", f"{reply['id']}:3", None]


def test_a_failed_answer_ends_with_its_error(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue(["Hel", UpstreamFailed("gone")])
    send(api, made, "Hello")
    partial = api.get(messages(made)).data[0]["id"]

    assert resume(api, made, f"{partial}:1").numbered_events() == [
        (f"{partial}:2", FAILED),
        (None, DONE),
    ]


def test_a_read_amid_the_answers_end_is_no_failure(api: Api, models: FakeModels) -> None:
    """A batch of reads may show a transaction half-done: the lease gone, the answer not ended."""
    made = create(api)
    _, reply = send(api, made, "Hello")
    torn: list[bool] = []

    def half_done(answer: Any) -> Any:
        for item in answer["Responses"]["reprise"]:
            if item["sk"]["S"] == f"M#{reply['id']}" and not torn:
                torn.append(True)
                item["s"]["S"] = "in-progress"
                del item["n"]
        return answer

    struck = Fault("BatchGetItem", answering(half_done), EVERY, writing(f"M#{reply['id']}"))
    with faults(struck):
        events = resume(api, made, f"{reply['id']}:1").events_without_ids()

    assert torn
    assert events[-2] == {"type": "ai_complete", "data": reply}


def crashed(*texts: str) -> tuple[Api, Conversation, Message]:
    """An answer whose writer is no more: what it logged, and a lease that has run out."""
    _, secret = new_key()
    scribe = Scribe(now_ms=int((time.time() - 60) * 1000))
    made = scribe.stored(owner=api_keys.authenticate(secret, time.time())[0].owner)
    turn = scribe.send(made)
    user, answer = turn.messages
    turn = replace(turn, messages=(user, replace(answer, begun="send")))
    generations.begin(turn, time.time() - 30)
    events = [Produced(n, scribe.now_ms, Text(text)) for n, text in enumerate(texts, 1)]
    generations.log(answer.id, 1, events, time.time())
    return Api(secret), made, answer


def test_a_crashed_answer_ends_with_an_error_and_is_not_touched(aws: None) -> None:
    api, made, answer = crashed("Hel", "lo")
    before = everything_stored()

    events = resume(api, made.id, f"{answer.id}:1").numbered_events()

    assert events == [
        (f"{answer.id}:2", {"type": "ai_chunk", "data": "lo"}),
        (f"{answer.id}:3", FAILED),
        (None, DONE),
    ]
    assert resume(api, made.id, f"{answer.id}:3").status == 204
    assert resume(api, made.id).status == 204
    assert everything_stored() == before


# --- What cannot be meant -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "no_id",
    [
        "",
        "x",
        "1",
        ":",
        ":1",
        "{}",
        "{}:",
        "{}:-1",
        "{}:1.0",
        "{}:x",
        "{}:01",
        "{}:1:1",
        "{} :1",
        "{}: 1",
        "{}:1 ",
        "{}:\u0661",
        "{}:9999999999",
        "x{}:1",
        "0" * 5000,
    ],
)
def test_what_is_no_id_of_an_event_is_refused(api: Api, models: FakeModels, no_id: str) -> None:
    made = create(api)
    _, reply = send(api, made, "Hello")
    before = everything_stored()

    answer = resume(api, made, no_id.format(reply["id"]))

    assert answer.status == 400
    assert answer.json() == refusal(
        "VALIDATION_001", "Invalid request", **{"Last-Event-ID": "is no id of an event"}
    )
    assert everything_stored() == before


def test_what_is_of_no_answer_of_the_conversation_is_refused(
    api: Api, stranger: Api, models: FakeModels
) -> None:
    made = create(api)
    user, reply = send(api, made, "Hello")
    (unanswered,) = send(api, made, "Once", role="assistant")
    _, deleted = send(api, made, "Never mind")
    api.delete(message(deleted["id"]))
    _, elsewhere = send(api, create(api), "Hello")
    _, foreign = send(stranger, create(stranger), "Hello")
    same = reply["id"][:-1] + ("0" if reply["id"][-1] != "0" else "1")
    wrong = [user, unanswered, deleted, elsewhere, foreign]
    before = everything_stored()

    for generation in (*(each["id"] for each in wrong), made, same, UNKNOWN_ID):
        answer = resume(api, made, f"{generation}:1")

        assert answer.status == 400, generation
        assert answer.json()["error"]["details"] == {
            "Last-Event-ID": "is of no answer of this conversation"
        }
    assert everything_stored() == before


def test_more_than_there_was_cannot_have_been_seen(api: Api, models: FakeModels) -> None:
    made = create(api)
    _, reply = send(api, made, "Hello")  # in three parts

    assert resume(api, made, f"{reply['id']}:4").status == 204
    answer = resume(api, made, f"{reply['id']}:5")
    assert answer.status == 400
    assert answer.json()["error"]["details"] == {"Last-Event-ID": "is of no event of its answer"}


def test_an_unknown_conversation_is_not_found(api: Api) -> None:
    assert_not_found(resume(api, UNKNOWN_ID), "Conversation")
    assert_not_found(resume(api, UNKNOWN_ID, f"{UNKNOWN_ID}:1"), "Conversation")

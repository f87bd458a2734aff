"""POST /v1/chat/stream."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.engine.engine import Engine, Timing
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Finished
from reprise.web import engine as web_engine
from sessions.streams import token
from tests.api import DONE, Api, everything_stored, new_key
from tests.conversations import CONVERSATIONS, create, send
from tests.models import FAKE, FakeModels
from tests.sessions import (
    FAILED,
    NOT_FOUND,
    OTHER_REQUEST,
    STREAM,
    SWITCH,
    UNKNOWN,
    ask,
    begin,
    body,
    contents,
    history,
    said,
    session_of,
    stream,
    text_of,
    tokens,
)

OTHER = Model("other", "vendor/other", "demo", 16_000, 1)


def titles(api: Api) -> list[str]:
    return [each["title"] for each in api.get(CONVERSATIONS).data]


def asked(models: FakeModels) -> list[tuple[str, str]]:
    """What the model was given to read last."""
    return [(each.role, each.text) for each in models.requests[-1].messages]


# --- The stream -----------------------------------------------------------------------------------


def test_every_token_is_an_event_and_done_the_last(api: Api, models: FakeModels) -> None:
    models.enqueue(["Once", " upon", " a time"])

    answer = stream(api, "Tell me a story")

    assert answer.body == b"data: Once\n\ndata:  upon\n\ndata:  a time\n\ndata: [DONE]\n\n"
    assert answer.writes == (
        b"data: Once\n\n",
        b"data:  upon\n\n",
        b"data:  a time\n\n",
        b"data: [DONE]\n\n",
    )
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-model"] == "fake"


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("a\nb", b"data: a\ndata: b\n\n"),
        ("\n", b"data: \ndata: \n\n"),
        ("a\n\n", b"data: a\ndata: \ndata: \n\n"),
        ("a\r\nb\rc", b"data: a\ndata: b\ndata: c\n\n"),
        ("[DONE]", b"data: [DO\n\ndata: NE]\n\n"),
        (" [DONE] ", b"data:  [DO\n\ndata: NE] \n\n"),
        ("a\n[DONE]\nb", b"data: a\ndata: [DO\n\ndata: NE]\ndata: b\n\n"),
        ("data: x", b"data: data: x\n\n"),
        ("a\u2028b", "data: a\u2028b\n\n".encode()),
        (" ", b"data:  \n\n"),
    ],
)
def test_no_token_breaks_the_framing_or_ends_the_stream(text: str, events: bytes) -> None:
    assert token(text) == events


def test_a_token_of_several_lines_is_whole_to_a_parser(api: Api, models: FakeModels) -> None:
    models.enqueue(["a\n\nb", "\n", "[DONE]", "\nc"])

    assert text_of(stream(api, "Hi")) == "a\n\nb\n[DONE]\nc"
    assert contents(api, session_of(stream(api, "Hi"))) == ["Hi", "An answer."]


def test_a_silence_is_bridged_by_an_empty_token(api: Api, models: FakeModels) -> None:
    """The seed's client takes what stands behind `data: ` and strips it."""
    web_engine.use(Engine(models, timing=Timing(silence=0.02)))
    heard = threading.Event()
    models.enqueue(["a", partial(asyncio.to_thread, heard.wait, 30), "b"])

    def seen(write: bytes) -> None:
        if write == b"data: \n\n":
            heard.set()

    answer = api.stream(STREAM, json=body("Hi"), seen=seen)

    assert heard.is_set()
    assert set(tokens(answer)) == {"a", "", "b", DONE}
    lines = answer.body.split(b"\n")
    assert b"".join(line[6:].strip() for line in lines if line.startswith(b"data: ")) == b"ab[DONE]"


def test_the_stream_starts_though_the_first_token_lets_itself_be_waited_for(
    api: Api, models: FakeModels
) -> None:
    web_engine.use(Engine(models, timing=Timing(silence=0.02)))
    heard = threading.Event()
    models.enqueue([partial(asyncio.to_thread, heard.wait, 30), UpstreamFailed("gone")])

    answer = api.stream(STREAM, json=body("Hi"), seen=lambda write: heard.set())

    assert answer.status == 200
    assert set(tokens(answer)) == {""}  # no `[DONE]`: it failed


def test_what_fails_before_the_first_token_is_an_error(api: Api, models: FakeModels) -> None:
    for wanted in (True, False):
        models.enqueue([UpstreamFailed("gone")])

        answer = api.stream(STREAM, json=body("Hi", stream=wanted))

        assert (answer.status, answer.json()) == (500, FAILED)
        assert contents(api, session_of(answer)) == ["Hi"]


def test_what_breaks_off_has_no_done_and_is_kept(api: Api, models: FakeModels) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])
    answer = stream(api, "Hi")

    assert tokens(answer) == ["Hel"]
    assert contents(api, session_of(answer)) == ["Hi", "Hel"]


def test_in_one_piece_what_breaks_off_is_an_error(api: Api, models: FakeModels) -> None:
    models.enqueue(["Hel", UpstreamFailed("gone")])

    answer = api.post(STREAM, json=body("Hi", stream=False))

    assert (answer.status, answer.json()) == (500, FAILED)
    assert contents(api, session_of(answer)) == ["Hi", "Hel"]


def test_what_is_stopped_elsewhere_ends_with_done(api: Api, quick: FakeModels) -> None:
    made = begin(api, "Hi")
    conversation = api.get(CONVERSATIONS).data[0]["id"]
    stop = partial(api.post, f"{CONVERSATIONS}/{conversation}/stop")
    quick.enqueue(["Hel", partial(asyncio.to_thread, stop), partial(asyncio.sleep, 30)])

    answer = stream(api, "Hi", "An answer.", "Again", session_id=made)

    assert tokens(answer) == ["Hel", DONE]


def test_in_one_piece_there_is_one_object(api: Api, models: FakeModels) -> None:
    answer = api.post(STREAM, json=body("Hi", stream=False))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "session_id": session_of(answer),
        "model": "fake",
        "message": {"role": "assistant", "content": "An answer."},
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def test_the_request_says_how_to_answer(api: Api, models: FakeModels) -> None:
    stream(api, "Hi", temperature=0, max_tokens=12)
    stream(api, "Hi")

    given, default = models.requests
    assert (given.model, given.temperature, given.max_tokens) == (FAKE.id, 0, 12)
    assert (default.temperature, default.max_tokens) == (0.7, None)


def test_a_fraction_of_a_degree_is_one_and_unknown_fields_are_ignored(
    api: Api, models: FakeModels
) -> None:
    stream(api, "Hi", temperature=2, session_id=None, top_p=1, max_tokens=None)

    assert models.requests[0].temperature == 2


# --- Sessions -------------------------------------------------------------------------------------


def test_without_a_session_one_begins(api: Api, models: FakeModels) -> None:
    first, second = stream(api, "Hi"), stream(api, "Hi")

    assert session_of(first) != session_of(second)
    assert 0 < session_of(first) < 2**53
    assert contents(api, session_of(first)) == ["Hi", "An answer."]


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        (said("Hello"), "Hello"),
        (said("One two three four"), "One two three four"),
        (said("One two three four five"), "One two three four five..."),
        (said(" One\ntwo  three four five six"), "One two three four five..."),
        (said("First of all", "Yes?", "And then"), "First of all"),
        ([{"role": "system", "content": "Rhyme"}, *said("Hello")], "Hello"),
        ([{"role": "system", "content": "Rhyme"}], "New Chat"),
        (said("x" * 1000), "x" * 100),
    ],
)
def test_a_session_is_called_by_the_first_words_of_its_user(
    api: Api, models: FakeModels, messages: list[dict[str, str]], title: str
) -> None:
    answer = api.stream(STREAM, json={"model": "fake", "messages": messages})

    assert answer.status == 200, answer.text
    assert titles(api) == [title]
    assert history(api)["sessions"][0]["title"] == title


def test_a_session_begins_with_all_that_was_said(api: Api, models: FakeModels) -> None:
    messages = [{"role": "system", "content": "Rhyme"}, *said("One", "Two", "Three")]

    answer = api.stream(STREAM, json={"model": "fake", "messages": messages})

    sent = [("system", "Rhyme"), ("user", "One"), ("assistant", "Two"), ("user", "Three")]
    assert asked(models) == sent
    (found,) = history(api)["sessions"]
    assert found["id"] == session_of(answer)
    assert found["messages"] == [*messages, {"role": "assistant", "content": "An answer."}]


def test_a_history_that_is_there_is_appended_to(api: Api, models: FakeModels) -> None:
    made = begin(api, "One")

    answer = stream(api, "One", "An answer.", "Two", session_id=made)

    assert session_of(answer) == made
    assert contents(api, made) == ["One", "An answer.", "Two", "An answer."]
    assert titles(api) == ["One"]


def test_a_client_that_strips_every_token_is_understood(api: Api, models: FakeModels) -> None:
    """As the seed's does. The model reads what was stored."""
    made = begin(api, "One")

    stream(api, "One", "Ananswer.", "Two", session_id=made)

    assert asked(models) == [("user", "One"), ("assistant", "An answer."), ("user", "Two")]
    assert contents(api, made) == ["One", "An answer.", "Two", "An answer."]


def test_what_history_tells_can_be_sent_though_an_answer_was_empty(
    api: Api, models: FakeModels
) -> None:
    models.enqueue([])
    made = begin(api, "One")
    (found,) = history(api)["sessions"]
    assert found["messages"] == said("One", "")

    stream(api, "One", "", "Two", session_id=made)

    assert contents(api, made) == ["One", "", "Two", "An answer."]
    stream(api, "One", "", "Two")  # and in a session of its own
    assert contents(api, history(api)["sessions"][0]["id"]) == ["One", "", "Two", "An answer."]


def test_another_history_branches_off_and_nothing_is_lost(api: Api, models: FakeModels) -> None:
    made = begin(api, "One")
    stream(api, "One", "An answer.", "Two", session_id=made)
    kept = messages_stored()

    models.enqueue(["Else"])
    stream(api, "One", "An answer.", "Three", session_id=made)

    assert contents(api, made) == ["One", "An answer.", "Three", "Else"]
    assert kept.items() <= messages_stored().items()
    assert len(messages_stored()) == len(kept) + 2


def test_a_question_that_is_there_is_answered_anew(api: Api, models: FakeModels) -> None:
    made = begin(api, "One")

    models.enqueue(["Else"])
    stream(api, "One", session_id=made)

    assert contents(api, made) == ["One", "Else"]
    assert len(messages_stored()) == 3


def messages_stored() -> dict[str, Any]:
    return {key: item for key, item in everything_stored().items() if " M#" in key}


def test_a_conversation_of_another_surface_goes_on_here(api: Api, models: FakeModels) -> None:
    send(api, create(api), "One")
    (found,) = history(api)["sessions"]

    stream(api, "One", "An answer.", "Two", session_id=found["id"])

    assert contents(api, found["id"]) == ["One", "An answer.", "Two", "An answer."]


def test_a_session_goes_on_and_is_regenerated_on_another_surface(
    api: Api, models: FakeModels
) -> None:
    made = begin(api, "One")
    conversation = api.get(CONVERSATIONS).data[0]["id"]

    _, answer = send(api, conversation, "Two")
    models.enqueue(["Else"])
    again = api.stream(f"/v1/chat/messages/{answer['id']}/regenerate", json={})

    assert again.status == 200
    assert contents(api, made) == ["One", "An answer.", "Two", "Else"]


@pytest.mark.parametrize("session_id", [UNKNOWN, 1, 0, -1, 2**53, 10**30])
def test_an_unknown_session_is_not_found(api: Api, models: FakeModels, session_id: int) -> None:
    for wanted in (True, False):
        answer = api.stream(STREAM, json=body("Hi", session_id=session_id, stream=wanted))

        assert (answer.status, answer.json()) == (404, NOT_FOUND)
        assert "x-session-id" not in answer.headers
    assert models.requests == []


def test_a_session_of_another_is_not_found(api: Api, stranger: Api, models: FakeModels) -> None:
    made = begin(api, "Hi")

    answer = stranger.stream(STREAM, json=body("Hi", "An answer.", "And?", session_id=made))

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert len(models.requests) == 1


# --- Models ---------------------------------------------------------------------------------------


@pytest.fixture
def two(models: FakeModels) -> FakeModels:
    both = FakeModels(FAKE, OTHER)
    web_engine.use(Engine(both, timing=Timing(retry_wait=0.001)))
    return both


def test_models_are_called_as_the_client_called_them(api: Api, models: FakeModels) -> None:
    answer = stream(api, "Hi", model="alias-of-fake")

    assert answer.headers["x-model"] == "alias-of-fake"
    assert ask(api, "Hi", model="alias-of-fake")["model"] == "alias-of-fake"
    assert [each["model"] for each in history(api)["sessions"]] == ["alias-of-fake"] * 2


def test_the_request_chooses_the_model_and_the_session_keeps_its_first(
    api: Api, two: FakeModels
) -> None:
    made = begin(api, "Hi")

    answer = stream(api, "Hi", "An answer.", "And?", session_id=made, model="other")

    assert answer.headers["x-model"] == "other"
    assert two.requests[-1].model == OTHER.id
    assert history(api)["sessions"][0]["model"] == "fake"


def test_after_a_switch_the_sessions_model_answers_until_the_next(
    api: Api, two: FakeModels
) -> None:
    made = begin(api, "Hi")

    for name, model in (("other", OTHER), ("fake", FAKE)):
        api.post(SWITCH, json={"session_id": made, "model": name})
        for named in ("fake", "other"):
            answer = stream(api, "Hi", session_id=made, model=named)

            assert answer.headers["x-model"] == name
            assert two.requests[-1].model == model.id
            assert ask(api, "Hi", session_id=made, model=named)["model"] == name
    elsewhere = stream(api, "Hi", model="other")
    assert elsewhere.headers["x-model"] == "other"


# --- Once and only once ---------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [True, False])
def test_the_same_request_again_has_the_same_answer(
    api: Api, quick: FakeModels, wanted: bool
) -> None:
    for more in ({}, {"session_id": begin(api, "Hi")}):
        sent = {"json": body("Hi", stream=wanted, **more)}
        key = {"Idempotency-Key": f"k{more}"}
        before = len(quick.requests)

        first, again = (api.stream(STREAM, headers=key, **sent) for _ in range(2))

        assert first.status == again.status == 200
        assert first.body == again.body
        for name in ("x-session-id", "x-model"):
            assert first.headers[name] == again.headers[name]
        assert len(quick.requests) == before + 1


def test_a_key_stands_for_one_request(api: Api, models: FakeModels) -> None:
    key = {"Idempotency-Key": "k"}
    api.stream(STREAM, json=body("Hi"), headers=key)

    answer = api.stream(STREAM, json=body("Ho"), headers=key)

    assert (answer.status, answer.json()) == (422, OTHER_REQUEST)


def test_while_an_answer_is_made_another_has_to_wait(api: Api, models: FakeModels) -> None:
    made = begin(api, "Hi")
    begun, go_on = threading.Event(), threading.Event()
    models.enqueue([begun.set, partial(asyncio.to_thread, go_on.wait, 30), "Hello"])
    sent = body("Hi", "An answer.", "And?", session_id=made)

    with ThreadPoolExecutor() as pool:
        running = pool.submit(api.stream, STREAM, json=sent)
        assert begun.wait(30)
        answer = api.stream(STREAM, json=sent)
        go_on.set()
        assert text_of(running.result()) == "Hello"

    conversation = api.get(CONVERSATIONS).data[0]["id"]
    latest = api.get(f"{CONVERSATIONS}/{conversation}/messages").data[0]
    assert answer.status == 409
    assert answer.json() == {"detail": f"An answer is being generated: {latest['id']}"}


def test_the_message_is_stored_before_the_model_is_asked(api: Api, models: FakeModels) -> None:
    seen: list[dict[str, Any]] = []
    models.enqueue([lambda: seen.append(messages_stored()), "Hello"])

    stream(api, "Hello there")

    assert "Hello there" in str(seen[0])


def test_a_cut_answer_says_what_there_is_of_it(api: Api, models: FakeModels) -> None:
    models.enqueue(["Hel", Finished("length")])

    assert text_of(stream(api, "Hi")) == "Hel"


def test_keys_for_reading_do_not_ask(api: Api, models: FakeModels) -> None:
    _, key = new_key(scopes=("read",))

    answer = Api(key).stream(STREAM, json=body("Hi"))

    assert (answer.status, answer.json()) == (403, {"detail": "Insufficient permissions"})

"""How the events of a generation are told: `opey.streams.Encoder`, where no model can be had to say
it all.
"""

import json
from dataclasses import replace
from typing import Any

from opey.streams import Encoder, Telling
from opey.wire import message_objects
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Part, Text, ToolCall, ToolResult, Usage, join_text
from tests.opey import UNKNOWN_ID
from tests.store.scribe import Scribe

CALL, OTHER = ToolCall("c1", "search", {"q": "OBP"}), ToolCall("c2", "search", {"q": "API"})
RESULT = ToolResult("c1", "search", [{"page": 3}])
FAILED = ToolResult("c2", "search", "The tool failed.", failed=True)
ROUNDS: tuple[Part, ...] = (
    *(Text("Let me"), Text(" see."), CALL, OTHER, RESULT, FAILED),
    *(ToolCall("c3", "search", {}), ToolResult("c3", "search", None)),
    *(Text("OBP"), Text(" is…")),
)


def generation(*parts: Part, **end: Any) -> list[Event]:
    """The events of an answer that has these parts."""
    scribe = Scribe()
    turn = scribe.send(scribe.conversation())
    user, answer = turn.messages
    done: dict[str, Any] = {"state": "done", "finish_reason": "stop", "usage": Usage(7, 3), **end}
    ended = replace(answer, parts=join_text(parts), **done)
    produced = [Produced(n, answer.created + n, part) for n, part in enumerate(parts, 1)]
    return [Begun(turn.conversation, user, answer), *produced, Ended(ended)]


def told(events: list[Event], *, tokens: bool = True) -> list[dict[str, Any]]:
    encoder = Encoder(Telling("trip", tokens=tokens))
    wire = b"".join(map(encoder.encode, events)).decode()
    return [json.loads(each.removeprefix("data: ")) for each in wire.split("\n\n")[:-1]]


def outline(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"].removeprefix("assistant_") for each in events[2:]]


def test_tools_are_told_between_the_replies_around_them() -> None:
    assert outline(told(generation(*ROUNDS))) == [
        *("start", "token", "token", "complete", "tool_start", "tool_start"),
        *("tool_complete", "tool_complete"),
        *("complete", "tool_start", "tool_complete"),  # a reply without a text has no start
        *("start", "token", "token", "complete"),
    ]


def test_without_tokens_they_are_told_all_the_same() -> None:
    assert outline(told(generation(*ROUNDS), tokens=False)) == [
        *("complete", "tool_start", "tool_start", "tool_complete", "tool_complete"),
        *("complete", "tool_start", "tool_complete", "complete"),
    ]


def test_what_is_told_of_a_tool() -> None:
    events = told(generation(*ROUNDS))

    started = [each for each in events if each["type"] == "tool_start"]
    completed = [each for each in events if each["type"] == "tool_complete"]
    del started[0]["timestamp"], completed[0]["timestamp"]
    assert started[0] == {
        "type": "tool_start",
        "tool_name": "search",
        "tool_call_id": "c1",
        "tool_input": {"q": "OBP"},
    }
    assert completed[0] == {
        "type": "tool_complete",
        "tool_name": "search",
        "tool_call_id": "c1",
        "tool_output": [{"page": 3}],
        "status": "success",
    }
    assert (completed[1]["tool_output"], completed[1]["status"]) == ("The tool failed.", "error")


def test_the_events_of_one_reply_have_one_id_and_no_other_has_it() -> None:
    """Clients append by it."""
    replies: dict[str, list[str]] = {}
    for each in told(generation(*ROUNDS))[2:]:
        if "message_id" in each:
            replies.setdefault(each["message_id"], []).append(each["type"])

    assert list(replies.values()) == [
        ["assistant_start", "assistant_token", "assistant_token", "assistant_complete"],
        ["assistant_complete"],
        ["assistant_start", "assistant_token", "assistant_token", "assistant_complete"],
    ]


def test_the_ids_are_those_of_the_listing() -> None:
    """What was streamed and what is read again are the same messages to a client."""
    events = generation(*ROUNDS)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.message is not None

    listed = [each for each in message_objects(ended.message) if each["type"] == "ai"]

    whole = [each for each in told(events) if each["type"] == "assistant_complete"]
    assert [(each["id"], each["content"], each["tool_calls"]) for each in listed] == [
        (each["message_id"], each["content"], each["tool_calls"]) for each in whole
    ]


def test_usage_is_the_last_replys() -> None:
    whole = [each for each in told(generation(*ROUNDS)) if each["type"] == "assistant_complete"]

    assert [each["usage"] for each in whole] == [
        None,
        None,
        {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
    ]
    assert len({each["run_id"] for each in whole}) == 1


def test_a_deadline_ends_with_what_there_is() -> None:
    events = told(generation(Text("OBP"), state="stopped", finish_reason="deadline"))

    assert outline(events) == ["start", "token", "complete"]


def test_a_stop_ends_without_the_whole() -> None:
    encoder = Encoder(Telling("trip"))

    wire = [
        encoder.encode(event)
        for event in generation(Text("OBP"), state="stopped", finish_reason="stopped")
    ]

    assert wire[-1] == b""
    assert encoder.stopped


def test_an_error_names_the_reply_that_broke_off() -> None:
    *_, token, error = told(
        generation(CALL, RESULT, Text("OBP"), state="error", finish_reason="error")
    )

    assert (token["type"], error["type"]) == ("assistant_token", "error")
    assert error["for_message_id"] == token["message_id"]


def test_a_deleted_conversation_ends_with_an_error() -> None:
    *events, _ = generation(Text("OBP"))

    assert outline(told([*events, Ended(None)])) == ["start", "token", "error"]


def test_a_regenerated_answer_confirms_no_message() -> None:
    begun, *events = generation(Text("OBP"))
    assert isinstance(begun, Begun)

    first, second, *_ = told([replace(begun, user=None), *events])

    assert (first["type"], second["type"]) == ("thread_sync", "assistant_start")
    assert UNKNOWN_ID not in str(first)


def test_empty_texts_begin_nothing() -> None:
    assert outline(told(generation(Text(""), CALL, RESULT, Text("x")))) == [
        *("complete", "tool_start", "tool_complete", "start", "token", "complete")
    ]

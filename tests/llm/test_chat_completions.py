"""Our messages in OpenAI's form, and OpenAI's chunks as our events: no network involved."""

import json
from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Text, ToolCall, ToolResult, Usage
from reprise.llm.chat_completions import Answer, encode_messages, encode_request
from reprise.llm.protocol import Finished, ModelEvent, Tool
from tests.llm.asking import message, question
from tests.upstream import chunk, usage

CALL = ToolCall("call-1", "weather", {"city": "Oslo"})
CALL_ON_THE_WIRE = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
RESULT = ToolResult("call-1", "weather", {"rain": True})


def body(**more: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode_request(question("Hi", **more)))
    return decoded


def events(*chunks: Any) -> list[ModelEvent]:
    """What an answer made of these chunks yields."""
    answer = Answer()
    texts = [answer.feed(json.dumps(each)) for each in chunks]
    return [*(Text(text) for text in texts if text), *answer.end()]


def call(index: int | None = 0, id: str | None = None, **function: Any) -> dict[str, Any]:  # noqa: A002
    """A chunk with a piece of a tool call."""
    piece: dict[str, Any] = {"function": function}
    if index is not None:
        piece["index"] = index
    if id is not None:
        piece["id"] = id
    return chunk(delta={"tool_calls": [piece]})


class TestRequest:
    def test_it_asks_for_a_stream_with_usage(self) -> None:
        assert body(model="openai/gpt-4") == {
            "model": "openai/gpt-4",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def test_it_names_only_the_options_that_were_given(self) -> None:
        assert (
            body(temperature=0.0, max_tokens=9).items()
            >= {"temperature": 0.0, "max_tokens": 9}.items()
        )

    def test_instructions_lead_as_a_system_message(self) -> None:
        assert body(instructions="Be brief.")["messages"][0] == {
            "role": "system",
            "content": "Be brief.",
        }

    def test_tools_are_functions(self) -> None:
        schema = {"type": "object", "properties": {"city": {"type": "string"}}}
        assert body(tools=(Tool("weather", "The weather now.", schema),))["tools"] == [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "The weather now.",
                    "parameters": schema,
                },
            }
        ]

    def test_a_lone_surrogate_does_not_keep_a_request_from_being_sent(self) -> None:
        decoded = json.loads(encode_request(question("a\ud83d")))
        assert decoded["messages"][0]["content"] == "a?"


class TestMessages:
    def test_an_answer_with_calls_becomes_as_many_messages_as_it_had_rounds(self) -> None:
        answer = message("assistant", "Let me look.", CALL, RESULT, "It ", "rains.")
        assert encode_messages(None, [answer]) == [
            {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL_ON_THE_WIRE]},
            {"role": "tool", "tool_call_id": "call-1", "content": '{"rain":true}'},
            {"role": "assistant", "content": "It rains."},
        ]

    def test_a_result_may_come_in_a_message_of_its_own(self) -> None:
        wire = encode_messages(None, [message("assistant", CALL), message("user", RESULT, "So?")])
        assert [entry["role"] for entry in wire] == ["assistant", "tool", "user"]
        assert wire[0]["content"] is None

    def test_calls_made_together_stay_together(self) -> None:
        other = ToolCall("call-2", "weather", {"city": "Rome"})
        results = (ToolResult("call-2", "weather", "dry"), RESULT)
        wire = encode_messages(None, [message("assistant", CALL, other, *results)])
        assert [each["id"] for each in wire[0]["tool_calls"]] == ["call-1", "call-2"]
        assert [entry["tool_call_id"] for entry in wire[1:]] == ["call-1", "call-2"]

    def test_a_failed_result_says_so(self) -> None:
        failed = ToolResult("call-1", "weather", "no such city", failed=True)
        assert encode_messages(None, [message("assistant", CALL, failed)])[1]["content"] == (
            "Error: no such city"
        )

    def test_a_call_that_never_got_its_result_is_left_out(self) -> None:
        history = [message("assistant", "Let me look.", CALL), message("user", "Never mind.")]
        assert encode_messages(None, history) == [
            {"role": "assistant", "content": "Let me look."},
            {"role": "user", "content": "Never mind."},
        ]

    def test_a_message_of_nothing_but_such_a_call_is_left_out_whole(self) -> None:
        assert encode_messages(None, [message("assistant", CALL), message("user", "Hi")]) == [
            {"role": "user", "content": "Hi"}
        ]

    def test_a_result_whose_call_is_out_of_the_window_is_left_out(self) -> None:
        assert encode_messages(None, [message("user", RESULT, "So?")]) == [
            {"role": "user", "content": "So?"}
        ]


class TestAnswer:
    def test_texts_come_as_they_were_cut(self) -> None:
        assert events(chunk("Hel"), chunk("lo"), chunk(finish="stop"), usage(5, 2)) == [
            Text("Hel"),
            Text("lo"),
            Finished("stop", Usage(5, 2)),
        ]

    def test_empty_deltas_are_no_events(self) -> None:
        role = chunk(delta={"role": "assistant", "content": ""})
        nothing = chunk(delta={"content": None, "reasoning": "hm"})
        assert events(role, nothing, chunk("a"), chunk(delta=None), chunk(finish="stop")) == [
            Text("a"),
            Finished("stop"),
        ]

    def test_an_empty_answer_is_an_answer(self) -> None:
        assert events(chunk(finish="stop")) == [Finished("stop")]

    @pytest.mark.parametrize(
        ("said", "reason"),
        [("stop", "stop"), ("length", "length"), ("content_filter", "stop"), ("new", "stop")],
    )
    def test_finish_reasons_are_translated(self, said: str, reason: str) -> None:
        assert events(chunk("a", finish=said))[-1] == Finished(reason)  # type: ignore[arg-type]

    @pytest.mark.parametrize("reason", [None, ""])
    def test_without_a_finish_reason_it_was_cut(self, reason: str | None) -> None:
        with pytest.raises(UpstreamFailed, match="broke off") as failed:
            events(chunk("a", finish=reason))
        assert not failed.value.retryable

    def test_usage_may_come_with_the_finish_reason(self) -> None:
        last = chunk(finish="stop", usage={"prompt_tokens": 1, "completion_tokens": 0})
        assert events(last) == [Finished("stop", Usage(1, 0))]

    @pytest.mark.parametrize(
        "odd", [None, {}, [], {"prompt_tokens": "1", "completion_tokens": 1}, {"prompt_tokens": -1}]
    )
    def test_usage_that_cannot_be_read_is_none(self, odd: Any) -> None:
        assert events(chunk(finish="stop"), chunk(choices=[], usage=odd)) == [Finished("stop")]

    @pytest.mark.parametrize(
        "odd",
        [
            "[]",
            "1",
            "{",
            "{'a': 1}",
            "[" * 100_000,
            '{"choices": 1}',
            '{"choices": [1]}',
            '{"choices": [{"delta": 1}]}',
            '{"choices": [{"delta": {"content": ["a"]}}]}',
            '{"choices": [{"delta": {"tool_calls": 1}}]}',
            '{"choices": [{"delta": {"tool_calls": [1]}}]}',
            '{"choices": [{"delta": {"tool_calls": [{"index": "a"}]}}]}',
            '{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": 1}]}}]}',
            '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": 1}]}}]}',
        ],
    )
    def test_what_is_no_chunk_is_a_failure_of_the_upstream(self, odd: str) -> None:
        with pytest.raises(UpstreamFailed, match="no chat completion") as failed:
            Answer().feed(odd)
        assert not failed.value.retryable

    def test_nul_and_line_separators_pass_through(self) -> None:
        assert events(chunk("a\0\u2028\r\nb"), chunk(finish="stop"))[0] == Text("a\0\u2028\r\nb")


class TestSurrogates:
    def test_a_pair_cut_in_two_is_joined(self) -> None:
        assert events(chunk("x\ud83c"), chunk("\udf88y"), chunk(finish="stop"))[:2] == [
            Text("x"),
            Text("🎈y"),
        ]

    def test_half_of_a_pair_alone_is_no_event(self) -> None:
        assert events(chunk("\ud83c"), chunk("\udf88"), chunk(finish="stop"))[0] == Text("🎈")

    @pytest.mark.parametrize(
        ("chunks", "text"),
        [
            (["a\udf88b"], "a\ufffdb"),
            (["a\ud83c", "b"], "a\ufffdb"),
            (["a\ud83c"], "a\ufffd"),
            (["\ud83c\ud83c", "\udf88"], "\ufffd🎈"),
        ],
    )
    def test_a_lone_one_is_replaced(self, chunks: list[str], text: str) -> None:
        *texts, _ = events(*map(chunk, chunks), chunk(finish="stop"))
        assert "".join(event.text for event in texts if isinstance(event, Text)) == text

    def test_tool_calls_have_none_either(self) -> None:
        first = call(id="a\ud83c", name="f\udf88", arguments='{"x": "\ud83c')
        assert events(first, call(arguments='\udf88 \\ud83c"}'), chunk(finish="tool_calls"))[0] == (
            ToolCall("a\ufffd", "f\ufffd", {"x": "🎈 \ufffd"})
        )


class TestToolCalls:
    def test_pieces_are_put_together_by_index(self) -> None:
        assert events(
            chunk("Let me look."),
            call(0, "call-1", name="weather", arguments=""),
            call(1, "call-2", name="time", arguments="{"),
            call(0, arguments='{"city":'),
            call(0, arguments=' "Oslo"}'),
            call(1, arguments="}"),
            chunk(finish="tool_calls"),
        ) == [
            Text("Let me look."),
            CALL,
            ToolCall("call-2", "time", {}),
            Finished("tool-calls"),
        ]

    def test_a_call_without_arguments_has_none(self) -> None:
        assert events(call(id="c", name="now"), chunk(finish="tool_calls"))[0] == (
            ToolCall("c", "now", {})
        )

    def test_id_and_name_repeated_with_every_piece_count_once(self) -> None:
        pieces = [call(0, "c", name="now", arguments=each) for each in ("{", "}")]
        assert events(*pieces, chunk(finish="tool_calls"))[0] == ToolCall("c", "now", {})

    def test_calls_without_an_index_are_told_apart_by_their_ids(self) -> None:
        assert events(
            call(None, "a", name="now", arguments="{"),
            call(None, arguments="}"),
            call(None, "b", name="now", arguments="{}"),
            chunk(finish="tool_calls"),
        )[:2] == [ToolCall("a", "now", {}), ToolCall("b", "now", {})]

    def test_a_call_without_an_id_gets_the_answers(self) -> None:
        assert events(call(0, name="now"), chunk(finish="tool_calls"))[0] == (
            ToolCall("gen-1-0", "now", {})
        )

    def test_calls_are_the_reason_even_where_the_server_says_stop(self) -> None:
        assert events(call(0, "c", name="now"), chunk(finish="stop"))[-1] == Finished("tool-calls")

    @pytest.mark.parametrize(
        "arguments", ['{"city": "Os', "[]", '"Oslo"', "{'a': 1}", '{"a": NaN}']
    )
    def test_arguments_that_are_no_json_object_are_a_failure(self, arguments: str) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events(call(0, "c", name="f", arguments=arguments), chunk(finish="tool_calls"))
        assert not failed.value.retryable


class TestErrorsWithinAnAnswer:
    @pytest.mark.parametrize(
        "error",
        [
            {"error": {"code": 502, "message": "secret"}},
            {"error": {"code": "502"}, "choices": [{"delta": {}, "finish_reason": "error"}]},
            {"error": "secret"},
            {"object": "error", "message": "secret", "code": 500},
            chunk(finish="error"),
        ],
    )
    def test_after_some_text_it_is_final(self, error: dict[str, Any]) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events(chunk("a"), error)
        assert not failed.value.retryable
        assert not failed.value.refused
        assert "secret" not in failed.value.reason

    @pytest.mark.parametrize("code", [429, 500, "503"])
    def test_before_any_text_its_code_counts_like_a_status(self, code: int | str) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events(chunk(delta={"role": "assistant"}), {"error": {"code": code}})
        assert failed.value.retryable

    def test_before_any_text_a_refusal_is_one(self) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events({"error": {"code": 402}})
        assert failed.value.refused
        assert not failed.value.retryable

    @pytest.mark.parametrize("code", [None, "server_error", 12, True, [], "٤٠٤"])
    def test_without_a_status_nothing_is_known(self, code: Any) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events({"error": {"code": code}})
        assert not failed.value.retryable
        assert not failed.value.refused

    def test_an_error_that_is_null_is_none(self) -> None:
        assert events(chunk("a", error=None), chunk(finish="stop"))[0] == Text("a")

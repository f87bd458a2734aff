"""Our messages in Converse's form, and Converse's events as ours: no network involved."""

from typing import Any

import pytest

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import Message, Text, ToolCall, ToolResult, Usage
from reprise.llm.bedrock_converse import OMITTED, Answer, encode_messages, encode_request, failure
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest, Tool
from tests.llm.asking import message, question

CALL = ToolCall("c", "weather", {"city": "Oslo"})
RESULT = ToolResult("c", "weather", {"rain": True})
USE = {"toolUse": {"toolUseId": "call-1", "name": "weather", "input": {"city": "Oslo"}}}
WEATHER = Tool("weather", "The weather now.", {"type": "object", "properties": {}})


def wire(*messages: Message, with_tools: bool = True) -> list[tuple[str, list[Any]]]:
    encoded = encode_messages(messages, with_tools=with_tools)
    return [(each["role"], each["content"]) for each in encoded]


def said(text: str) -> dict[str, str]:
    return {"text": text}


def output(text: str, number: int = 1) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": f"call-{number}", "content": [{"text": text}]}}


class TestRequest:
    def test_it_names_only_the_options_that_were_given(self) -> None:
        assert encode_request(question("Hi", model="amazon.nova")) == {
            "modelId": "amazon.nova",
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        }

    def test_options_have_names_of_their_own(self) -> None:
        request = encode_request(question("Hi", temperature=0.0, max_tokens=9))
        assert request["inferenceConfig"] == {"temperature": 0.0, "maxTokens": 9}

    def test_a_temperature_beyond_its_range_is_the_highest(self) -> None:
        request = encode_request(question("Hi", temperature=1.7))
        assert request["inferenceConfig"] == {"temperature": 1.0}

    def test_instructions_and_system_messages_are_the_system(self) -> None:
        messages = [message("user", "Hi"), message("system", "Be kind."), message("system", " ")]
        request = encode_request(ModelRequest("nova", messages, instructions="Be brief."))
        assert request["system"] == [said("Be brief."), said("Be kind.")]
        assert request["messages"] == [{"role": "user", "content": [said("Hi")]}]

    def test_tools_bring_their_schemas(self) -> None:
        request = encode_request(question("Rain?", tools=(WEATHER, Tool("clock", "", {}))))
        assert request["toolConfig"]["tools"] == [
            {
                "toolSpec": {
                    "name": "weather",
                    "description": "The weather now.",
                    "inputSchema": {"json": {"type": "object", "properties": {}}},
                }
            },
            {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object"}}}},
        ]


class TestMessages:
    def test_roles_alternate(self) -> None:
        assert wire(
            message("user", "a"),
            message("user", "b"),
            message("assistant", "c"),
            message("assistant", "d"),
            message("user", "e"),
        ) == [
            ("user", [said("a"), said("b")]),
            ("assistant", [said("c"), said("d")]),
            ("user", [said("e")]),
        ]

    def test_the_user_begins(self) -> None:
        assert wire(message("assistant", "Hello!"), message("user", "Hi")) == [
            ("user", [said(OMITTED)]),
            ("assistant", [said("Hello!")]),
            ("user", [said("Hi")]),
        ]

    @pytest.mark.parametrize("blank", ["", " \n"])
    def test_blank_text_is_left_out(self, blank: str) -> None:
        assert wire(message("user", "a"), message("assistant", blank), message("user", "b")) == [
            ("user", [said("a"), said("b")])
        ]

    def test_nothing_said_is_nothing(self) -> None:
        assert wire(message("user", " ")) == []

    def test_a_result_is_the_users(self) -> None:
        assert wire(
            message("user", "Rain?"), message("assistant", "Let me look.", CALL, RESULT, "No.")
        ) == [
            ("user", [said("Rain?")]),
            ("assistant", [said("Let me look."), USE]),
            ("user", [output('{"rain":true}')]),
            ("assistant", [said("No.")]),
        ]

    def test_a_result_comes_before_what_else_the_user_says(self) -> None:
        *_, last = wire(
            message("user", "Rain?"), message("assistant", CALL), user("Go on.", RESULT)
        )
        assert last == ("user", [output('{"rain":true}'), said("Go on.")])

    def test_calls_come_last_and_their_results_in_the_same_order(self) -> None:
        other = ToolCall("d", "clock", {})
        answers = ToolResult("d", "clock", "noon"), RESULT
        _, asked, answered = wire(
            message("user", "?"), message("assistant", CALL, "Both.", other), user(*answers)
        )
        clock = {"toolUse": {"toolUseId": "call-2", "name": "clock", "input": {}}}
        assert asked == ("assistant", [said("Both."), USE, clock])
        assert answered == ("user", [output('{"rain":true}'), output("noon", 2)])

    def test_ids_are_unique_though_a_provider_repeats_its_own(self) -> None:
        again = message("assistant", CALL, RESULT, CALL, RESULT)
        ids = [
            block["toolUse"]["toolUseId"]
            for role, content in wire(message("user", "?"), again)
            for block in content
            if role == "assistant"
        ]
        assert ids == ["call-1", "call-2"]

    @pytest.mark.parametrize(
        ("result", "text"),
        [
            ("noon", "noon"),
            ("", '""'),
            (None, "null"),
            ([1, "ü"], '[1,"ü"]'),
            ({"a": 1}, '{"a":1}'),
        ],
    )
    def test_a_result_is_text_that_is_not_blank(self, result: object, text: str) -> None:
        *_, last = wire(
            message("user", "?"), message("assistant", CALL), user(ToolResult("c", "w", result))
        )
        assert last == ("user", [output(text)])

    def test_a_failed_result_says_so(self) -> None:
        result = ToolResult("c", "weather", "no such city", failed=True)
        *_, last = wire(message("user", "?"), message("assistant", CALL, result))
        assert last == ("user", [output("Error: no such city")])

    def test_a_call_without_a_result_is_left_out(self) -> None:
        assert wire(
            message("user", "Rain?"), message("assistant", "Hm.", CALL), message("user", "Well?")
        ) == [
            ("user", [said("Rain?")]),
            ("assistant", [said("Hm.")]),
            ("user", [said("Well?")]),
        ]

    def test_a_result_without_a_call_is_left_out(self) -> None:
        assert wire(user(RESULT, "Well?"), message("assistant", RESULT, "No.")) == [
            ("user", [said("Well?")]),
            ("assistant", [said("No.")]),
        ]

    def test_calls_and_results_are_left_out_where_no_tool_is_offered(self) -> None:
        called = message("assistant", "Let me look.", CALL, RESULT, "No.")
        assert wire(message("user", "Rain?"), called, with_tools=False) == [
            ("user", [said("Rain?")]),
            ("assistant", [said("Let me look."), said("No.")]),
        ]


def user(*parts: Any) -> Message:
    return message("user", *parts)


def delta(index: int = 0, **what: Any) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": what}}


def text(piece: str) -> dict[str, Any]:
    return delta(text=piece)


def tool(*pieces: str, index: int = 0, name: str = "weather") -> list[dict[str, Any]]:
    use = {"toolUseId": f"tooluse_{index}", "name": name}
    return [
        {"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": use}}},
        *(delta(index, toolUse={"input": piece}) for piece in pieces),
        {"contentBlockStop": {"contentBlockIndex": index}},
    ]


def stop(reason: str = "end_turn") -> dict[str, Any]:
    return {"messageStop": {"stopReason": reason}}


USAGE = {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2}, "metrics": {"latencyMs": 1}}}


def events(*fed: dict[str, Any]) -> list[ModelEvent]:
    """What an answer made of these events yields."""
    answer = Answer()
    parts = [answer.feed(event) for event in fed]
    return [*(part for part in parts if part), *answer.end()]


class TestAnswer:
    def test_texts_and_usage(self) -> None:
        begin = {"messageStart": {"role": "assistant"}}
        end = {"contentBlockStop": {"contentBlockIndex": 0}}
        assert events(begin, text("Hel"), text(""), text("lo"), end, stop(), USAGE) == [
            Text("Hel"),
            Text("lo"),
            Finished("stop", Usage(5, 2)),
        ]

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("guardrail_intervened", "stop"),
            ("content_filtered", "stop"),
            ("something_new", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
        ],
    )
    def test_reasons(self, said: str, meant: str) -> None:
        assert events(text("a"), stop(said)) == [Text("a"), Finished(meant)]  # type: ignore[arg-type]

    @pytest.mark.parametrize("said", ["tool_use", "end_turn"])
    def test_a_call_is_put_together(self, said: str) -> None:
        assert events(text("Hm."), *tool('{"city"', ': "Oslo"}', index=1), stop(said)) == [
            Text("Hm."),
            ToolCall("tooluse_1", "weather", {"city": "Oslo"}),
            Finished("tool-calls"),
        ]

    def test_calls_that_are_told_at_once(self) -> None:
        first, second = tool('{"a": 1}', index=0), tool('{"b": 2}', index=1)
        mixed = [event for pair in zip(first, second, strict=True) for event in pair]
        assert events(*mixed, stop("tool_use"))[:-1] == [
            ToolCall("tooluse_0", "weather", {"a": 1}),
            ToolCall("tooluse_1", "weather", {"b": 2}),
        ]

    def test_a_call_without_input(self) -> None:
        assert events(*tool(), stop("tool_use"))[0] == ToolCall("tooluse_0", "weather", {})

    @pytest.mark.parametrize("input", ['{"city"', "[]", '{"a": NaN}', "[" * 100_000])
    def test_input_that_is_no_object_is_a_failure(self, input: str) -> None:  # noqa: A002
        with pytest.raises(UpstreamFailed) as failed:
            events(*tool(input), stop("tool_use"))
        assert not failed.value.retryable

    def test_a_call_that_never_ends_is_a_failure(self) -> None:
        with pytest.raises(UpstreamFailed):
            events(*tool('{"a": 1}')[:-1], stop("tool_use"))

    @pytest.mark.parametrize("ended", [True, False])
    def test_a_call_that_the_limit_cuts_short_is_not_made(self, ended: bool) -> None:
        cut = tool('{"city"')
        assert events(text("Hm."), *(cut if ended else cut[:-1]), stop("max_tokens")) == [
            Text("Hm."),
            Finished("length"),
        ]

    @pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
    def test_nonsense_by_the_model_is_a_failure(self, reason: str) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            events(text("a"), stop(reason))
        assert not failed.value.retryable

    def test_an_answer_without_a_reason_is_not_whole(self) -> None:
        with pytest.raises(UpstreamFailed):
            events(text("a"), USAGE)

    @pytest.mark.parametrize(
        "event",
        [
            delta(reasoningContent={"text": "Let me think."}),
            delta(citation={"title": "A"}),
            delta(SDK_UNKNOWN_MEMBER={"name": "new"}),
            delta(9, toolUse={"input": "{"}),
            {"contentBlockStart": {"contentBlockIndex": 0, "start": {}}},
            {"contentBlockStop": {}},
        ],
    )
    def test_what_no_surface_has_a_word_for_is_passed_over(self, event: dict[str, Any]) -> None:
        assert events(event, text("a"), stop()) == [Text("a"), Finished("stop")]

    def test_thinking_is_the_beginning_of_an_answer(self) -> None:
        answer = Answer()
        answer.feed({"messageStart": {"role": "assistant"}})
        assert not answer.begun
        answer.feed(delta(reasoningContent={"text": "Let me think."}))
        assert answer.begun

    def test_what_has_no_utf_8_form_is_mended(self) -> None:
        call = tool('{"city": "\\ud83c"}')
        assert events(text("\ud83c\udf88 \ud83c"), *call, stop())[:-1] == [
            Text("🎈 \ufffd"),
            ToolCall("tooluse_0", "weather", {"city": "\ufffd"}),
        ]


class TestFailure:
    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("ThrottlingException", 429),
            ("ThrottlingException", 400),
            ("throttlingException", 0),
            ("ModelNotReadyException", 429),
            ("ServiceUnavailableException", 503),
            ("internalServerException", 0),
            ("502", 502),
        ],
    )
    def test_what_cannot_now_may_be_asked_again(self, code: str, status: int) -> None:
        failed = failure(code, status)
        assert failed.retryable
        assert not failed.refused

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("ValidationException", 400),
            ("validationException", 0),
            ("AccessDeniedException", 403),
            ("ResourceNotFoundException", 404),
            ("ServiceQuotaExceededException", 400),
            ("ExpiredTokenException", 403),
            ("301", 301),
        ],
    )
    def test_what_will_not_is_not_asked_again(self, code: str, status: int) -> None:
        failed = failure(code, status)
        assert failed.refused
        assert not failed.retryable

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("ModelTimeoutException", 408),
            ("ModelErrorException", 424),
            ("modelStreamErrorException", 0),
            ("somethingNewException", 0),
        ],
    )
    def test_what_may_have_answered_is_neither(self, code: str, status: int) -> None:
        failed = failure(code, status)
        assert not failed.retryable
        assert not failed.refused

    @pytest.mark.parametrize("code", ["throttlingException", "validationException"])
    def test_what_has_begun_is_neither(self, code: str) -> None:
        failed = failure(code, begun=True)
        assert not failed.retryable
        assert not failed.refused

    @pytest.mark.parametrize("code", ["a sentence, with a secret", "x" * 99, ""])
    def test_only_a_name_is_repeated(self, code: str) -> None:
        assert failure(code, 400).reason == "Bedrock answered 400"

"""The wire format of OpenAI's chat completions: a request as JSON, and an answer from its chunks.

No I/O here. The formats are those of https://platform.openai.com/docs/api-reference/chat and, for
the chunks, …/chat-streaming; https://openrouter.ai/docs/api-reference/streaming tells what
OpenRouter adds: errors inside a stream.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import FinishReason, Message, Text, ToolCall, ToolResult, Usage
from reprise.chat.values import load, mend, tool_input
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest

_RETRYABLE = frozenset({408, 429})


def failure(reason: str, status: int, retry_after: float | None = None) -> UpstreamFailed:
    """What an HTTP error status means before there is an answer: nothing was done, at least."""
    retryable = status in _RETRYABLE or status >= 500
    return UpstreamFailed(
        f"{reason} {status}",
        retryable=retryable,
        refused=not retryable,
        retry_after=retry_after,
    )


# Request


def encode_request(request: ModelRequest) -> bytes:
    """The body of `POST /chat/completions`."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": encode_messages(request.instructions, request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                },
            }
            for tool in request.tools
        ]
    # A lone surrogate has no UTF-8: it goes out as a question mark rather than not at all.
    return _dump(body).encode(errors="replace")


def encode_messages(instructions: str | None, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in OpenAI's form; `instructions` lead as a system message."""
    wire = [{"role": "system", "content": instructions}] if instructions else []
    for message in messages:
        wire += _encode_message(message)
    return list(_answered_calls_only(wire))


def _encode_message(message: Message) -> Iterator[dict[str, Any]]:
    """One message as one or more: ours may hold calls, their results, and the text that
    followed.
    """
    texts: list[str] = []
    calls: list[dict[str, Any]] = []

    def close() -> Iterator[dict[str, Any]]:
        if calls:
            content = "".join(texts) or None
            yield {"role": "assistant", "content": content, "tool_calls": calls.copy()}
        elif texts:
            yield {"role": message.role, "content": "".join(texts)}
        texts.clear()
        calls.clear()

    for part in message.parts:
        match part:
            case Text(text):
                texts.append(text)
            case ToolCall(id, name, input):
                function = {"name": name, "arguments": _dump(input)}
                calls.append({"id": id, "type": "function", "function": function})
            case ToolResult(id, _, output, failed):
                yield from close()
                content = output if isinstance(output, str) else _dump(output)
                if failed:  # which the format has no field for
                    content = f"Error: {content}"
                yield {"role": "tool", "tool_call_id": id, "content": content}
    yield from close()


def _answered_calls_only(wire: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leaves out calls without a result and results without a call.

    Servers refuse a history that has any, so an answer that was stopped between the two, or a
    window that begins between them, would be the end of its conversation.
    """
    position = 0
    while position < len(wire):
        entry = wire[position]
        position += 1
        results: dict[str, dict[str, Any]] = {}
        while position < len(wire) and wire[position]["role"] == "tool":
            results.setdefault(wire[position]["tool_call_id"], wire[position])
            position += 1
        calls = [call for call in entry.pop("tool_calls", ()) if call["id"] in results]
        if calls:
            yield entry | {"tool_calls": calls}
            yield from (results[call["id"]] for call in calls)
        elif entry["role"] != "tool" and entry["content"] is not None:
            yield entry


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Answer


@dataclass
class _Call:
    """A tool call while its pieces come in."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Answer:
    """One answer, made of a stream's chunks in their order, or of the one object that is it all."""

    def __init__(self) -> None:
        self._id = ""
        self._texts = _WholeTexts()
        self._calls: dict[int, _Call] = {}
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether the model has said that it is through. Usage may still follow."""
        return self._reason is not None

    def feed(self, data: str) -> str:
        """Takes a chunk, as JSON; returns the text that it adds, which may be none.

        Raises UpstreamFailed for an error object, and for what is no chunk.
        """
        chunk = _load(data)
        if not isinstance(chunk, dict):
            raise _malformed()
        if error := chunk if chunk.get("object") == "error" else chunk.get("error"):
            raise self._failure(error)
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = _usage(usage) or self._usage
        if not (choices := chunk.get("choices")):
            return ""
        if not isinstance(choices, list) or not isinstance(choice := choices[0], dict):
            raise _malformed()
        if not self._id and isinstance(chunk.get("id"), str):
            self._id = chunk["id"]
        if reason := choice.get("finish_reason"):
            if reason == "error":
                raise self._failure(None)
            self._reason = str(reason)
        delta = choice.get("delta") or choice.get("message")
        if not delta:
            return ""
        if not isinstance(delta, dict):
            raise _malformed()
        if calls := delta.get("tool_calls"):
            self._begun = True
            self._add_calls(calls)
        if not (text := delta.get("content")):
            return ""
        if not isinstance(text, str):
            raise _malformed()
        self._begun = True
        return self._texts.feed(text)

    def end(self) -> Iterator[ModelEvent]:
        """What is left to tell once no more chunks come: whole tool calls, and `Finished`.

        Raises UpstreamFailed if the answer is not complete, or a tool call makes no sense.
        """
        if self._reason is None:
            raise UpstreamFailed("the upstream broke off")
        if rest := self._texts.end():
            yield Text(rest)
        for index, call in sorted(self._calls.items()):
            yield self._whole(index, call)
        yield Finished(self._finish_reason(), self._usage)

    def _finish_reason(self) -> FinishReason:
        if self._reason == "length":
            return "length"
        # By what came, not by what is said: some servers say `stop` after calls. A filter's
        # verdict, for which no surface has a word, is a stop, too.
        return "tool-calls" if self._calls else "stop"

    def _failure(self, error: Any) -> UpstreamFailed:
        """An error that came with status 200. While there is no answer yet, its code counts like a
        status: OpenRouter says 200 as soon as it sends a comment to keep the connection open.
        """
        code = _code(error)
        if code and not self._begun:
            return failure("the upstream reported error", code)
        return UpstreamFailed("the upstream reported an error" + (f", {code}" if code else ""))

    def _add_calls(self, deltas: Any) -> None:
        if not isinstance(deltas, list):
            raise _malformed()
        for delta in deltas:
            if not isinstance(delta, dict):
                raise _malformed()
            function = delta.get("function") or {}
            if not isinstance(function, dict):
                raise _malformed()
            call = self._calls.setdefault(self._index(delta), _Call())
            # Once each: some servers repeat id and name with every piece.
            call.id = call.id or _text(delta.get("id"))
            call.name = call.name or _text(function.get("name"))
            call.arguments.append(_text(function.get("arguments")))

    def _index(self, delta: Mapping[str, Any]) -> int:
        """Which call a piece is of. Servers that leave the index out send an id with each new
        call.
        """
        index = delta.get("index")
        if index is None:
            index = len(self._calls) if delta.get("id") else max(0, len(self._calls) - 1)
        if not isinstance(index, int):
            raise _malformed()
        return index

    def _whole(self, index: int, call: _Call) -> ToolCall:
        try:
            arguments = tool_input("".join(call.arguments))
        except ValueError:
            raise _malformed() from None
        if not call.name:
            raise _malformed()
        return ToolCall(mend(call.id) or f"{mend(self._id)}-{index}", mend(call.name), arguments)


class _WholeTexts:
    """Texts that always have a UTF-8 form. In JSON, a character outside the BMP may be a pair of
    surrogates, and some servers cut between the two: the first is kept until the second comes."""

    def __init__(self) -> None:
        self._high = ""

    def feed(self, text: str) -> str:
        if self._high:
            text, self._high = self._high + text, ""
        if text.isascii():
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return mend(text)

    def end(self) -> str:
        return mend(self._high)


def _text(value: Any) -> str:
    """A string that may be missing."""
    if not isinstance(value, str | None):
        raise _malformed()
    return value or ""


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    match usage.get("prompt_tokens"), usage.get("completion_tokens"):
        case int(prompt), int(completion) if prompt >= 0 and completion >= 0:
            return Usage(prompt, completion)
    return None


def _code(error: Any) -> int | None:
    """The code of an error object where it is an HTTP status, as a number or as text."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _load(data: str) -> Any:
    try:
        return load(data)
    except ValueError:
        raise _malformed() from None


def _malformed() -> UpstreamFailed:
    return UpstreamFailed("the upstream sent what is no chat completion")

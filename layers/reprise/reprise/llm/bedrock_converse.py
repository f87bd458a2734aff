"""The wire format of Bedrock's Converse: a request as parameters, and an answer from its events.

No I/O here. The formats are those of
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html; what else
Converse refuses was found by those who met it, and is told where it is kept to.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from reprise.chat.errors import UpstreamFailed
from reprise.chat.messages import (
    FinishReason,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from reprise.chat.values import mend, tool_input
from reprise.llm.protocol import Finished, ModelEvent, ModelRequest, Tool

MAX_TEMPERATURE = 1.0  # our surfaces take OpenAI's range, up to 2
OMITTED = "…"

_RETRYABLE = frozenset(
    {
        "InternalServerException",
        "ModelNotReadyException",
        "ServiceUnavailableException",
        "ThrottlingException",
    }
)
_WORKED_ON = frozenset(
    {"ModelErrorException", "ModelStreamErrorException", "ModelTimeoutException"}
)


def failure(code: str, status: int = 0, *, begun: bool = False) -> UpstreamFailed:
    """What an error of Converse means: by its code, or by its HTTP status where the code says
    nothing. `begun`: part of an answer had come.
    """
    code = code[:1].upper() + code[1:]  # within a stream they begin with a small letter
    known = code.isalpha() and len(code) <= 40
    worked_on = begun or code in _WORKED_ON
    retryable = not worked_on and (code in _RETRYABLE or status == 429 or status >= 500)
    refused = code == "ValidationException" or 300 <= status < 500
    return UpstreamFailed(
        f"Bedrock answered {code if known else status}",
        retryable=retryable,
        refused=refused and not retryable and not worked_on,
    )


# Request


def encode_request(request: ModelRequest) -> dict[str, Any]:
    """The parameters of `converse_stream`."""
    parameters: dict[str, Any] = {
        "modelId": request.model,
        "messages": encode_messages(request.messages, with_tools=bool(request.tools)),
    }
    if system := list(_system(request)):
        parameters["system"] = system
    inference: dict[str, Any] = {}
    if request.temperature is not None:
        inference["temperature"] = min(request.temperature, MAX_TEMPERATURE)
    if request.max_tokens is not None:
        inference["maxTokens"] = request.max_tokens
    if inference:
        parameters["inferenceConfig"] = inference
    if request.tools:
        parameters["toolConfig"] = {"tools": [_tool(tool) for tool in request.tools]}
    return parameters


def _system(request: ModelRequest) -> Iterator[dict[str, str]]:
    systems = (message.text for message in request.messages if message.role == "system")
    return ({"text": text} for text in (request.instructions or "", *systems) if text.strip())


def _tool(tool: Tool) -> dict[str, Any]:
    # A schema has to name the type; a description may be missing, but not empty.
    schema = {"type": "object"} | tool.schema
    specification = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        specification["description"] = tool.description
    return {"toolSpec": specification}


def encode_messages(messages: Sequence[Message], *, with_tools: bool) -> list[dict[str, Any]]:
    """Messages as Converse takes them: user and assistant in turn, the user first, no blank text.

    A call stays only if its result is in the turn after it, at the head of which it moves; a result
    only with its call; both only `with_tools`, because Converse takes neither without. They are
    numbered anew: ids of other providers may be longer, of other characters, or not unique.
    """
    turns = list(_turns(messages, with_tools))
    wire: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    calls = 0
    for (role, parts), (_, following) in pairwise([*turns, ("user", [])]):
        content, answers = answers, []
        content += [{"text": part.text} for part in parts if isinstance(part, Text)]
        results = {part.id: part for part in reversed(following) if isinstance(part, ToolResult)}
        for part in parts:
            if isinstance(part, ToolCall) and (result := results.pop(part.id, None)):
                calls += 1
                id = f"call-{calls}"  # noqa: A001
                use = {"toolUseId": id, "name": part.name, "input": part.input}
                content.append({"toolUse": use})
                answers.append({"toolResult": {"toolUseId": id, "content": [_output(result)]}})
        if content and wire and wire[-1]["role"] == role:
            wire[-1]["content"] += content
        elif content:
            wire.append({"role": role, "content": content})
    if wire and wire[0]["role"] == "assistant":
        # An agent's greeting, or a window that begins in the middle: it may be what is answered.
        wire.insert(0, {"role": "user", "content": [{"text": OMITTED}]})
    return wire


def _turns(messages: Sequence[Message], with_tools: bool) -> Iterator[tuple[Role, list[Part]]]:
    """What user and assistant said, in runs: our messages may hold calls, their results, and the
    text that followed.
    """
    spoken: list[tuple[Role, Part]] = []
    for message in messages:
        for part in message.parts:
            match part:
                case Text(text):
                    if text.strip() and message.role != "system":
                        spoken.append((message.role, part))
                case ToolCall() if with_tools:
                    spoken.append(("assistant", part))
                case ToolResult() if with_tools:
                    spoken.append(("user", part))
    for role, run in groupby(spoken, key=itemgetter(0)):
        yield role, [part for _, part in run]


def _output(result: ToolResult) -> dict[str, str]:
    """Always as text: Converse's JSON is for objects only, its status for some models only."""
    text = result.output
    if not isinstance(text, str) or not text.strip():
        text = json.dumps(text, ensure_ascii=False, separators=(",", ":"))
    return {"text": f"Error: {text}" if result.failed else text}


# Answer


@dataclass
class _Call:
    """A tool call while its pieces come in."""

    id: str
    name: str
    input: list[str] = field(default_factory=list)


class Answer:
    """One answer, made of a stream's events in their order."""

    def __init__(self) -> None:
        self.begun = False  # whether there is any content yet, even such as is not passed on
        self.through = False  # whether the last event has come
        self._calls: dict[int, _Call] = {}  # not yet whole
        self._called = False
        self._broken = False  # whether the input of a call is no JSON object
        self._reason: str | None = None
        self._usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Whether the model has said that it is through. Usage may still follow."""
        return self._reason is not None

    def feed(self, event: Mapping[str, Any]) -> Text | ToolCall | None:
        """Takes an event as botocore has read it; returns what it adds, if anything."""
        match event:
            case {"messageStop": {"stopReason": str(reason)}}:
                self._reason = reason
                return None
            case {"metadata": metadata}:
                self.through = True
                self._usage = _usage(metadata)
                return None
            case {"messageStart": _}:
                return None
        self.begun = True
        match event:
            case {"contentBlockDelta": {"delta": {"text": str(text)}}} if text:
                return Text(mend(text))
            case {
                "contentBlockStart": {
                    "contentBlockIndex": int(index),
                    "start": {"toolUse": {"toolUseId": str(id), "name": str(name)}},
                }
            }:
                self._calls[index] = _Call(id, name)
            case {
                "contentBlockDelta": {
                    "contentBlockIndex": int(index),
                    "delta": {"toolUse": {"input": str(piece)}},
                }
            } if index in self._calls:
                self._calls[index].input.append(piece)
            case {"contentBlockStop": {"contentBlockIndex": int(index)}} if index in self._calls:
                return self._whole(self._calls.pop(index))
        return None

    def end(self) -> Iterator[ModelEvent]:
        """What is left to tell once no more events come.

        Raises UpstreamFailed if the answer is not complete, or a tool call makes no sense.
        """
        if self._reason is None:
            raise UpstreamFailed("Bedrock broke off")
        cut = self._reason in ("max_tokens", "model_context_window_exceeded")
        # A call that the limit cut short is not made.
        if self._reason.startswith("malformed") or ((self._broken or self._calls) and not cut):
            raise UpstreamFailed("the model made a malformed answer")
        # By what came, not by what is said. A guardrail's or a filter's verdict, for which no
        # surface has a word, is a stop, too.
        reason: FinishReason = "length" if cut else "tool-calls" if self._called else "stop"
        yield Finished(reason, self._usage)

    def _whole(self, call: _Call) -> ToolCall | None:
        try:
            value = tool_input("".join(call.input))
        except ValueError:
            self._broken = True
            return None
        self._called = True
        return ToolCall(call.id, call.name, value)


def _usage(metadata: Any) -> Usage | None:
    match metadata:
        case {"usage": {"inputTokens": int(read), "outputTokens": int(written)}}:
            return Usage(read, written)
    return None

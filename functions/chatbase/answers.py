"""How this surface tells an answer: in one piece, or as a stream.

The stream is the AI SDK's UI message stream, version 1, whose reader ends at an event that it does
not know: there are none but these.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from chatbase.wire import part_object
from reprise.chat.events import Begun, Ended, Event, Produced
from reprise.chat.messages import Conversation, Message, Text, ToolCall, ToolResult
from reprise.engine import conversations, reading
from reprise.engine.turns import Run
from reprise.web.engine import engine
from reprise.web.streams import DONE, event_stream, sse, with_silences

VERSION = {"x-vercel-ai-ui-message-stream": "v1"}
FINISH_REASONS = {
    "stop": "stop",
    "length": "stop",
    "stopped": "stop",
    "tool-calls": "tool-calls",
    "deadline": "error",
    "error": "error",
}


def metadata(conversation: Conversation, answer: Message, question: str | None) -> dict[str, Any]:
    """What is told of an answer beside its parts; `question` is the id of the user's message."""
    return {
        "userMessageId": question or "",
        "conversationId": conversation.id,
        "userId": conversation.end_user,
        "finishReason": FINISH_REASONS[answer.finish_reason or "error"],
        "usage": {"credits": answer.cost or 0},
    }


async def answer(run: Run, *, stream: bool) -> Response:
    """A generation as a stream, or in one piece when it has ended. Raises NotFound where its
    conversation was deleted meanwhile.
    """
    if stream:
        response = event_stream(events(run))
        response.headers.update(VERSION)
        return response
    ended = await run.ended()
    if ended is None:
        lost = run.begun.conversation
        await asyncio.to_thread(conversations.find, lost.owner, lost.id)  # most likely it is gone
        raise RuntimeError("the answer could not be stored")
    told = metadata(run.begun.conversation, ended, await _question(run.begun))
    parts = [part_object(part) for part in ended.parts]
    return JSONResponse(
        {"data": {"id": ended.id, "role": "assistant", "parts": parts, "metadata": told}}
    )


async def events(run: Run) -> AsyncIterator[bytes]:
    """A generation as this surface streams it. While nothing comes, events without news say that it
    goes on: clients give a silent connection up.
    """
    encoder, question = Encoder(run.begun.conversation), None
    async for event in with_silences(run.events(), engine().timing.silence):
        if isinstance(event, Ended):
            question = await _question(run.begun)
        yield encoder.encode(event, question) if event else NOTHING_NEW
    yield DONE


NOTHING_NEW = sse({"type": "message-metadata", "messageMetadata": {}})


async def _question(begun: Begun) -> str | None:
    """The id of the user's message that is answered. Read at the end, where nobody waits for it."""
    if begun.user:
        return begun.user.id
    return await asyncio.to_thread(reading.question_of, begun.conversation, begun.answer)


class Encoder:
    """Writes the events of one generation. What is open, a text or a step, depends on what came
    before: nothing else is remembered.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._texts = 0
        self._text: str | None = None  # the id of the one that is open
        self._told = False  # a tool has answered since the step began

    def encode(self, event: Event, question: str | None = None) -> bytes:
        """An event's own events; `question` is the id of the user's message, for the last one."""
        return b"".join(sse(each) for each in self._events(event, question))

    def _events(self, event: Event, question: str | None) -> Iterator[dict[str, Any]]:
        match event:
            case Begun(answer=answer):
                yield {"type": "start", "messageId": answer.id}
                yield {"type": "start-step"}
            case Produced(part=Text(text)):
                if self._text is None:
                    yield from self._next_step()
                    self._texts += 1
                    self._text = f"t{self._texts}"
                    yield {"type": "text-start", "id": self._text}
                yield {"type": "text-delta", "id": self._text, "delta": text}
            case Produced(part=ToolCall(id, name, input)):
                yield from self._end_text()
                yield from self._next_step()
                yield {"type": "tool-input-start", "toolCallId": id, "toolName": name}
                yield {
                    "type": "tool-input-available",
                    "toolCallId": id,
                    "toolName": name,
                    "input": input,
                }
            case Produced(part=ToolResult(id, _, output)):
                yield from self._end_text()
                self._told = True
                yield {"type": "tool-output-available", "toolCallId": id, "output": output}
            case Ended(message=message):
                yield from self._end_text()
                yield {"type": "finish-step"}
                yield from self._end(message, question)

    def _end_text(self) -> Iterator[dict[str, Any]]:
        if self._text is not None:
            yield {"type": "text-end", "id": self._text}
            self._text = None

    def _next_step(self) -> Iterator[dict[str, Any]]:
        """What the model says once it knows what its tools gave is another step."""
        if self._told:
            yield {"type": "finish-step"}
            yield {"type": "start-step"}
            self._told = False

    def _end(self, message: Message | None, question: str | None) -> Iterator[dict[str, Any]]:
        if message is None or message.state == "error":
            yield {"type": "error", "errorText": "The answer could not be completed"}
        if message is None:
            return
        told = metadata(self._conversation, message, question)
        yield {
            "type": "finish",
            "finishReason": told["finishReason"],
            "messageMetadata": {"messageId": message.id, **told},
        }

"""Tools that run here, while an answer is made, and the results that clients bring for theirs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from reprise.chat.errors import NotFound, RepriseError
from reprise.chat.messages import Conversation, Message, ToolCall, ToolResult
from reprise.engine.admit import admit
from reprise.engine.engine import Engine
from reprise.engine.where import Where
from reprise.store import messages

logger = Logger(child=True)

BuiltIn = Callable[[Mapping[str, Any]], Awaitable[Any]]  # from a call's input to its output
MAX_ROUNDS = 8  # of calls within one answer


async def run(tools: Mapping[str, BuiltIn], call: ToolCall) -> ToolResult:
    """The result of a call, failed if the tool did: the model shall know, the answer goes on. A
    tool's own refusals are told to it.
    """
    try:
        return ToolResult(call.id, call.name, await tools[call.name](call.input))
    except RepriseError as error:
        return ToolResult(call.id, call.name, str(error), failed=True)
    except Exception as error:
        logger.warning("tool failed", tool=call.name, error=type(error).__name__)
        return ToolResult(call.id, call.name, "The tool failed.", failed=True)


async def give_result(
    engine: Engine, owner: str, where: Where, call_id: str, output: Any
) -> tuple[Conversation, Message]:
    """Store what the client's tool gave, behind its call in the answer that ended with it. The same
    result may be given again. Raises NotFound("Tool call"), also where there is another result, and
    Conflict while an answer is made.

    Clients run the calls of an answer side by side, so their results come at once. Whoever is
    overtaken goes on trying: each time another call has got its result, and there are so many.
    """
    while True:
        admitted = await admit(engine, owner, where)
        answer = admitted.head
        if answer is None or answer.role != "assistant":
            raise NotFound("Tool call")
        answer = await asyncio.to_thread(messages.load, answer)
        given = {part.id: part for part in answer.parts if isinstance(part, ToolResult)}
        calls = [part for part in answer.parts if isinstance(part, ToolCall)]
        call = next((call for call in calls if call.id == call_id), None)
        if call is None or (call_id in given and given[call_id].output != output):
            raise NotFound("Tool call")
        if call_id in given:
            return admitted.conversation, answer
        result = ToolResult(call.id, call.name, output)
        told = replace(answer, parts=(*answer.parts, result), updated=engine.now_ms())
        if await asyncio.to_thread(messages.amend, admitted.conversation, answer, told):
            return admitted.conversation, told

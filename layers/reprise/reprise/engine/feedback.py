"""What people think of answers."""

from dataclasses import replace

from reprise.chat.errors import NotAnAnswer, NotFound
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Feedback, Message
from reprise.engine import conversations
from reprise.engine.engine import Engine
from reprise.engine.repair import as_shown
from reprise.engine.where import Where, check, number_of
from reprise.store import messages


def give(
    engine: Engine, owner: str, where: Where, message_id: str, feedback: Feedback | None
) -> Message:
    """Note what somebody thinks of an answer of any branch, in the place of what they did before;
    None: nothing any more. Raises NotFound and NotAnAnswer.
    """
    number = number_of(where)
    if number is None or conversation_of(message_id) != number:
        conversations.find(owner, where)
        raise NotFound("Message")
    stored, found = messages.find(owner, number, message_id)
    conversation = check(where, found.conversation)
    answer = as_shown(stored, found.lease, engine.now()) if stored else None
    if answer is None or not answer.shown:
        raise NotFound("Message")
    if answer.role != "assistant":
        raise NotAnAnswer
    if not messages.rate(conversation, message_id, feedback):
        raise NotFound("Message")
    return messages.load(replace(answer, feedback=feedback))

"""Which conversation is meant, by any of the names that surfaces have for one."""

from dataclasses import dataclass

from reprise.chat import ids
from reprise.chat.agents import Agent
from reprise.chat.errors import NotFound, OtherEndUser
from reprise.chat.messages import Conversation


@dataclass(frozen=True)
class Thread:
    """A conversation that its client named itself; `number` is made of owner and name."""

    number: int
    name: str


@dataclass(frozen=True)
class HomeOf:
    """The conversation whose number the id of one of its messages names."""

    number: int


@dataclass(frozen=True)
class OfAgent:
    """A conversation by its id, if it is one of an agent's. Where an `end_user` is named it has to
    be theirs.
    """

    agent: Agent
    id: str
    end_user: str | None = None


# its id, its number, the client's name for it, a message of it, or its id under an agent
Where = str | int | Thread | HomeOf | OfAgent


_EARLIEST = 1 << 44  # of the numbers that were made since February 2024


def thread(owner: str, name: str) -> Where:
    """What a client's thread id means: a conversation's id or number, or a name of its own, as also
    a clock's time and small numbers are.
    """
    if ids.number_of(name) is not None:
        return name
    number = ids.parse_number(name)
    if number is not None and number >= _EARLIEST:
        return number
    return Thread(ids.hashed_number(owner, name), name)


def home_of(message_id: str) -> HomeOf:
    """Where a message is. Raises NotFound for what is no message's id."""
    number = ids.conversation_of(message_id)
    if number is None:
        raise NotFound("Message")
    return HomeOf(number)


def number_of(where: Where) -> int | None:
    match where:
        case str():
            return ids.number_of(where)
        case int():
            return where
        case Thread() | HomeOf():
            return where.number
        case OfAgent():
            return ids.number_of(where.id)


def check(where: Where, conversation: Conversation | None) -> Conversation:
    """The conversation, if it is the one that was meant. Raises NotFound, and OtherEndUser."""
    match where:
        case str() if conversation and conversation.id == where:
            return conversation
        case int() | HomeOf() if conversation:
            return conversation
        case Thread() if conversation and conversation.thread == where.name:
            return conversation
        case OfAgent(agent, id) if conversation and conversation.id == id:
            if not agent.has(conversation):
                raise NotFound("Conversation")
            if where.end_user not in (None, conversation.end_user):
                raise OtherEndUser
            return conversation
        case HomeOf():
            raise NotFound("Message")
    raise NotFound("Conversation")

"""Conversations as their owners handle them: make, find, list, rename, delete."""

from reprise.chat.errors import NotFound
from reprise.chat.ids import number_of
from reprise.chat.messages import Conversation, Lease
from reprise.engine.engine import Engine
from reprise.engine.repair import repair
from reprise.store import conversations as store
from reprise.store import messages
from reprise.store.claims import Claim, Claimed


def new_conversation(engine: Engine, owner: str, title: str | None) -> Conversation:
    """An empty one that is not stored yet."""
    number, now = engine.mint.number(), engine.now_ms()
    return Conversation(
        number=number,
        id=engine.mint.text_id(number),
        owner=owner,
        title=title,
        head=None,
        version=0,
        created=now,
        activity=now,
    )


def create(engine: Engine, owner: str, title: str, claim: Claim | None = None) -> Conversation:
    """Make an empty one, once per claim. Raises IdempotencyMismatch, and NotFound where what the
    same request made before was deleted.
    """
    try:
        if claim:
            claim.look_up()
        while True:
            conversation = new_conversation(engine, owner, title)
            if store.create(conversation, claim):
                return conversation
    except Claimed as claimed:
        return find(owner, claimed.result)[0]


def rename(engine: Engine, owner: str, conversation_id: str, title: str) -> Conversation:
    """Raises NotFound."""
    conversation, _ = find(owner, conversation_id)
    renamed = store.rename(conversation, title, engine.now_ms())
    if renamed is None:
        raise NotFound("Conversation")
    return renamed


def delete(engine: Engine, owner: str, conversation_id: str) -> None:
    """Make it unreachable at once; what runs in it ends, what crashed in it is settled first.
    Raises NotFound.
    """
    conversation, lease = find(owner, conversation_id)
    if lease and not lease.live(engine.now()):
        abandoned, _ = messages.find(owner, conversation.number, lease.generation)
        if abandoned and abandoned.state == "in-progress":
            repair(conversation, abandoned, lease, engine.now())
    if not store.delete(conversation):
        raise NotFound("Conversation")


def find(owner: str, conversation_id: str) -> tuple[Conversation, Lease | None]:
    """Raises NotFound for one that is unknown, malformed or another's."""
    number = number_of(conversation_id)
    conversation, lease = store.find(owner, number) if number is not None else (None, None)
    if conversation is None or conversation.id != conversation_id:
        raise NotFound("Conversation")
    return conversation, lease

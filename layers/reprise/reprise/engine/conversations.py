"""Conversations as their owners handle them: make, find, list, rename, delete."""

from dataclasses import dataclass

from reprise.chat.errors import NotFound
from reprise.chat.messages import NO_ADDITION, Addition, Conversation, Lease
from reprise.engine.engine import Engine
from reprise.engine.repair import repair
from reprise.engine.where import Thread, Where, check, number_of
from reprise.store import conversations as store
from reprise.store import messages
from reprise.store.claims import Claim, Claimed


@dataclass(frozen=True)
class Draft:
    """What is known of a conversation before there is one."""

    title: str | None = None
    agent: str | None = None
    end_user: str | None = None
    thread: Thread | None = None
    addition: Addition = NO_ADDITION


def new_conversation(engine: Engine, owner: str, draft: Draft) -> Conversation:
    """An empty one that is not stored yet."""
    number = draft.thread.number if draft.thread else engine.mint.number()
    now = engine.now_ms()
    return Conversation(
        number=number,
        id=engine.mint.text_id(number),
        owner=owner,
        title=draft.title,
        agent=draft.agent,
        end_user=draft.end_user,
        addition=draft.addition,
        thread=draft.thread.name if draft.thread else None,
        head=None,
        version=0,
        created=now,
        activity=now,
    )


def create(engine: Engine, owner: str, draft: Draft, claim: Claim | None = None) -> Conversation:
    """Make an empty one, once per claim. Raises IdempotencyMismatch, and NotFound where what the
    same request made before was deleted.
    """
    try:
        if claim:
            claim.look_up()
        while True:
            conversation = new_conversation(engine, owner, draft)
            if store.create(conversation, claim):
                return conversation
    except Claimed as claimed:
        return find(owner, claimed.result)[0]


def rename(engine: Engine, owner: str, where: Where, title: str) -> Conversation:
    """Raises NotFound."""
    conversation, _ = find(owner, where)
    renamed = store.rename(conversation, title, engine.now_ms())
    if renamed is None:
        raise NotFound("Conversation")
    return renamed


def switch(engine: Engine, owner: str, where: Where, model: str) -> Conversation:
    """Have another model answer in it from now on, where the surface goes by the conversation's.
    Raises Invalid for a model that is not to be had, and NotFound.
    """
    engine.models.find(model)
    conversation, _ = find(owner, where)
    switched = store.switch(conversation, model, engine.now_ms())
    if switched is None:
        raise NotFound("Conversation")
    return switched


def delete(engine: Engine, owner: str, where: Where) -> None:
    """Make it unreachable at once; what runs in it ends, what crashed in it is settled first.
    Raises NotFound.
    """
    conversation, lease = find(owner, where)
    if lease and not lease.live(engine.now()):
        abandoned, _ = messages.find(owner, conversation.number, lease.generation)
        if abandoned and abandoned.state == "in-progress":
            repair(conversation, abandoned, lease, engine.now())
    if not store.delete(conversation):
        raise NotFound("Conversation")


def find(owner: str, where: Where) -> tuple[Conversation, Lease | None]:
    """Raises NotFound for one that is unknown, malformed or another's."""
    number = number_of(where)
    conversation, lease = store.find(owner, number) if number is not None else (None, None)
    return check(where, conversation), lease

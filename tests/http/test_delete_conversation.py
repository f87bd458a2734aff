"""DELETE /v1/chat/conversations/{conversation_id}, and the worker that removes what is left."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import Any

from reprise.chat.ids import Mint, number_of
from reprise.chat.messages import Message, Text
from reprise.store import conversations, keys
from reprise.store import messages as stored_messages
from reprise.store.items import ConversationItem
from reprise.store.table import Item
from tests.api import Api, call, everything_stored
from tests.conversations import (
    CONVERSATIONS,
    UNKNOWN_ID,
    assert_not_found,
    contents,
    conversation,
    create,
    envelope,
    message,
    messages,
    send,
    stream,
)
from tests.models import FakeModels
from workers import purge_conversation


def purge(partition: str) -> None:
    """The worker, as the table's stream wakes it."""
    keys_of_item = {"pk": {"S": partition}, "sk": {"S": keys.META}}
    record: dict[str, Any] = {"eventName": "REMOVE", "dynamodb": {"Keys": keys_of_item}}
    call(purge_conversation.handler, {"Records": [record]}, None)


def owner_of(conversation_id: str) -> str:
    """The partition of the only account that has this conversation."""
    number = number_of(conversation_id)
    ending = f"#CONV#{number:016d} {keys.META}"
    found = [key for key in everything_stored() if key.endswith(ending)]
    return found[0].removesuffix(ending)


def add_messages(owner: str, conversation_id: str, count: int) -> None:
    """Make a conversation one of `count` messages, as that many turns would have."""
    number = number_of(conversation_id)
    assert number is not None
    long_ago = int((time.time() - 15 * 24 * 3600) * 1000)  # their chunks have expired
    partition, mint, last = keys.conversation(owner, number), Mint(lambda: long_ago), None
    with Item.batch_write() as batch:
        for depth in range(count):
            message_id = mint.message_id(number, last)
            role = "assistant" if depth % 2 else "user"
            text = (Text(f"message {depth}"),)
            each = Message(message_id, role, text, last, depth, b"h", "done", 0, 0)  # type: ignore[arg-type]
            batch.save(stored_messages.to_item(partition, each))
            last = message_id
    found, _ = conversations.find(owner, number)
    assert found is not None
    item: ConversationItem = conversations.to_item(replace(found, head=last, version=count))
    item.save()


def test_a_conversation_is_deleted(api: Api) -> None:
    made = create(api)

    answer = api.delete(conversation(made))

    assert answer.status == 200
    assert answer.json() == envelope(None, "Conversation deleted successfully")


def test_nothing_of_it_can_be_reached_any_more(api: Api) -> None:
    made = create(api)
    user, reply = send(api, made, "Hello")

    api.delete(conversation(made))

    for answer in (
        api.get(conversation(made)),
        api.patch(conversation(made), json={"title": "x"}),
        api.delete(conversation(made)),
        api.get(messages(made)),
        api.post(messages(made), json={"content": "x"}),
        api.post(messages(made), json={"content": "x", "role": "system"}),
        api.post(stream(made), json={"content": "x"}),
        api.post(stream(made), json={"content": "x", "role": "system"}),
    ):
        assert_not_found(answer, "Conversation")
    for each in (user, reply):
        assert_not_found(api.get(message(each["id"])), "Message")
        assert_not_found(api.delete(message(each["id"])), "Message")
    assert api.get(CONVERSATIONS).data == []


def test_others_stay_as_they_are(api: Api, models: FakeModels) -> None:
    kept, deleted = create(api), create(api)
    send(api, kept, "Hello")
    send(api, deleted, "Hello")

    api.delete(conversation(deleted))

    assert contents(api, kept) == ["Hello", "An answer."]


def test_an_unknown_one_is_not_found(api: Api) -> None:
    assert_not_found(api.delete(conversation(UNKNOWN_ID)), "Conversation")


def test_an_answer_that_is_being_made_ends_with_an_error(api: Api, models: FakeModels) -> None:
    made = create(api)
    models.enqueue(["Hel", partial(asyncio.to_thread, api.delete, conversation(made)), "lo"])

    *_, last, done = api.stream(stream(made), json={"content": "Hello"}).events()

    assert last == {"type": "error", "data": "Failed to generate AI response"}
    assert done == "[DONE]"
    assert_not_found(api.get(conversation(made)), "Conversation")


def test_the_worker_leaves_nothing_of_it(api: Api) -> None:
    send(api, create(api), "Hello")
    before = everything_stored()
    made = create(api)
    owner = owner_of(made)
    send(api, made, "Hello")
    send(api, made, "x" * 300_000)  # lies in the bucket

    api.delete(conversation(made))
    purge(keys.conversation(owner, number_of(made) or 0))

    assert everything_stored() == before


def test_the_worker_leaves_other_conversations_alone(api: Api, models: FakeModels) -> None:
    kept, deleted = create(api), create(api)
    send(api, kept, "y" * 300_000)
    owner = owner_of(deleted)

    api.delete(conversation(deleted))
    purge(keys.conversation(owner, number_of(deleted) or 0))

    assert contents(api, kept) == ["y" * 300_000, "An answer."]


def test_a_conversation_of_5000_messages_is_deleted_to_the_last(api: Api) -> None:
    before = everything_stored()
    made = create(api)
    owner = owner_of(made)
    add_messages(owner, made, 5_000)
    assert len(api.get(messages(made)).data) == 5_000

    answer = api.delete(conversation(made))
    purge(keys.conversation(owner, number_of(made) or 0))

    assert answer.status == 200
    assert everything_stored() == before

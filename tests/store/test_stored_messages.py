"""Messages come back as they were stored, however large, and are found in one round trip."""

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprise.chat.ids import EPOCH_MS
from reprise.chat.messages import Hold, Message, Text, ToolCall, ToolResult, Usage
from reprise.store import bodies, conversations, generations, keys, messages
from reprise.store.items import ConversationItem, LeaseItem, MessageItem
from reprise.store.table import Item, get
from tests.api import aws_client
from tests.capacity import measured
from tests.chat.strategies import milliseconds, numbers, parts
from tests.faults import EVERY, Fault, answering, faults
from tests.store.scribe import EXPIRES, OTHER, OWNER, Scribe, found, put_all
from tests.store.scribe import message as stored_message

# As items


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    scribe = Scribe(draw(st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 10_000)))
    conversation = scribe.conversation(number=draw(numbers))
    maybe_text = st.none() | st.text(min_size=1, max_size=20)
    parent = scribe.message(conversation)
    made = scribe.message(
        conversation,
        parent if draw(st.booleans()) else None,
        role=draw(st.sampled_from(["system", "user", "assistant"])),
    )
    tokens = st.integers(0, 10**7)
    reasons = ["stop", "length", "tool-calls", "stopped", "deadline", "error"]
    return replace(
        made,
        parts=tuple(draw(st.lists(parts, max_size=4))),
        path=draw(st.binary(min_size=16, max_size=16) | st.just(b"")),
        state=draw(st.sampled_from(["in-progress", "done", "stopped", "error"])),
        updated=draw(milliseconds),
        model=draw(maybe_text),
        finish_reason=draw(st.none() | st.sampled_from(reasons)),
        usage=draw(st.none() | st.builds(Usage, tokens, tokens, st.booleans())),
        hidden=draw(st.booleans()),
        before=parent.id if draw(st.booleans()) else None,
        begun=draw(st.sampled_from([None, "start", "send", "redo"])),
        events=draw(st.none() | st.integers(0, 10**6)),
        hold=draw(st.none() | st.builds(Hold, st.just(OTHER), st.none() | st.integers(0, 1000))),
    )


@given(any_message())
def test_a_message_is_read_back_from_its_item(message: Message) -> None:
    item = messages.to_item("partition", message)

    assert messages.from_item(item) == message


@pytest.mark.usefixtures("aws")
@settings(settings.get_profile("store"))
@given(made=any_message())
def test_a_message_is_read_back_from_the_table(made: Message) -> None:
    item = messages.to_item("partition", made)
    item.save()

    back = get(MessageItem, "partition", keys.message(made.id))

    assert back
    assert messages.load(messages.from_item(back)) == made


def test_tool_calls_and_their_results_are_kept_in_order(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    said = (
        Text("One moment."),
        ToolCall("call-1", "search", {"query": "tides", "filters": [{"year": 2024}, None]}),
        ToolResult("call-1", "search", "no such index", failed=True),
        Text("I could not find out."),
    )
    generations.end(conversation, scribe.finished(placeholder, *said))

    back = stored_message(conversation, placeholder.id)

    assert back
    assert back.parts == said


@pytest.mark.parametrize(
    "text", ["\0", "\u2028", "👨‍👩‍👧", "\ufeff", "e\u0301", "\U0010ffff", '"\\', " "]
)
def test_every_character_comes_back(scribe: Scribe, text: str) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored(), text=text)

    back = stored_message(conversation, question.id)

    assert back
    assert back.text == text


# Large bodies


def body_of(size: int, *, of: str = "x") -> str:
    """A text of so many bytes."""
    text = of * (size // len(of.encode()))
    return text + "x" * (size - len(text.encode()))


def objects() -> list[str]:
    """Keys of all that lies in the bucket."""
    listed = aws_client("s3").list_objects_v2(Bucket=os.environ["BUCKET_NAME"])
    return [entry["Key"] for entry in listed.get("Contents", ())]


def test_a_body_of_200_kb_stays_in_the_table(scribe: Scribe) -> None:
    text = body_of(bodies.LIMIT)

    conversation, question, _ = scribe.exchange(scribe.stored(), text=text)

    back = stored_message(conversation, question.id)
    assert back
    assert (back.text, back.blob) == (text, None)


def test_a_larger_body_goes_to_the_bucket_and_leaves_a_preview(scribe: Scribe) -> None:
    text = "Once upon a time. " + body_of(bodies.LIMIT)
    conversation, placeholder = scribe.begun(scribe.stored())

    generations.end(conversation, scribe.finished(placeholder, text))

    back = stored_message(conversation, placeholder.id)
    assert back
    assert back.text == text[: bodies.PREVIEW]
    assert objects() == [back.blob]
    assert messages.load(back).text == text


def test_what_counts_is_bytes(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    text = body_of(bodies.LIMIT + 3, of="日")
    assert len(text) < bodies.LIMIT / 2

    generations.end(conversation, scribe.finished(placeholder, text))

    back = stored_message(conversation, placeholder.id)
    assert back
    assert back.blob
    assert messages.load(back).text == text


def test_a_large_message_comes_back_with_all_its_parts(scribe: Scribe) -> None:
    conversation, placeholder = scribe.begun(scribe.stored())
    pages = ["y" * 1000] * 250
    said = (Text("See:"), ToolResult("1", "search", pages), Text("👍" * 100_000))
    answer = scribe.finished(placeholder, *said, usage=Usage(3, 4), model="fast")

    generations.end(conversation, answer)

    back = stored_message(conversation, placeholder.id)
    assert back
    assert messages.load(back) == answer


def test_the_longest_message_that_any_surface_takes_is_stored(scribe: Scribe) -> None:
    text = "\U0001f44d" * 1_000_000

    conversation, question, answer = scribe.exchange(scribe.stored(), text=text)

    for message_id, expected in ((question.id, text), (answer.id, f"You said: {text}")):
        back = stored_message(conversation, message_id)
        assert back
        assert messages.load(back).text == expected


def test_a_small_message_is_loaded_without_a_call(scribe: Scribe) -> None:
    message = scribe.message(scribe.conversation())

    with measured(units=False) as cost:
        assert messages.load(message) is message

    assert cost.calls == []


def test_storing_a_message_that_was_not_loaded_keeps_its_body(scribe: Scribe) -> None:
    text = body_of(bodies.LIMIT + 1)
    conversation, question, _ = scribe.exchange(scribe.stored(), text=text)
    not_loaded = stored_message(conversation, question.id)
    assert not_loaded

    put_all(conversation, [replace(not_loaded, hidden=True)])

    back = stored_message(conversation, question.id)
    assert back
    assert messages.load(back).text == text


# latest


def test_the_latest_messages_come_with_conversation_and_lease_in_one_query(scribe: Scribe) -> None:
    conversation, question, answer = scribe.exchange(scribe.stored())
    conversation, running = scribe.begun(conversation, answer)

    with measured() as cost:
        latest = found(conversation)

    assert cost.operations == ["Query"]
    assert latest.conversation == conversation
    assert latest.lease
    assert latest.lease.generation == running.id
    assert latest.messages.keys() == {question.id, answer.id, running.parent, running.id}
    assert latest.messages[answer.id] == answer


def test_the_latest_messages_are_consistent_reads(scribe: Scribe) -> None:
    conversation, _ = scribe.begun(scribe.stored())

    with measured(units=False) as cost:
        found(conversation)

    assert [timed.call.request["ConsistentRead"] for timed in cost.calls] == [True]


@pytest.mark.parametrize("length", [2, 200])
def test_reading_the_latest_messages_costs_the_same_in_a_long_conversation(
    scribe: Scribe, length: int
) -> None:
    conversation, branch = scribe.filled(length)

    with measured() as cost:
        latest = found(conversation)

    assert latest.messages.keys() == {message.id for message in branch[-23:]}
    assert cost.read_units <= 3


def test_of_an_empty_conversation_there_are_no_messages(scribe: Scribe) -> None:
    conversation = scribe.stored()

    latest = found(conversation)

    assert (latest.conversation, latest.lease, latest.messages) == (conversation, None, {})


def test_of_an_unknown_conversation_there_is_nothing(scribe: Scribe) -> None:
    conversation = scribe.stored()

    latest = messages.latest(OTHER, conversation.number)

    assert (latest.conversation, latest.lease, latest.messages) == (None, None, {})


def without(*unseen: str) -> Any:
    """A Query's answer as it is before the whole of a transaction has come to light."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        seen = [item for item in answer["Items"] if item["sk"]["S"] not in unseen]
        return answer | {"Items": seen}

    return answering(change)


def test_where_the_head_is_not_visible_yet_it_is_read_again(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("Query", without(keys.message(answer.id)))) as struck:
        latest = found(conversation)

    assert struck
    assert answer.id in latest.messages


def test_a_head_that_does_not_come_to_light_is_not_waited_for_without_end(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())

    with faults(Fault("Query", without(keys.message(answer.id)), on=EVERY)) as struck:
        latest = found(conversation)

    assert len(struck) == 3
    assert latest.conversation == conversation


def test_a_head_beyond_the_first_page_is_no_reason_to_read_again(scribe: Scribe) -> None:
    conversation, branch = scribe.filled(60)
    moved = replace(conversation, head=branch[9].id)
    conversations.to_item(moved).save()

    with measured(units=False) as cost:
        latest = found(conversation)

    assert cost.operations == ["Query"]
    assert latest.conversation == moved
    assert branch[9].id not in latest.messages


# find


def test_a_message_is_found_with_conversation_and_lease_in_one_round_trip(scribe: Scribe) -> None:
    conversation, _, answer = scribe.exchange(scribe.stored())
    conversation, running = scribe.begun(conversation, answer)

    with measured(units=False) as cost:
        message, latest = messages.find(OWNER, conversation.number, answer.id)

    assert cost.operations == ["BatchGetItem"]
    assert message == answer
    assert latest.conversation == conversation
    assert latest.lease
    assert latest.lease.generation == running.id


def test_anothers_message_is_not_found(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())

    assert messages.find(OTHER, conversation.number, question.id)[0] is None


def test_a_message_that_never_was_is_not_found(scribe: Scribe) -> None:
    conversation = scribe.stored()
    never = scribe.mint.message_id(conversation.number)

    message, latest = messages.find(OWNER, conversation.number, never)

    assert message is None
    assert latest.conversation == conversation


def test_a_message_of_a_deleted_conversation_comes_without_it(scribe: Scribe) -> None:
    conversation, question, _ = scribe.exchange(scribe.stored())
    conversations.delete(conversation)

    message, latest = messages.find(OWNER, conversation.number, question.id)

    assert message == question  # purge has not come by
    assert latest.conversation is None


# Items


def test_no_kind_of_item_is_taken_for_another(scribe: Scribe) -> None:
    conversation, answer = scribe.begun(scribe.stored())
    partition = keys.conversation(OWNER, conversation.number)

    kinds = {
        sort: type(get(Item, partition, sort))
        for sort in (keys.META, keys.LEASE, keys.message(answer.id))
    }

    assert list(kinds.values()) == [ConversationItem, LeaseItem, MessageItem]


def test_a_lease_is_dropped_by_the_table_an_hour_after_its_expiry(scribe: Scribe) -> None:
    conversation, _ = scribe.begun(scribe.stored())

    lease = get(LeaseItem, keys.conversation(OWNER, conversation.number), keys.LEASE)

    assert lease
    assert lease.ttl == int(EXPIRES) + 3600

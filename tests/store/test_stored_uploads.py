"""Files of conversations as items: counted once, found in their conversation only, purged with
it.
"""

from dataclasses import replace

import pytest

from reprise.chat.ids import Mint, made_at
from reprise.chat.messages import Conversation
from reprise.store import conversations, keys, uploads
from reprise.store.items import UploadItem
from reprise.store.uploads import Upload
from tests.api import everything_stored
from tests.faults import Fault, faults, lost_answer
from tests.store.scribe import Scribe, read, sort_keys

TEXT = ("One", "Two")


@pytest.fixture
def room(scribe: Scribe) -> Conversation:
    return scribe.stored()


def upload(scribe: Scribe, **changes: object) -> Upload:
    """One that is ready, made now."""
    number = Mint(lambda: scribe.now_ms).number()
    made = Upload(number, "a.pdf", 1000, scribe.now_ms, "ready", 2, 90, TEXT)
    return replace(made, **changes)  # type: ignore[arg-type]


def pending(scribe: Scribe) -> Upload:
    return upload(scribe, status="pending", pages=0, tokens=0, text=None)


def found(room: Conversation, number: int) -> Upload | None:
    return uploads.find(room.owner, room.number, number)[1]


def counted(room: Conversation) -> int:
    now = read(room)
    assert now
    return now.uploads


@pytest.mark.parametrize("make", [upload, pending])
def test_one_is_found_as_it_was_stored(scribe: Scribe, room: Conversation, make: object) -> None:
    made = make(scribe)  # type: ignore[operator]

    assert uploads.add(room, made)

    assert found(room, made.number) == made
    assert counted(room) == (made.status == "ready")
    assert uploads.ready(room) == ([made] if made.status == "ready" else [])


def test_it_lies_where_the_design_says(scribe: Scribe, room: Conversation) -> None:
    made = upload(scribe)
    uploads.add(room, made)

    assert f"F#{made.number:016d}" in sort_keys(keys.conversation(room.owner, room.number))


def test_none_is_stored_where_the_conversation_is_gone(scribe: Scribe, room: Conversation) -> None:
    conversations.delete(room)

    for made in (upload(scribe), pending(scribe)):
        assert not uploads.add(room, made)
        assert found(room, made.number) is None


def test_a_lost_answer_is_no_second_file(scribe: Scribe, room: Conversation) -> None:
    made = upload(scribe)

    with faults(Fault("TransactWriteItems", lost_answer)):
        assert uploads.add(room, made)

    assert counted(room) == 1


def test_what_was_pending_becomes_ready_once(scribe: Scribe, room: Conversation) -> None:
    made = pending(scribe)
    uploads.add(room, made)
    done = replace(made, status="ready", pages=2, tokens=90, text=TEXT)

    assert uploads.become_ready(room, done)

    assert found(room, made.number) == done
    assert counted(room) == 1
    assert not uploads.become_ready(room, replace(done, pages=3))
    assert not uploads.fail(room, made.number, "no")
    assert (found(room, made.number), counted(room)) == (done, 1)
    item = UploadItem.get(keys.conversation(room.owner, room.number), keys.upload(made.number))
    assert item.ttl is None


def test_or_fails_once(scribe: Scribe, room: Conversation) -> None:
    made = pending(scribe)
    uploads.add(room, made)

    assert uploads.fail(room, made.number, "is damaged")

    assert found(room, made.number) == replace(made, status="failed", problem="is damaged")
    assert not uploads.become_ready(room, replace(made, status="ready"))
    assert counted(room) == 0


def test_what_nobody_uploads_expires(scribe: Scribe, room: Conversation) -> None:
    made = pending(scribe)
    uploads.add(room, made)

    item = UploadItem.get(keys.conversation(room.owner, room.number), keys.upload(made.number))
    assert item.ttl == made.created // 1000 + 24 * 3600


def test_a_generation_does_not_mind_a_new_file(scribe: Scribe, room: Conversation) -> None:
    """It is told the conversation's version, which a file leaves as it is."""
    uploads.add(room, upload(scribe))

    _, _, answer = scribe.exchange(room)

    assert answer.state == "done"
    assert counted(room) == 1


def put(room: Conversation, made: Upload) -> None:
    uploads.add(room, made)
    uploads.put_files(room, made.number, b"%PDF", TEXT, b"index")


def test_it_goes_with_its_conversation(scribe: Scribe, room: Conversation) -> None:
    put(room, upload(scribe))
    conversations.delete(room)

    conversations.purge(keys.conversation(room.owner, room.number), scribe.now_ms + 1)

    assert everything_stored() == {}


def test_a_successors_stays(scribe: Scribe, room: Conversation) -> None:
    old = upload(scribe)
    put(room, old)
    conversations.delete(room)
    again = replace(scribe.conversation("Again"), number=room.number)
    assert conversations.create(again)
    new = upload(scribe)
    put(again, new)
    assert uploads.ready(again) == [new]  # the old one is there, too
    assert found(again, old.number) is None

    conversations.purge(keys.conversation(room.owner, room.number), scribe.now_ms + 1)

    assert found(again, new.number) == new
    names = [name for name in everything_stored() if name.startswith("bodies/")]
    assert len(names) == 3
    assert all(f"{new.number:016d}" in name for name in names)


def test_one_that_is_ahead_of_the_clock_waits_for_its_time(
    scribe: Scribe, room: Conversation
) -> None:
    made = upload(scribe)
    put(room, made)
    conversations.delete(room)
    partition = keys.conversation(room.owner, room.number)

    first = conversations.purge(partition, made_at(made.number))

    assert first.ahead == 1
    conversations.purge(partition, made_at(made.number) + first.ahead)
    assert everything_stored() == {}

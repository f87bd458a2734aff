"""POST /api/chat/sessions/{session_id}/uploads, and the worker that takes over what comes of it."""

import base64
import json
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from reprise.chat.ids import number_of
from reprise.engine import uploads as engine_uploads
from reprise.knowledge import pdf
from reprise.store import uploads as store
from tests.api import Api, aws_client, call, everything_stored
from tests.calls import Call, intercept
from tests.conversations import conversation, create
from tests.faults import ANY, Fault, Killed, Kind, faults, from_there, killed, killed_after
from tests.http.uploads.hostile import HOSTILE
from tests.knowledge.pdfs import document
from tests.uploads import (
    HELLO,
    LIMIT,
    UNKNOWN,
    deliver,
    offer,
    put,
    sent,
    session,
    state,
    uploads,
)
from workers import extract_upload

BUCKET = "reprise-bodies"


def event(key: str, size: int) -> dict[str, Any]:
    """As much of S3's as the worker looks at."""
    return {"detail": {"object": {"key": key, "size": size}}}


def test_it_is_a_form_for_one_object_of_one_type_and_size(api: Api) -> None:
    number = session(api)

    answer = api.post(uploads(number), json={"filename": "a.pdf", "size": 9_000_000})

    told = answer.json()
    fields = told["upload"]["fields"]
    policy = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    assert answer.status == 201
    assert told.keys() == {"id", "upload"}
    assert told["upload"]["url"] == f"https://{BUCKET}.s3.amazonaws.com/"
    assert fields["key"].startswith("uploads/pending/")
    assert fields["key"].endswith(f"/{told['id']:016d}")
    assert fields["Content-Type"] == "application/pdf"
    assert {"key": fields["key"]} in policy
    assert {"bucket": BUCKET} in policy
    assert {"Content-Type": "application/pdf"} in policy
    assert ["content-length-range", 1, LIMIT] in policy


def test_it_is_good_for_five_minutes(api: Api) -> None:
    fields = offer(api, session(api))["upload"]["fields"]

    expires = json.loads(base64.b64decode(fields["policy"]))["expiration"]
    begun = fields["x-amz-date"]
    minutes = [int(text) for text in (begun[11:13], expires[14:16])]
    assert (minutes[1] - minutes[0]) % 60 in (5, 6)  # it may cross a second


def test_what_is_put_there_is_read_and_told_as_by_the_first_way(api: Api) -> None:
    number = session(api)
    offered = offer(api, number, "notes.pdf", 1)
    assert state(api, number, offered["id"]) == {"id": offered["id"], "status": "pending"}

    put(offered)
    (key,) = deliver()

    at_once = sent(api, number, name="notes.pdf")
    assert state(api, number, offered["id"]) == {
        "id": offered["id"],
        "status": "ready",
        "file": at_once | {"id": offered["id"]},
    }
    assert key not in everything_stored()
    (original,) = (
        each for each in everything_stored() if each.endswith(f"{offered['id']:016d}/original")
    )
    kept = aws_client("s3").get_object(Bucket=BUCKET, Key=original)
    assert kept["Body"].read() == HELLO


def test_it_is_larger_than_a_request_could_be(api: Api) -> None:
    number = session(api)
    offered = offer(api, number)

    put(offered, HELLO + bytes(LIMIT - len(HELLO)))
    deliver()

    assert state(api, number, offered["id"])["file"]["file_size"] == LIMIT


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"PK", "Only PDF files are supported"),
        (b"%PDF-1.7\ngarbage " * 99, "The file is damaged"),
        (HELLO + bytes(LIMIT), "The file has more than 10,485,760 bytes"),
        (HOSTILE["unfolds"](), "The file needs too much memory to be read"),
        (
            HOSTILE["has 100,000 pages"](),
            "The file has more than 2,000 pages",
        ),
    ],
    ids=["zip", "garbage", "too large", "unfolds", "pages"],
)
def test_what_cannot_be_read_failed_with_the_reason(api: Api, data: bytes, detail: str) -> None:
    number = session(api)
    offered = offer(api, number)

    put(offered, data)
    deliver()

    told = state(api, number, offered["id"])
    assert told == {"id": offered["id"], "status": "failed", "detail": detail}
    assert not [key for key in everything_stored() if "original" in key or "pending/" in key]
    second = offer(api, number)
    put(second)
    deliver()
    assert state(api, number, second["id"])["status"] == "ready"


def test_one_that_nobody_uploaded_failed_after_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_uploads, "READ_WITHIN", -1)
    number = session(api)
    offered = offer(api, number)

    assert state(api, number, offered["id"]) == {
        "id": offered["id"],
        "status": "failed",
        "detail": "The file was not uploaded and read in time",
    }


def test_it_stays_so_though_a_worker_comes_after_all(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones may have died, and S3's event is kept for hours."""
    number = session(api)
    offered = offer(api, number)
    put(offered)
    with monkeypatch.context() as later:
        later.setattr(engine_uploads, "READ_WITHIN", -1)
        told = state(api, number, offered["id"])
        deliver()

    assert told["status"] == "failed"
    assert state(api, number, offered["id"]) == told
    assert not [name for name in everything_stored() if name.startswith(("bodies/", "uploads/"))]


def test_the_worker_may_be_woken_twice(api: Api) -> None:
    number = session(api)
    offered = offer(api, number)
    put(offered)
    (key,) = deliver()
    before = everything_stored()

    call(extract_upload.handler, event(key, len(HELLO)), None)

    assert everything_stored() == before


@pytest.mark.parametrize("kind", [killed, killed_after])
def test_wherever_a_worker_dies_the_next_one_ends_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(pdf, "extract", lambda data: pdf.Extracted(("Hello",)))
    number = session(api)
    for file in count(1):  # and its call that is the last
        offered = offer(api, number)
        put(offered)
        woken = event(offered["upload"]["fields"]["key"], len(HELLO))
        with faults(from_there(Fault(ANY, kind, file))) as struck, suppress(Killed):
            call(extract_upload.handler, woken, None)
        call(extract_upload.handler, woken, None)

        assert state(api, number, offered["id"])["status"] == "ready"
        stored = everything_stored()
        assert not [name for name in stored if name.startswith("uploads/")]
        assert len([name for name in stored if name.endswith("/original")]) == file
        (meta,) = (item for name, item in stored.items() if name.endswith(" META"))
        assert meta["uploads"] == {"N": str(file)}
        if not struck:
            break
    assert file > 5  # it makes so many calls


def test_two_workers_at_once_make_one_file(api: Api) -> None:
    """The other one is through when this one is about to store what it read."""
    number = session(api)
    offered = offer(api, number)
    put(offered)
    key = offered["upload"]["fields"]["key"]
    overtaken: list[str] = []

    def handle(made: Call) -> Any:
        if made.operation == "TransactWriteItems" and not overtaken:
            overtaken.append(key)
            call(extract_upload.handler, event(key, len(HELLO)), None)
        return made.proceed()

    with intercept(handle):
        call(extract_upload.handler, event(key, len(HELLO)), None)

    assert overtaken
    assert state(api, number, offered["id"])["file"]["extracted_text"].startswith("Hello")
    metas = [item for name, item in everything_stored().items() if name.endswith(" META")]
    assert [meta["uploads"] for meta in metas] == [{"N": "1"}]


@pytest.mark.parametrize("when", ["before it is put there", "while it is read"])
def test_nothing_is_left_of_a_file_whose_session_is_deleted(api: Api, when: str) -> None:
    made = create(api)
    offered = offer(api, number_of(made))
    put(offered)
    key, gone = offered["upload"]["fields"]["key"], False

    def handle(called: Call) -> Any:
        nonlocal gone
        if called.operation == "TransactWriteItems" and not gone:
            gone = True
            api.delete(conversation(made))
        return called.proceed()

    if when == "before it is put there":
        api.delete(conversation(made))
        call(extract_upload.handler, event(key, len(HELLO)), None)
    else:
        with intercept(handle):
            call(extract_upload.handler, event(key, len(HELLO)), None)

    assert not [name for name in everything_stored() if name.startswith(("bodies/", "uploads/"))]


def test_it_fails_where_the_session_has_become_full(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST", 1)
    number = session(api)
    first, second = offer(api, number), offer(api, number)
    put(first)
    deliver()
    put(second)
    deliver()

    assert state(api, number, second["id"])["status"] == "failed"
    answer = api.post(uploads(number), json={"filename": "a.pdf", "size": 1})
    assert answer.status == 400


def test_or_becomes_so_while_it_is_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 1)
    number = session(api)
    offered = offer(api, number)
    put(offered)
    others: list[Any] = []

    def handle(made: Call) -> Any:
        if made.operation == "TransactWriteItems" and not others:
            others.append(None)  # which is not stopped itself
            others[0] = sent(api, number)
        return made.proceed()

    with intercept(handle):
        deliver()

    told = state(api, number, offered["id"])
    assert (told["status"], told["detail"][:28]) == ("failed", "The chat session has 1 files")
    (original,) = (key for key in everything_stored() if key.endswith("/original"))
    assert original.endswith(f"{others[0]['id']:016d}/original")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (
            {"filename": "a.pdf", "size": LIMIT + 1},
            400,
            "The file has more than 10,485,760 bytes",
        ),
        (
            {"filename": "a.pdf", "size": 0},
            422,
            "size: Input should be greater than or equal to 1",
        ),
        ({"filename": "a.pdf", "size": "1"}, 422, "size: Input should be a valid integer"),
        ({"filename": "a.pdf", "size": 1.5}, 422, None),
        ({"filename": "a.pdf", "size": True}, 422, "size: Input should be a valid integer"),
        ({"filename": "a.pdf"}, 422, "size: Field required"),
        ({"size": 1}, 422, "filename: Field required"),
        ({"filename": "", "size": 1}, 422, "filename: String should have at least 1 character"),
        (
            {"filename": "\u200b", "size": 1},
            422,
            "filename: must have a character that can be read",
        ),
        (
            [],
            422,
            "body: must be a JSON object, sent with Content-Type: application/json",
        ),
    ],
)
def test_what_is_no_offer_is_refused(api: Api, body: Any, status: int, detail: str | None) -> None:
    number = session(api)
    before = everything_stored()

    answer = api.post(uploads(number), json=body)

    assert answer.status == status
    told = answer.json()
    assert told.keys() == {"detail"}
    assert isinstance(told["detail"], str)
    assert detail is None or told["detail"] == detail
    assert everything_stored() == before


@pytest.mark.parametrize("number", [UNKNOWN, "nonsense", 0])
def test_an_unknown_session_is_not_found(api: Api, number: object) -> None:
    answer = api.post(uploads(number), json={"filename": "a.pdf", "size": 1})

    assert (answer.status, answer.json()) == (404, {"detail": "Chat session not found"})


def test_neither_is_another_s(api: Api, stranger: Api) -> None:
    answer = stranger.post(uploads(session(api)), json={"filename": "a.pdf", "size": 1})

    assert (answer.status, answer.json()) == (404, {"detail": "Chat session not found"})


def test_the_same_request_under_one_key_is_one_offer(api: Api) -> None:
    number, key = session(api), {"Idempotency-Key": "once"}
    body = {"filename": "a.pdf", "size": 1}
    first = api.post(uploads(number), json=body, headers=key)
    before = everything_stored()

    again = api.post(uploads(number), json=body, headers=key)

    assert again.status == 201
    assert again.json()["id"] == first.json()["id"]
    assert everything_stored() == before
    other = api.post(uploads(number), json=body | {"size": 2}, headers=key)
    assert other.status == 422


def test_a_name_may_be_of_any_script(api: Api) -> None:
    number = session(api)
    offered = offer(api, number, "résumé 履歴書.pdf")
    put(offered, document("About me"))
    deliver()

    assert state(api, number, offered["id"])["file"]["filename"] == "résumé 履歴書.pdf"

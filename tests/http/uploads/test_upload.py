"""POST /api/chat/sessions/{session_id}/upload."""

from dataclasses import replace
from typing import Any

import pytest

from reprise.chat.ids import number_of
from reprise.knowledge import limits, pdf
from reprise.store import uploads as store
from tests.api import Api, aws_client, everything_stored
from tests.calls import Call, intercept
from tests.conversations import conversation
from tests.http.uploads.hostile import HOSTILE
from tests.knowledge.pdfs import Pdf, document, encrypted
from tests.uploads import HELLO, LIMIT, UNKNOWN, file, form, send, sent, session, upload

BUCKET = "reprise-bodies"
FULL = {"detail": "The chat session has 1 files, which is as many as it may"}


def test_a_pdf_is_told_as_the_seed_has_it(api: Api) -> None:
    answer = send(api, session(api))

    told = answer.json()
    number = told["file"]["id"]
    assert answer.status == 200
    assert isinstance(number, int)
    assert told == {
        "file": {
            "id": number,
            "filename": "document.pdf",
            "file_size": len(HELLO),
            "mime_type": "application/pdf",
            "extracted_text": "Hello from page one\n\nAnd from page two",
            "metadata": {"page_count": 2},
        },
        "message": "File uploaded successfully",
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_original_is_kept_as_it_came(api: Api) -> None:
    before = everything_stored().keys()
    sent(api, session(api))

    (original,) = (key for key in everything_stored().keys() - before if key.endswith("/original"))
    kept = aws_client("s3").get_object(Bucket=BUCKET, Key=original)
    assert kept["Body"].read() == HELLO
    assert kept["ContentType"] == "application/pdf"


def test_a_long_text_lies_in_the_bucket_with_its_index(api: Api) -> None:
    pages = [f"Page {number}\n" + "\n".join(["words and words"] * 60) for number in range(100)]

    told = sent(api, session(api), document(*pages))

    assert told["extracted_text"].count("words and words") == 6000
    assert told["metadata"] == {"page_count": 100}
    names = {key.rpartition("/")[2] for key in everything_stored() if f"{told['id']:016d}/" in key}
    assert names == {"original", "text", "index"}


def test_what_it_is_decides_not_what_it_is_called(api: Api) -> None:
    assert sent(api, session(api), HELLO, "notes.txt")["filename"] == "notes.txt"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Übergröße 日本.pdf", "Übergröße 日本.pdf"),
        ("a b;c.pdf", "a b;c.pdf"),
        ("x" * 300 + ".pdf", "x" * 255),
        ("../../etc/passwd", "../../etc/passwd"),  # a name, and never a path
    ],
)
def test_names_are_kept_but_for_what_cannot_be_read(api: Api, name: str, kept: str) -> None:
    assert sent(api, session(api), name=name)["filename"] == kept


def test_other_fields_do_not_matter(api: Api) -> None:
    request = form([file(HELLO), file(b"x", "a.txt", "other")], note="mine")

    assert api.post(upload(session(api)), **request).status == 200


def test_a_file_as_large_as_a_request_can_carry_is_read(api: Api) -> None:
    made = Pdf().page("Far down")
    made.stream(b"x" * 4_000_000)

    assert sent(api, session(api), made.bytes())["extracted_text"] == "Far down"


@pytest.mark.parametrize(
    ("data", "status", "detail"),
    [
        (b"Hello", 400, "Only PDF files are supported"),
        (b"PK\3\4 a.pdf", 400, "Only PDF files are supported"),
        (b"", 400, "The file is empty"),
        (b"%PDF-1.7\ngarbage " * 99, 400, "The file is damaged"),
        (HELLO[: len(HELLO) // 3], 400, "The file is damaged"),
        (HELLO + b"\0" * (LIMIT + 1 - len(HELLO)), 400, "The file has more than 10,485,760 bytes"),
        (
            Pdf().image_page().bytes(),
            400,
            "The file has no text: what is only in images cannot be read",
        ),
        (Pdf().bytes(), 400, "The file is empty"),
        (
            encrypted(HELLO, user_password="secret"),
            400,
            "The file is encrypted, and cannot be read without its password",
        ),
    ],
    ids=["text", "zip", "nothing", "garbage", "cut", "10 MB + 1", "image", "no pages", "encrypted"],
)
def test_what_cannot_be_read_is_refused_and_nothing_kept(
    api: Api, data: bytes, status: int, detail: str
) -> None:
    number = session(api)
    before = everything_stored()

    answer = send(api, number, data)

    assert (answer.status, answer.json()) == (status, {"detail": detail})
    assert everything_stored() == before


@pytest.mark.parametrize("name", HOSTILE)
def test_what_means_harm_is_refused_and_the_next_is_served(api: Api, name: str) -> None:
    number = session(api)
    before = everything_stored()

    answer = send(api, number, HOSTILE[name]())

    assert answer.status == 400, answer.text
    assert answer.json()["detail"].startswith("The file ")
    assert everything_stored() == before
    assert sent(api, number)["metadata"] == {"page_count": 2}


def test_what_takes_too_long_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    in_no_time = replace(limits.UPLOAD, seconds=0.001)
    extract = pdf.extract
    monkeypatch.setattr(pdf, "extract", lambda data: extract(data, in_no_time))

    answer = send(api, session(api))

    assert answer.status == 400
    assert answer.json() == {"detail": "The file takes longer than 0.001 seconds to be read"}


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        (form([], note="x"), "body: must be multipart/form-data, with its boundary"),
        (form([file(HELLO, field="document")]), "file: Field required"),
        (form([file(HELLO), file(HELLO)]), "file: must be one file only"),
        (
            {"body": HELLO, "headers": {"Content-Type": "application/pdf"}},
            "body: must be multipart/form-data, with its boundary",
        ),
        ({"json": {"file": "x"}}, "body: must be multipart/form-data, with its boundary"),
        ({}, "body: must be multipart/form-data, with its boundary"),
        (
            {"body": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            "body: must be multipart/form-data, with its boundary",
        ),
        (
            {"body": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            "body: is not a whole form of a few fields",
        ),
        (
            {
                "body": b"--b\r\n" * 500,
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            "body: is not a whole form of a few fields",
        ),
        (
            {
                "body": b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--',
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            "file: must be a file, sent with its name",
        ),
        (
            {
                "body": b"--b--\r\n",
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            "file: Field required",
        ),
        (form([file(HELLO, "\u200b\u200b")]), "filename: must have a character that can be read"),
    ],
)
def test_a_form_that_is_none_is_refused(api: Api, request_: dict[str, object], detail: str) -> None:
    number = session(api)
    before = everything_stored()

    answer = api.post(upload(number), **request_)

    assert (answer.status, answer.json()) == (422, {"detail": detail})
    assert everything_stored() == before


@pytest.mark.parametrize("number", [UNKNOWN, 1, 0, "nonsense", "1e3", "9" * 40, "-1"])
def test_an_unknown_session_is_not_found_whatever_was_sent(api: Api, number: object) -> None:
    for request in (form([file(HELLO)]), form([file(b"no PDF")]), {}):
        answer = api.post(upload(number), **request)

        assert (answer.status, answer.json()) == (404, {"detail": "Chat session not found"})


def test_neither_is_another_s_nor_a_deleted_one(api: Api, stranger: Api) -> None:
    number = session(api)
    assert send(stranger, number).status == 404
    made = api.post("/v1/chat/conversations").data["id"]
    api.delete(conversation(made))

    assert send(api, number_of(made)).status == 404


def test_who_has_no_key_is_told_so_first() -> None:
    answer = Api.anonymous().post(upload(1))

    assert answer.status == 401
    assert answer.json() == {"detail": "Invalid or missing authentication token"}


def test_a_session_takes_so_many_files(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 1)
    number = session(api)
    sent(api, number)

    answer = send(api, number)

    assert (answer.status, answer.json()) == (400, FULL)


def test_nor_more_of_those_that_come_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is through when this one is about to be stored."""
    monkeypatch.setattr(store, "MOST", 1)
    number = session(api)
    others: list[Any] = []

    def handle(made: Call) -> Any:
        if made.operation == "TransactWriteItems" and not others:
            others.append(None)  # which is not stopped itself
            others[0] = sent(api, number)
        return made.proceed()

    with intercept(handle):
        answer = send(api, number)

    assert (answer.status, answer.json()) == (400, FULL)
    (original,) = (key for key in everything_stored() if key.endswith("/original"))
    assert original.endswith(f"{others[0]['id']:016d}/original")


def test_the_same_request_under_one_key_is_one_file(api: Api) -> None:
    number, key = session(api), {"Idempotency-Key": "once"}
    request = form([file(HELLO)])
    request["headers"] |= key
    first = api.post(upload(number), **request)
    before = everything_stored()

    request = form([file(HELLO)])  # with another boundary
    request["headers"] |= key
    again = api.post(upload(number), **request)

    assert again.json() == first.json()
    assert everything_stored() == before
    other = form([file(document("Another"))])
    other["headers"] |= key
    refused = api.post(upload(number), **other)
    assert (refused.status, refused.json()) == (
        422,
        {"detail": "This Idempotency-Key was used for another request"},
    )

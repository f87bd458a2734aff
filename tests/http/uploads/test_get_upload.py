"""GET /api/chat/sessions/{session_id}/uploads/{upload_id}. What it says of each state is in
`test_offer_upload`.
"""

import pytest

from reprise.chat.ids import number_of
from reprise.knowledge import pdf
from tests.api import Api, everything_stored
from tests.conversations import conversation, create
from tests.uploads import UNKNOWN, one, sent, session, state


def test_a_file_that_was_read_at_once_is_ready(api: Api) -> None:
    number = session(api)
    told = sent(api, number)
    before = everything_stored()

    assert state(api, number, told["id"]) == {"id": told["id"], "status": "ready", "file": told}
    assert everything_stored() == before


def test_a_text_may_be_longer_than_a_buffered_answer(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6 MB: so it comes by the streaming runtime."""
    read = pdf.Extracted(("There is much to say about this and that" * 400,) * 450)
    monkeypatch.setattr(pdf, "extract", lambda data: read)
    number = session(api)
    told = sent(api, number)

    answer = api.stream(one(number, told["id"]), method="GET")

    assert len(answer.body) > 6_300_000
    assert answer.json()["file"] == told


@pytest.mark.parametrize("upload_id", [UNKNOWN, "nonsense", 0, "1e9", "-1"])
def test_an_unknown_file_is_not_found(api: Api, upload_id: object) -> None:
    answer = api.get(one(session(api), upload_id))

    assert (answer.status, answer.json()) == (404, {"detail": "Upload not found"})


def test_neither_is_one_of_another_session(api: Api) -> None:
    told = sent(api, session(api))

    answer = api.get(one(session(api), told["id"]))

    assert (answer.status, answer.json()) == (404, {"detail": "Upload not found"})


def test_nor_anything_of_others_or_of_what_was_deleted(api: Api, stranger: Api) -> None:
    made = create(api)
    number = number_of(made)
    told = sent(api, number)
    gone = 404, {"detail": "Chat session not found"}

    refused = stranger.get(one(number, told["id"]))
    assert (refused.status, refused.json()) == gone
    api.delete(conversation(made))
    refused = api.get(one(number, told["id"]))
    assert (refused.status, refused.json()) == gone
    assert api.get(one("nonsense", 1)).status == 404


def test_who_has_no_key_is_told_so(aws: None) -> None:
    assert Api.anonymous().get(one(1, 1)).status == 401

"""Who may upload, and how often."""

from typing import Any

from reprise.accounts import plans
from tests.api import Api, Response, new_account, new_key
from tests.uploads import HELLO, file, form, one, send, sent, session, upload, uploads

OFFER = {"filename": "a.pdf", "size": 1000}


def remaining(answer: Response) -> int:
    return int(answer.headers["x-ratelimit-remaining"])


def client(plan: str, **options: Any) -> Api:
    return Api(new_key(new_account(plan), **options)[1])


def test_both_ways_count_in_one_window_and_reading_does_not(aws: None) -> None:
    api = client("standard")
    number = session(api)

    first = send(api, number)
    second = api.post(uploads(number), json=OFFER)

    assert first.headers["x-ratelimit-limit"] == "60"
    assert [remaining(first), remaining(second)] == [59, 58]
    read = api.get(one(number, first.json()["file"]["id"]))
    assert "x-ratelimit-limit" not in read.headers
    refused = send(api, number, b"no PDF")
    assert (refused.status, remaining(refused)) == (400, 57)


def test_who_uploads_too_often_is_told_when_to_come_back(aws: None) -> None:
    api = client("standard")
    number = session(api)
    for _ in range(plans.find("standard").requests["sessions"]):
        api.post(uploads(1), json=OFFER)

    for answer in (send(api, number), api.post(uploads(number), json=OFFER)):
        assert answer.status == 429
        assert answer.json() == {"detail": "Rate limit exceeded"}
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert remaining(answer) == 0


def test_a_key_that_may_only_read_reads(aws: None) -> None:
    account = new_account()
    owner = Api(new_key(account)[1])
    reader = Api(new_key(account, scopes=frozenset({"read"}))[1])
    number = session(owner)
    told = sent(owner, number)

    assert reader.get(one(number, told["id"])).status == 200
    for answer in (
        reader.post(upload(number), **form([file(HELLO)])),
        reader.post(uploads(number), json=OFFER),
    ):
        assert (answer.status, answer.json()) == (403, {"detail": "Insufficient permissions"})


def test_a_plan_without_the_api_does_nothing(aws: None) -> None:
    api = client("free")

    for answer in (send(api, 1), api.post(uploads(1), json=OFFER), api.get(one(1, 1))):
        assert answer.status == 403
        assert isinstance(answer.json()["detail"], str)

"""GET /api/v2/health."""

import time

from tests.api import Api
from tests.calls import Call, intercept
from tests.chatbase import BASE


def test_whoever_asks_is_told_that_it_answers(aws: None) -> None:
    calls: list[Call] = []
    before = int(time.time())

    with intercept(calls.append):
        answer = Api.anonymous().get(f"{BASE}/health")

    assert answer.status == 200
    assert answer.json() == {"status": "ok", "timestamp": answer.json()["timestamp"]}
    assert before <= answer.json()["timestamp"] <= time.time()
    assert calls == []


def test_no_key_is_looked_at_and_nobodys_requests_are_counted(aws: None) -> None:
    answer = Api("rp_a-key-that-nobody-has").get(f"{BASE}/health")

    assert answer.status == 200
    assert answer.headers["x-request-id"]
    assert "x-ratelimit-limit" not in answer.headers

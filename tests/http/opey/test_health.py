"""GET /health."""

from tests.api import Api


def test_it_answers_whoever_asks(aws: None) -> None:
    answer = Api.anonymous().get("/health")

    assert (answer.status, answer.json()) == (200, {"status": "ok"})

"""GET /status."""

import pytest

from tests.api import Api


def test_it_answers_whoever_asks(aws: None) -> None:
    answer = Api.anonymous().get("/status")

    told = answer.json()
    assert answer.status == 200
    assert told.pop("uptime_seconds") >= 0
    assert told == {
        "status": "ok",
        "overall": "ok",
        "version": "1",
        "components": {"api": {"up": True}},
    }


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json, text/html", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_people_get_a_page(aws: None, accept: str, kind: str) -> None:
    answer = Api.anonymous().get("/status", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith(kind)
    assert "ok" in answer.text

"""OPTIONS of every path of this surface, and what else pages of other origins are told."""

from collections.abc import Iterator

import pytest

from tests.api import Api, Response, routes
from tests.opey import BODIES, ORIGIN, Visitor, turn

ELSEWHERE = ("https://evil.example", "null", ORIGIN.upper(), f"{ORIGIN}.evil.example", "*")
PATHS = sorted({route.path for route in routes("opey")})


def preflight(path: str, origin: str | None) -> Response:
    headers = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
    return Api.anonymous().request("OPTIONS", path.format(thread_id="trip"), headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_listed_origins_may_ask_with_their_cookie(path: str) -> None:
    for origin in (ORIGIN, "http://localhost:5174"):
        answer = preflight(path, origin)

        assert (answer.status, answer.text) == (204, "")
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["access-control-max-age"] == "600"
        assert set(answer.headers["access-control-allow-headers"].split(",")) == {
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "Consent-Id",
        }
        used = {route.method for route in routes("opey") if route.path == path}
        assert used <= set(answer.headers["access-control-allow-methods"].split(","))


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_others_may_not(path: str) -> None:
    for origin in (*ELSEWHERE, None):
        answer = preflight(path, origin)

        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert answer.headers["vary"] == "Origin"


def test_every_path_has_one() -> None:
    answered = {route.path for route in routes("opey") if route.method != "OPTIONS"}

    assert {route.path for route in routes("opey") if route.method == "OPTIONS"} == answered


def answers(visitor: Visitor, origin: str) -> Iterator[Response]:
    """Of every route."""
    thread, question, _ = turn(visitor, "Hello")
    for route in routes("opey"):
        if route.path not in ("/delete-session",):
            path = route.path.format(thread_id=thread)
            if path.endswith("/regenerate"):
                path += f"?message_id={question}"
            body = BODIES.get((route.method, route.path))
            headers = {"Origin": origin, "Authorization": f"Bearer {visitor.key}"}
            if route.path == "/create-session":
                headers["Cookie"] = "other=1"  # or the session would be another from here on
            yield visitor.request(route.method, path, json=body, headers=headers)


def test_listed_origins_are_echoed_by_every_answer(visitor: Visitor) -> None:
    for answer in answers(visitor, ORIGIN):
        assert answer.status in (200, 204), answer.text
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"


def test_the_headers_of_threads_may_be_read_by_pages(visitor: Visitor) -> None:
    for answer in answers(visitor, ORIGIN):
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {"X-Thread-ID", "X-Regenerated", "X-Regenerated-From", "X-Request-ID"}


def test_refusals_may_be_read_by_pages_too(visitor: Visitor) -> None:
    """The original's limiter stands outside of what adds these headers."""
    origin = {"Origin": ORIGIN}
    for answer in (
        Api.anonymous().post("/stream", json={"message": "Hello"}, headers=origin),
        visitor.post("/stream", json={}, headers=origin),
        visitor.post("/stream/x/regenerate?message_id=y", headers=origin),
    ):
        assert answer.status >= 400
        assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_with_cookies_no_other_origin_gets_anything(visitor: Visitor) -> None:
    for origin in ELSEWHERE:
        for answer in answers(visitor, origin):
            assert "access-control-allow-origin" not in answer.headers
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.status in (403, 200, 204)
            if answer.status == 200:
                assert answer.json()["status"] == "ok"  # of /health and /status, which know nobody


def test_who_is_no_page_needs_no_origin(visitor: Visitor) -> None:
    assert visitor.get("/usage").status == 200


def test_every_answer_has_its_requests_id(visitor: Visitor) -> None:
    ids = [answer.headers["x-request-id"] for answer in answers(visitor, ORIGIN)]

    assert len(set(ids)) == len(ids) > 10

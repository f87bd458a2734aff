"""What is another's is not there: every route of this surface, called with another's thread."""

import re

import pytest

from tests.api import Response, everything_stored, routes
from tests.opey import BODIES, Visitor, texts, turn

THREADED = [route for route in routes("opey") if "{" in route.path and route.method != "OPTIONS"]


def call(visitor: Visitor, method: str, path: str, thread: str, message: str) -> Response:
    assert set(re.findall(r"{(\w+)}", path)) == {"thread_id"}
    target = path.format(thread_id=thread)
    if path.endswith("/regenerate"):
        target += f"?message_id={message}"
    return visitor.request(method, target, json=BODIES.get((method, path)))


def stored() -> dict[str, object]:
    """All but who asked how often."""
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


@pytest.mark.parametrize("owner", ["visitor", "anonymous"])
def test_threads_of_others_are_not_there(
    other: Visitor, owner: str, request: pytest.FixtureRequest
) -> None:
    """Of an account, and of nobody; by another account, and by nobody else."""
    thread, question, _ = turn(request.getfixturevalue(owner), "A secret")
    request.getfixturevalue("anonymous")
    strangers = [other, Visitor.anonymous_session()]
    before = stored()

    for route in THREADED:
        for stranger in strangers:
            answer = call(stranger, route.method, route.path, thread, question)

            assert "secret" not in answer.text, route.path
            if route.path.endswith("/regenerate"):
                assert answer.status == 404
            else:  # that says the same of a thread that nobody has
                unknown = call(stranger, route.method, route.path, "unknown", question)
                assert answer.text.replace(thread, "unknown") == unknown.text
    usage = ("requests", "tokens")
    assert [_without(item, *usage) for item in stored().values()] == [
        _without(item, *usage) for item in before.values()
    ]


def _without(item: object, *names: str) -> object:
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if name not in names}


def test_the_owner_finds_them_on_all_of_those_routes(visitor: Visitor) -> None:
    """Or the walk above would prove nothing."""
    for route in THREADED:
        thread, question, _ = turn(visitor, "A secret")

        answer = call(visitor, route.method, route.path, thread, question)

        assert answer.status == 200
        assert texts(visitor, thread)[0] == "A secret"

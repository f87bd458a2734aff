"""The sessions surface in the words of its tests: paths, the commonest calls, its shapes."""

import re
from typing import Any
from urllib.parse import urlencode

from tests.api import DONE, Api, Response

STREAM = "/v1/chat/stream"
SWITCH = "/v1/chat/switch-model"
HISTORY = "/v1/chat/history"
MODEL = "fake"
UNKNOWN = 9_007_199_254_740_991  # the greatest number that a session may have
Messages = list[dict[str, str]]

# What each route takes as a body, by its method and its path in `template.yaml`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", STREAM): {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]},
    ("POST", SWITCH): {"session_id": 1, "model": MODEL},
}


def session(session_id: int | str) -> str:
    return f"/v1/chat/sessions/{session_id}"


def said(*texts: str) -> Messages:
    """A history in which user and assistant take turns, the user first."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": text}
        for number, text in enumerate(texts)
    ]


def body(*texts: str, **more: Any) -> dict[str, Any]:
    """Of a request to stream, with such a history."""
    return {"model": MODEL, "messages": said(*texts), **more}


def stream(api: Api, *texts: str, **more: Any) -> Response:
    answer = api.stream(STREAM, json=body(*texts, **more))
    assert answer.status == 200, answer.text
    return answer


def begin(api: Api, *texts: str, **more: Any) -> int:
    """The id of a new session, with such a history, "Hello" without one, and the answer to it."""
    return session_of(stream(api, *(texts or ("Hello",)), **more))


def ask(api: Api, *texts: str, **more: Any) -> dict[str, Any]:
    """The answer in one piece."""
    answer = api.post(STREAM, json=body(*texts, stream=False, **more))
    assert answer.status == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def session_of(answer: Response) -> int:
    return int(answer.headers["x-session-id"])


def tokens(answer: Response) -> list[str]:
    """The events of a stream as a parser of server-sent events has them, `[DONE]` among them."""
    *blocks, rest = re.split(r"\n\n", answer.text)
    assert rest == "", f"the stream ends amid an event: {rest!r}"
    found = []
    for block in blocks:
        lines = block.split("\n")
        assert all(line.startswith("data: ") for line in lines), f"not an event: {block!r}"
        found.append("\n".join(line.removeprefix("data: ") for line in lines))
    return found


def text_of(answer: Response) -> str:
    """What a stream said that came to its end."""
    *found, done = tokens(answer)
    assert done == DONE
    return "".join(found)


def history(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.get(f"{HISTORY}?{urlencode(query)}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(api: Api, **query: Any) -> list[int]:
    """Ids of the sessions on a page of the history."""
    return [each["id"] for each in history(api, **query)["sessions"]]


def contents(api: Api, session_id: int) -> list[str]:
    """The texts of a session's shown branch."""
    (found,) = (
        each for each in history(api, page_size=100)["sessions"] if each["id"] == session_id
    )
    return [each["content"] for each in found["messages"]]


def refusal(detail: str) -> dict[str, str]:
    """What a body looks like that says it did not work."""
    return {"detail": detail}


NOT_FOUND = refusal("Chat session not found")
FAILED = refusal("The answer could not be completed")
TOO_MANY = refusal("Rate limit exceeded")
NO_CREDITS = refusal("This month's credits are used up")
OTHER_REQUEST = refusal("This Idempotency-Key was used for another request")
NOBODY = refusal("Invalid or missing authentication token")
BROKEN = refusal("Something went wrong, please try again")

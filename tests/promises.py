"""What every surface promises of an answer, in its own shape: tables and helpers for the tests."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from reprise.accounts import credits as account_credits
from reprise.accounts import plans
from reprise.chat.events import Produced
from reprise.chat.messages import Hold, Text
from reprise.store import generations, keys
from reprise.store.accounts import Account
from reprise.store.generations import Terms
from tests import chatbase, conversations, fixie, sessions
from tests.api import Response
from tests.store.scribe import Scribe
from tests.surfaces import Shown, Surface

STANDARD = plans.find("standard")
KEY = {"Idempotency-Key": "key"}
USED_UP = "This month's credits are used up"
MISMATCH = "This Idempotency-Key was used for another request"
CONVERSATION_BUSY = "The conversation's last message is still in progress."


@dataclass(frozen=True)
class Shapes:
    """A surface's own words. `windows` are those of the plans that count a send and a redo; bodies
    are JSON values, or texts; `endings` are as `Surface.ending` has them.
    """

    windows: tuple[str, str]
    mismatch: Any
    no_credits: Any
    too_many: Callable[[int, int], Any]  # of the limit, and the seconds to wait
    at_once: Callable[[int, int], Any]  # the same, where too many answers are being made
    busy: Callable[[str], tuple[Any, Any]]  # for a send and a redo, of the running answer's id
    endings: dict[str, str]


def _opey_busy(answer: str) -> tuple[Any, Any]:
    told = "An answer is being generated in this thread. Wait for its end, or stop it."
    body = {
        "error": "Generation in progress",
        "error_code": "generation_in_progress",
        "message": told,
        "generation_id": answer,
    }
    return body, body


def _opey_too_many(what: str) -> Any:
    return {
        "error": f"Rate limit exceeded: {what}",
        "error_code": "rate_limit_exceeded",
        "message": "Too many requests. Please try again later.",
    }


def _chatbase_too_many(limit: int, seconds: int) -> Any:
    text = "Too many requests, please try again later"
    return chatbase.refusal("RATE_LIMIT_TOO_MANY_REQUESTS", text)


def _fixie_too_many(limit: int, seconds: int) -> Any:
    return "Query limit exceeded."


SHAPES = {
    "conversations": Shapes(
        ("conversations", "conversations"),
        conversations.refusal("IDEMPOTENCY_001", MISMATCH),
        conversations.refusal("CREDITS_001", USED_UP),
        lambda limit, seconds: conversations.refusal(
            "RATE_001",
            f"Too many requests: {limit} are allowed; try again in {seconds} seconds",
            retry_after=seconds,
        ),
        lambda limit, seconds: conversations.refusal(
            "RATE_001",
            f"Only {limit} answers may be generated at once",
            retry_after=seconds,
        ),
        lambda answer: (
            (
                conversations.refusal(
                    "CONFLICT_001", "An answer is being generated", generation_id=answer
                ),
            )
            * 2
        ),
        {
            "done": "ai_complete stop [DONE]",
            "stopped": "ai_complete stopped [DONE]",
            "deadline": "ai_complete deadline [DONE]",
            "error": "error [DONE]",
        },
    ),
    "opey": Shapes(
        ("opey_stream", "opey_regenerate"),
        {"detail": MISMATCH},
        {"detail": USED_UP},
        lambda limit, seconds: _opey_too_many(f"{limit} per 1 minute"),
        lambda limit, seconds: _opey_too_many(f"{limit} at once"),
        _opey_busy,
        {
            "done": "assistant_complete [DONE]",
            "stopped": "assistant_token",
            "deadline": "assistant_complete [DONE]",
            "error": "error [DONE]",
        },
    ),
    "chatbase": Shapes(
        ("chatbase", "chatbase"),
        chatbase.refusal("VALIDATION_IDEMPOTENCY_MISMATCH", MISMATCH),
        chatbase.refusal("CHAT_CREDITS_EXHAUSTED", "Message limit reached"),
        _chatbase_too_many,
        _chatbase_too_many,
        lambda answer: (
            (
                chatbase.refusal(
                    "CHAT_CONVERSATION_BUSY",
                    "The conversation is being written to",
                    generationId=answer,
                ),
            )
            * 2
        ),
        {
            "done": "finish stop [DONE]",
            "stopped": "finish stop [DONE]",
            "deadline": "finish error [DONE]",
            "error": "finish error [DONE]",
        },
    ),
    "fixie": Shapes(
        ("fixie", "fixie"),
        f"{MISMATCH}.",
        f"{USED_UP}.",
        _fixie_too_many,
        _fixie_too_many,
        lambda answer: (CONVERSATION_BUSY, fixie.NOT_LAST),
        {"done": "done", "stopped": "stopped", "deadline": "stopped", "error": "error"},
    ),
    "sessions": Shapes(
        ("sessions", "sessions"),
        sessions.OTHER_REQUEST,
        sessions.NO_CREDITS,
        lambda limit, seconds: sessions.TOO_MANY,
        lambda limit, seconds: sessions.TOO_MANY,
        lambda answer: (sessions.refusal(f"An answer is being generated: {answer}"),) * 2,
        {"done": "[DONE]", "stopped": "[DONE]", "deadline": "[DONE]", "error": ""},
    ),
}


@dataclass(frozen=True)
class Client:
    """An account on the standard plan on one surface, with a conversation of one question and its
    answer.
    """

    account: Account
    surfaces: dict[str, Surface]
    surface: Surface
    made: str
    question: Shown
    answer: Shown

    @property
    def shapes(self) -> Shapes:
        return SHAPES[self.surface.name]

    @property
    def owner(self) -> str:
        return keys.account(self.account.number)

    @property
    def credits(self) -> int:
        left = account_credits.left(self.account, int(time.time() * 1000))
        assert left is not None
        return left

    def start(self, **request: Any) -> Response:
        return self.surface.start("Hello", **request)

    def send(self, **request: Any) -> Response:
        return self.surface.send(self.made, "Hello", **request)

    def redo(self, **request: Any) -> Response:
        return self.surface.redo(self.made, self.question.id, self.answer.id, **request)

    def shown(self) -> list[str]:
        """The texts of the conversation, which are the same on all surfaces."""
        seen = [surface.shown(self.made) for surface in self.surfaces.values()]
        assert seen == [seen[0]] * len(seen)
        return [each.text for each in seen[0]]


Ask = Callable[..., Response]
WAYS: dict[str, Ask] = {"start": Client.start, "send": Client.send, "redo": Client.redo}
each_way = pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)


def body(answer: Response) -> Any:
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


def state_of(client: Client, answer: str) -> tuple[str, str]:
    """State and finish reason of an answer."""
    told = client.surfaces["conversations"].api.get(conversations.message(answer)).data
    return told["state"], told["finish_reason"]


def holds(client: Client) -> set[str]:
    """The answers that something is held for."""
    return set(account_credits.statement(client.account, int(time.time() * 1000), 1).holds)


def crashed(client: Client, *texts: str) -> Client:
    """The same with a conversation whose answer's writer is no more: what it logged, what was held
    for it, and a lease that has run out.
    """
    client = begun_elsewhere(client, expires=time.time() - 30)
    parts = [Produced(n, 0, Text(text)) for n, text in enumerate(texts, 1)]
    generations.log(client.answer.id, 1, parts, time.time())
    return client


def begun_elsewhere(client: Client, *, expires: float) -> Client:
    """The same with a conversation in which another process makes an answer, for as long as its
    lease lasts: to seconds since the Unix epoch.
    """
    scribe = Scribe(int((time.time() - 60) * 1000), Random())
    made = scribe.stored(owner=client.owner)
    turn = scribe.send(made, text="Hi", hold=Hold(client.owner, 1))
    generations.begin(turn, expires, Terms(None, STANDARD.allowance))
    question, answer = (Shown(each.id, each.role, each.text) for each in turn.messages)
    return replace(client, made=made.id, question=question, answer=answer)

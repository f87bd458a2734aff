"""What can happen to the functions of the sessions surface."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reprise.chat.messages import Conversation, Message
from reprise.store import conversations
from reprise.store.messages import FIRST_PAGE
from tests import sessions
from tests.api import Response
from tests.sessions import HISTORY, STREAM, SWITCH
from tests.template.chatbase_scenarios import LONG, scripts

if TYPE_CHECKING:
    from tests.template.scenarios import Stage

Sent = list[dict[str, str]]


def sent_of(branch: list[Message], *more: str) -> Sent:
    """What a client resends of a branch, and asks behind it."""
    there = [{"role": each.role, "content": each.text} for each in branch]
    return [*there, *sessions.said(*more)]


def streamed(stage: "Stage", made: Conversation | None, messages: Sent, **more: Any) -> Response:
    body = {"model": "fake", "messages": messages, "session_id": made and made.number}
    return stage.api.stream(STREAM, json=body | more)


def histories(stage: "Stage", length: int, text: str | None) -> Iterator[Response]:
    """Of a session: gone on, branched off behind its beginning, all new, and asked again."""
    for more in (("And?",), ("Or", "Yes", "No")):
        made, branch = stage.conversation(length, text)
        yield streamed(stage, made, sent_of(branch, *more))
    made, branch = stage.conversation(length, text)
    yield streamed(stage, made, sent_of(branch[:2], "Else", LONG, "What?"))
    made, branch = stage.conversation(length, text)
    yield streamed(stage, made, sent_of([], "Else", "Yes", "And?"))
    made, branch = stage.conversation(length, text)
    yield streamed(stage, made, sent_of(branch[:1]))


def begins(stage: "Stage") -> None:
    for message, script in scripts():
        for messages in (sessions.said(message), sessions.said("Hi", message, "And?")):
            for wanted in (True, False):
                stage.models.enqueue(script)
                assert streamed(stage, None, messages, stream=wanted).status in (200, 500)


def goes_on(stage: "Stage") -> None:
    for length, text in ((2, None), (3 * FIRST_PAGE, None), (4, LONG)):
        assert all(answer.status == 200 for answer in histories(stage, length, text))


def goes_on_below_an_old_head(stage: "Stage") -> None:
    made, branch = stage.conversation(3 * FIRST_PAGE)
    conversations.to_item(replace(made, head=branch[1].id)).save()
    assert streamed(stage, made, sent_of(branch[:2], "Again")).status == 200


def goes_on_where_it_crashed(stage: "Stage") -> None:
    for partial_text in ("Hel", LONG, ""):
        for sent in (sessions.said("Hello"), sessions.said("Else", "Yes", "And?")):
            made, _ = stage.crashed(partial_text)
            assert streamed(stage, made, sent).status == 200
        for path in (SWITCH, HISTORY):
            made, _ = stage.crashed(partial_text)
            asked = {"session_id": made.number, "model": "fake"}
            answer = stage.api.post(path, json=asked) if path == SWITCH else stage.api.get(path)
            assert answer.status == 200, answer.text
        made, _ = stage.crashed(partial_text)
        assert stage.api.delete(sessions.session(made.number)).status == 200


def takes_over_what_crashed_elsewhere(stage: "Stage") -> None:
    """As many run as may at once, but nobody writes them."""
    for sent in (sessions.said("Hi"), sessions.said("Hi", "Yes", "And?")):
        for number in range(20):
            stage.crashed(LONG if number == 0 else "Hel")
        assert streamed(stage, None, sent).status == 200


def is_asked_twice_with_one_key(stage: "Stage") -> None:
    made, branch = stage.conversation(2, LONG)
    for into, sent in ((None, sent_of([], LONG)), (made, sent_of(branch, LONG))):
        body = {"model": "fake", "messages": sent, "session_id": into and into.number}
        stage.models.enqueue([LONG])
        for _ in range(2):
            answer = stage.api.stream(
                STREAM, json=body, headers={"Idempotency-Key": made.id if into else "k"}
            )
            assert answer.status == 200, answer.text


def refuses_what_cannot_be_meant(stage: "Stage") -> None:
    """And says how the caller stands with the limit all the same."""
    assert streamed(stage, None, []).status == 400


def reads_what_is_large(stage: "Stage") -> None:
    for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
        made, _ = stage.conversation(length, text)
        assert stage.api.stream(HISTORY, method="GET").status == 200
        assert stage.api.stream(SWITCH, json={"session_id": made.number, "model": "fake"}).text


def deletes(stage: "Stage") -> None:
    made, _ = stage.conversation(2)
    assert stage.api.delete(sessions.session(made.number)).status == 200


SCENARIOS = (
    begins,
    goes_on,
    goes_on_below_an_old_head,
    goes_on_where_it_crashed,
    takes_over_what_crashed_elsewhere,
    is_asked_twice_with_one_key,
    refuses_what_cannot_be_meant,
    reads_what_is_large,
    deletes,
)

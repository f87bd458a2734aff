"""What can happen to the functions of the Chatbase surface."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reprise.accounts import agents, plans
from reprise.chat.events import Produced
from reprise.chat.messages import Conversation, Hold, Message, Text, ToolCall
from reprise.llm.protocol import Finished
from reprise.store import bodies, conversations, generations, keys
from reprise.store.generations import Terms
from reprise.store.messages import FIRST_PAGE
from tests import chatbase
from tests.api import Response
from tests.chatbase import CLOCK, caller_of, put_agent
from tests.store.scribe import put_all

if TYPE_CHECKING:
    from tests.template.scenarios import Stage

LONG = "x" * (bodies.LIMIT + 1)  # bytes: it goes to the bucket
GONE = 60  # seconds ago, for a lease


def agents_of(stage: "Stage") -> Iterator[str]:
    """One that has a name, and the implicit one."""
    yield put_agent(stage.api)
    yield caller_of(stage.api).account_id


def held(stage: "Stage", owner: str, partial_text: str) -> tuple[Conversation, Message]:
    """One whose answer nobody writes any more, though its lease lies there and credits are held."""
    made = stage.scribe.conversation(owner=owner)
    assert conversations.create(made)
    user, answer = stage.scribe.send(made).messages
    answer = replace(answer, hold=Hold(stage.owner, 1), model="fake")
    terms = Terms(None, plans.find("standard").allowance)
    turn = generations.Turn(made, (user, answer))
    begun = generations.begin(turn, time.time() - GONE, terms)
    for number in range(0, len(partial_text), 100_000):
        piece = Produced(number + 1, stage.scribe.now_ms, Text(partial_text[number:][:100_000]))
        generations.log(answer.id, number + 1, [piece], time.time())
    return begun, answer


def slowly() -> list[Any]:
    """An answer that takes long enough for a chunk of its log and a renewal of its lease."""
    return ["Hel", partial(asyncio.sleep, 0.1), "lo"]


def scripts() -> Iterator[tuple[str, list[Any]]]:
    yield "Hello", slowly()
    yield LONG, [LONG]
    yield "Hello", [OSError("no")]


def chats(stage: "Stage") -> None:
    for agent in agents_of(stage):
        path = chatbase.chat(agent)
        for message, script in scripts():
            stage.models.enqueue(script)
            answer = stage.api.stream(path, json={"message": message, "userId": "ada"})
            made = chatbase.finish_of(answer)["messageMetadata"]["conversationId"]
            stage.models.enqueue(script)
            on = {"message": message, "conversationId": made, "stream": False}
            assert stage.api.post(path, json=on).status == 200


def retries(stage: "Stage") -> None:
    for agent in agents_of(stage):
        for message, script in scripts():
            made, _, reply = chatbase.begin(stage.api, agent, message)
            stage.models.enqueue(script)
            answer = stage.api.stream(chatbase.retry(agent, made), json={"messageId": reply})
            assert answer.status == 200


def turns(stage: "Stage", made: Conversation, target: Message | None) -> Iterator[Response]:
    """A message to a conversation that names no agent, and a retry."""
    agent = caller_of(stage.api).account_id
    said = {"message": "Again", "conversationId": made.id}
    yield stage.api.stream(chatbase.chat(agent), json=said)
    if target:
        path = chatbase.retry(agent, made.id)
        yield stage.api.stream(path, json={"messageId": target.id})


def goes_on_after_much_and_large(stage: "Stage") -> None:
    for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
        made, branch = stage.conversation(length, text)
        assert all(answer.status == 200 for answer in turns(stage, made, branch[-1]))


def goes_on_where_it_crashed(stage: "Stage") -> None:
    """Chat and retry each repair one."""
    agent = caller_of(stage.api).account_id
    for partial_text in ("Hel", LONG, ""):
        for path in (chatbase.chat(agent), None):
            made, answer = held(stage, stage.owner, partial_text)
            said = {"message": "Again", "conversationId": made.id, "messageId": answer.id}
            sent = stage.api.stream(path or chatbase.retry(agent, made.id), json=said)
            assert sent.status == 200, sent.text


def goes_on_below_an_old_head(stage: "Stage") -> None:
    made, branch = stage.conversation(3 * FIRST_PAGE)
    conversations.to_item(replace(made, head=branch[1].id)).save()
    assert all(answer.status == 200 for answer in turns(stage, made, branch[1]))


def is_asked_twice_with_one_key(stage: "Stage") -> None:
    agent = put_agent(stage.api)
    made, _, reply = chatbase.begin(stage.api, agent)
    for path, said in (
        (chatbase.chat(agent), {"message": "Hello"}),
        (chatbase.retry(agent, made), {"messageId": reply}),
    ):
        for _ in range(2):
            answer = stage.api.post(path, json=said, headers={"Idempotency-Key": path})
            assert answer.status == 200


def takes_over_what_crashed_elsewhere(stage: "Stage") -> None:
    """As many run as may at once, but nobody writes them: here, and with the public of an agent."""
    public, agent = put_agent(stage.api, public=True), caller_of(stage.api).account_id
    made, branch = stage.conversation(2)
    for path in (chatbase.chat(agent), chatbase.retry(agent, made.id)):
        for number in range(20):
            owner = keys.agent(public) if number % 2 else stage.owner
            held(stage, owner, LONG if number < 2 else "Hel")
        answer = stage.api.stream(path, json={"message": "Hi", "messageId": branch[-1].id})
        assert answer.status == 200, answer.text


def publicly(stage: "Stage") -> None:
    """All that the account may do in conversations that the public has with its agent."""
    agent, api = put_agent(stage.api, public=True, tools=(CLOCK,)), stage.api
    for text in ("Hello", LONG):
        made = replace(stage.scribe.conversation(owner=keys.agent(agent)), agent=agent)
        branch = stage.scribe.branch(made, 2, text)
        conversations.create(replace(made, head=branch[-1].id, version=2))
        put_all(made, branch)
        rated = chatbase.feedback(agent, made.id, branch[-1].id)
        assert api.patch(rated, json={"feedback": "positive"}).status == 200
        stage.models.enqueue(slowly())
        dropped = {"messageId": branch[-1].id}
        assert api.stream(chatbase.retry(agent, made.id), json=dropped).status == 200
        stage.models.enqueue([*slowly(), ToolCall("c1", "clock", {}), Finished("tool-calls")])
        said = {"message": text, "conversationId": made.id}
        assert api.stream(chatbase.chat(agent), json=said).status == 200
        result = {"toolCallId": "c1", "output": text}
        assert api.post(chatbase.tool_result(agent, made.id), json=result).status == 200
    crashed, _ = held(stage, keys.agent(agent), "Hel")
    old = replace(stage.scribe.conversation(owner=keys.agent(agent)), agent=agent)
    branch = stage.scribe.branch(old, 3 * FIRST_PAGE)
    conversations.create(replace(old, head=branch[1].id, version=len(branch)))
    put_all(old, branch)
    for made in (crashed, old):
        path = chatbase.tool_result(agent, made.id)
        assert api.post(path, json={"toolCallId": "c1"}).status == 404


def lists(stage: "Stage") -> None:
    agent = put_agent(stage.api, default=True)
    assert stage.api.get(chatbase.conversations(agent)).status == 200
    assert stage.api.get(chatbase.of_user(agent, "ada")).status == 200


def asks_the_implicit_agent(stage: "Stage") -> None:
    """Of every function: it is found where the account's default agent would be."""
    agent = caller_of(stage.api).account_id
    made, (_, reply) = stage.conversation(2)
    for path in (
        chatbase.conversations(agent),
        chatbase.of_user(agent, "ada"),
        chatbase.conversation(agent, made.id),
        chatbase.messages(agent, made.id),
    ):
        agents.forget()
        assert stage.api.get(path).status == 200
    agents.forget()
    rated = chatbase.feedback(agent, made.id, reply.id)
    assert stage.api.patch(rated, json={"feedback": "positive"}).status == 200


def reads(stage: "Stage") -> None:
    """Long and large, in progress, below an old head; one's own, and the public's."""
    agent = put_agent(stage.api, public=True)
    for owner in (stage.owner, keys.agent(agent)):
        for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
            made = replace(stage.scribe.conversation(owner=owner), agent=agent)
            branch = stage.scribe.branch(made, length, text)
            put_all(made, branch)
            for head in (branch[-1], branch[1]):
                conversations.to_item(replace(made, head=head.id, version=length)).save()
                for path in (chatbase.conversation, chatbase.messages):
                    page = stage.api.get(path(agent, made.id))
                    assert page.status == 200
                    if cursor := page.json()["pagination"]["cursor"]:
                        more = f"{path(agent, made.id)}?cursor={cursor}"
                        assert stage.api.get(more).status == 200


def reads_what_crashed(stage: "Stage") -> None:
    agent = caller_of(stage.api).account_id
    made, answer = held(stage, stage.owner, "Hel")
    for path in (chatbase.conversation, chatbase.messages):
        assert '"Hel"' in stage.api.get(path(agent, made.id)).text
    rated = chatbase.feedback(agent, made.id, answer.id)
    assert stage.api.patch(rated, json={"feedback": "negative"}).status == 200


def rates_what_is_large(stage: "Stage") -> None:
    made, (_, reply) = stage.conversation(2, LONG)
    path = chatbase.feedback(caller_of(stage.api).account_id, made.id, reply.id)
    assert LONG in stage.api.patch(path, json={"feedback": "positive"}).text


def takes_results(stage: "Stage") -> None:
    for text in ("Wait.", LONG):
        for output in ("noon", LONG):
            agent = put_agent(stage.api, tools=(CLOCK,))
            calls = [ToolCall(call_id, "clock", {}) for call_id in ("c1", "c2")]
            stage.models.enqueue([text, *calls, Finished("tool-calls")])
            made, *_ = chatbase.begin(stage.api, agent)
            for call in calls:
                given = {"toolCallId": call.id, "output": output}
                path = chatbase.tool_result(agent, made)
                assert stage.api.post(path, json=given).status == 200
            assert chatbase.ask(stage.api, agent, None, conversationId=made)


def takes_no_results_where_it_crashed(stage: "Stage") -> None:
    agent = caller_of(stage.api).account_id
    for partial_text in ("Hel", LONG):
        made, _ = held(stage, stage.owner, partial_text)
        path = chatbase.tool_result(agent, made.id)
        assert stage.api.post(path, json={"toolCallId": "c1"}).status == 404
    old, branch = stage.conversation(3 * FIRST_PAGE)
    conversations.to_item(replace(old, head=branch[1].id)).save()
    path = chatbase.tool_result(agent, old.id)
    assert stage.api.post(path, json={"toolCallId": "c1"}).status == 404


SCENARIOS = (
    chats,
    retries,
    goes_on_after_much_and_large,
    goes_on_where_it_crashed,
    goes_on_below_an_old_head,
    is_asked_twice_with_one_key,
    takes_over_what_crashed_elsewhere,
    publicly,
    lists,
    asks_the_implicit_agent,
    reads,
    reads_what_crashed,
    rates_what_is_large,
    takes_results,
    takes_no_results_where_it_crashed,
)

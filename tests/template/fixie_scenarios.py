"""What can happen to the functions of the Fixie surface."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reprise.accounts import agents
from reprise.chat.messages import Conversation, Message
from reprise.store import conversations, keys
from reprise.store.messages import FIRST_PAGE
from tests import fixie
from tests.api import Response
from tests.chatbase import put_agent
from tests.store.scribe import put_all
from tests.template.chatbase_scenarios import LONG, held, scripts

if TYPE_CHECKING:
    from tests.template.scenarios import Stage


def public_of(stage: "Stage") -> "Stage":
    """The same without a key."""
    anonymous = type(stage.api)(stage.api.recorder, "")
    del anonymous.headers["Authorization"]
    return replace(stage, api=anonymous)


def everyones(stage: "Stage") -> Iterator[tuple["Stage", str | None]]:
    """Who may talk to which agent: the account to its default one and to one by its name, and the
    public to that.
    """
    agent = put_agent(stage.api, public=True)
    yield stage, None
    yield stage, agent
    yield public_of(stage), agent


def begins_and_goes_on(stage: "Stage") -> None:
    for who, agent in everyones(stage):
        for message, script in scripts():
            stage.models.enqueue(script)
            said = {"message": message, "runtimeParameters": {"systemPrompt": "Rhyme"}}
            made = fixie.last(who.api.stream(fixie.conversations(agent), json=said))
            stage.models.enqueue(script)
            path = fixie.messages(agent, made["id"])
            answer = fixie.last(who.api.stream(path, json={"message": message}))
            stage.models.enqueue(script)
            path = fixie.regenerate(agent, made["id"], answer["id"])
            assert who.api.stream(path).status == 200


def begins_with_nothing(stage: "Stage") -> None:
    for who, agent in everyones(stage):
        for number in range(2):
            key = {"Idempotency-Key": f"{agent}"}
            said = {"generateInitialMessage": False}
            path = fixie.conversations(agent)
            assert who.api.post(path, json=said, headers=key if number else {}).status == 200


def is_asked_twice_with_one_key(stage: "Stage") -> None:
    for who, agent in everyones(stage):
        made = fixie.begin(who.api, agent)
        for path, said in (
            (fixie.conversations(agent), {"message": LONG}),
            (fixie.messages(agent, made["id"]), {"message": "Hello"}),
        ):
            for _ in range(2):
                answer = who.api.post(path, json=said, headers={"Idempotency-Key": path})
                assert answer.status == 200
        path = fixie.regenerate(agent, made["id"], fixie.last(answer)["id"])
        for _ in range(2):
            assert who.api.post(path, headers={"Idempotency-Key": path}).status == 200


def owners(stage: "Stage", agent: str) -> Iterator[tuple["Stage", str]]:
    """The account and the public, with the owner that each is."""
    yield stage, stage.owner
    yield public_of(stage), keys.agent(agent)


def stored(
    stage: "Stage", agent: str, owner: str, length: int, text: str | None = None
) -> tuple[Conversation, list[Message]]:
    made = replace(stage.scribe.conversation(owner=owner), agent=agent)
    branch = stage.scribe.branch(made, length, text)
    made = replace(made, head=branch[-1].id, version=length)
    assert conversations.create(made)
    put_all(made, branch)
    return made, branch


def turns(who: "Stage", agent: str, made: Conversation, target: Message) -> Iterator[Response]:
    yield who.api.stream(fixie.regenerate(agent, made.id, target.id))
    yield who.api.stream(fixie.messages(agent, made.id), json={"message": "Again"})
    yield who.api.get(fixie.conversation(agent, made.id))
    yield who.api.post(fixie.stop(agent, made.id, target.id))


def goes_on_after_much_and_large(stage: "Stage") -> None:
    agent = put_agent(stage.api, public=True)
    for who, owner in owners(stage, agent):
        for length, text in ((3 * FIRST_PAGE, None), (2, LONG)):
            made, branch = stored(stage, agent, owner, length, text)
            assert all(answer.status == 200 for answer in turns(who, agent, made, branch[-1]))
    assert stage.api.get(fixie.conversations(agent)).status == 200


def goes_on_below_an_old_head(stage: "Stage") -> None:
    agent = put_agent(stage.api, public=True)
    for who, owner in owners(stage, agent):
        for _ in range(2):
            made, branch = stored(stage, agent, owner, 3 * FIRST_PAGE)
            conversations.to_item(replace(made, head=branch[1].id)).save()
            path = fixie.messages(agent, made.id)
            if _:
                path = fixie.regenerate(agent, made.id, branch[1].id)
            assert who.api.stream(path, json={"message": "Again"}).status == 200


def crashed(
    stage: "Stage", agent: str, owner: str, partial_text: str
) -> tuple[Conversation, Message]:
    made, answer = held(stage, owner, partial_text)
    conversations.to_item(replace(made, agent=agent)).save()
    return made, answer


def goes_on_where_it_crashed(stage: "Stage") -> None:
    agent = put_agent(stage.api, public=True)
    for who, owner in owners(stage, agent):
        for partial_text in ("Hel", LONG, ""):
            for path in (fixie.messages, fixie.regenerate, fixie.stop, fixie.conversation):
                made, answer = crashed(stage, agent, owner, partial_text)
                ids = (answer.id,) if path in (fixie.regenerate, fixie.stop) else ()
                method = "GET" if path is fixie.conversation else "POST"
                said = None if method == "GET" else {"message": "Again"}
                done = who.api.request(method, path(agent, made.id, *ids), json=said)
                assert done.status == 200, done.text
            listed = stage.api.get(fixie.conversations(agent))
            assert listed.status == 200


def takes_over_what_crashed_elsewhere(stage: "Stage") -> None:
    """As many run as may at once, but nobody writes them: here, and with the agent's public."""
    agent = put_agent(stage.api, public=True)
    made, branch = stored(stage, agent, stage.owner, 2)
    for path in (
        fixie.conversations(agent),
        fixie.regenerate(agent, made.id, branch[-1].id),
        fixie.messages(agent, made.id),
    ):
        for number in range(20):
            owner = keys.agent(agent) if number % 2 else stage.owner
            held(stage, owner, LONG if number < 2 else "Hel")
        answer = stage.api.stream(path, json={"message": "Hi"})
        assert answer.status == 200, answer.text


def asks_the_implicit_agent(stage: "Stage") -> None:
    """Of every function: it is found where the account's default agent would be."""
    made, (_, reply) = stage.conversation(2)
    for method, path in (
        ("GET", fixie.conversations(None)),
        ("GET", fixie.conversation(None, made.id)),
        ("POST", fixie.stop(None, made.id, reply.id)),
        ("POST", fixie.regenerate(None, made.id, reply.id)),
        ("POST", fixie.messages(None, made.id)),
        ("POST", fixie.conversations(None)),
    ):
        agents.forget()
        said = {"message": "Hi"} if method == "POST" else None
        assert stage.api.request(method, path, json=said).status == 200


SCENARIOS = (
    begins_and_goes_on,
    begins_with_nothing,
    is_asked_twice_with_one_key,
    goes_on_after_much_and_large,
    goes_on_below_an_old_head,
    goes_on_where_it_crashed,
    takes_over_what_crashed_elsewhere,
    asks_the_implicit_agent,
)

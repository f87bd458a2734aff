"""Answers for which documents are looked into, by each function that may."""

from typing import TYPE_CHECKING

from tests import chatbase, fixie, opey
from tests.corpora import TEA, another_machine, consulting, looks, put_corpus
from tests.template.opey_scenarios import visitors

if TYPE_CHECKING:
    from tests.template.scenarios import Stage


def consults_documents(stage: "Stage") -> None:
    """The index is here from the second time on, so each function is another machine's."""
    api = stage.api
    agent = consulting(api, put_corpus(api, {"tea.txt": TEA}), default=True)
    visitor, _ = next(iter(visitors(stage)))
    started = fixie.begin(api, agent)
    begun, _, reply = chatbase.begin(api, agent)
    thread, question, _ = opey.turn(visitor, "Hello")
    answer = started["turns"][-1]["id"]
    for client, path, said in (
        (api, chatbase.chat(agent), {"message": "Hi"}),
        (api, chatbase.retry(agent, begun), {"messageId": reply}),
        (api, fixie.conversations(agent), {"message": "Hi"}),
        (api, fixie.regenerate(agent, started["id"], answer), None),
        (api, fixie.messages(agent, started["id"]), {"message": "Hi"}),
        (visitor, "/stream", {"message": "Hi"}),
        (visitor, opey.regenerate(thread, question), None),
    ):
        with another_machine():
            looks(stage.models)
            answered = client.stream(path, json=said)
        assert "is served at four." in answered.text


SCENARIOS = (consults_documents,)

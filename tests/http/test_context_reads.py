"""How much of a long conversation is read to fill a model's context."""

from dataclasses import replace

import pytest

from reprise.store import conversations
from tests.api import Api
from tests.capacity import measured
from tests.chatbase import caller_of
from tests.conversations import stream
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all


@pytest.mark.parametrize(
    ("size", "fitting"),
    [(4_000, 11), (800, 58), (400, 114)],  # of FAKE's window of 16,000 tokens, three quarters
)
def test_it_is_one_more_read_of_little_more_than_fits(
    api: Api, models: FakeModels, size: int, fitting: int
) -> None:
    scribe, owner = Scribe(), caller_of(api).owner
    made = scribe.conversation(owner=owner)
    branch = scribe.branch(made, 300, "x" * size)
    conversations.create(replace(made, head=branch[-1].id, version=300))
    put_all(made, branch)

    with measured() as cost:
        answer = api.stream(stream(made.id), json={"content": "Hello"})

    assert answer.status == 200, answer.text
    read = [int(each.what.split()[0]) for each in cost.charges if each.operation == "Query"]
    assert len(models.requests[-1].messages) == fitting + 1
    assert len(read) <= 2
    assert sum(read) <= max(24, 24 + 1.5 * (fitting - 22) + 8)

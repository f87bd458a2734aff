"""What can happen to the functions of the prompts surface."""

import time
from typing import TYPE_CHECKING

from reprise.accounts import plans
from reprise.chat.ids import conversation_of
from reprise.chat.messages import Hold, Message
from reprise.store import balances, bodies, keys, previews
from reprise.store.balances import BalanceItem
from reprise.store.generations import Terms
from tests.prompts import NEW, PREVIEW, PROMPTS, TEMPLATE, create, prompt
from workers import repair_generation

if TYPE_CHECKING:
    from tests.template.scenarios import Stage

LONG = "x" * (bodies.LIMIT + 1)  # bytes: it goes to the bucket
GONE = 60  # seconds ago, for a lease


def keeps_prompts(stage: "Stage") -> None:
    made = create(stage.api)
    key = {"Idempotency-Key": "once"}
    first, second = (stage.api.post(PROMPTS, json=NEW, headers=key).json() for _ in range(2))
    assert first == second
    assert stage.api.get(PROMPTS).json()["items"]
    for number in (made, TEMPLATE):
        assert stage.api.get(prompt(number)).status == 200
    for change in ({"title": "Other"}, {}):
        assert stage.api.request("PUT", prompt(made), json=change).status == 200
    assert stage.api.delete(prompt(made)).status == 200


def previews_them(stage: "Stage") -> None:
    for sent in ({"content": "Hello"}, {"prompt_id": create(stage.api)}, {"prompt_id": TEMPLATE}):
        key = {"Idempotency-Key": str(sent)}
        for _ in range(2):
            assert stage.api.post(PREVIEW, json=sent, headers=key).status == 200
    stage.models.enqueue([OSError("no")])
    assert stage.api.post(PREVIEW, json={"content": "Hello"}).status == 500
    assert stage.api.post(PREVIEW, json={}).headers["x-ratelimit-remaining"]


def previews_where_nothing_is_left(stage: "Stage") -> None:
    """But a crashed answer holds some."""
    for partial_text in ("Hel", LONG):
        stage.crashed(partial_text)
        month = balances.period(int(time.time() * 1000))
        balance = BalanceItem(stage.owner, keys.balance(month))
        balance.update([BalanceItem.credits.set(0)])
        assert stage.api.post(PREVIEW, json={"content": "Hello"}).status == 402
        balance.update([BalanceItem.credits.set(100)])


def settles_a_preview_that_crashed(stage: "Stage") -> None:
    number = stage.scribe.mint.number()
    begun = Message(
        id=stage.scribe.mint.message_id(number),
        role="assistant",
        parts=(),
        parent=None,
        depth=0,
        path=b"",
        state="in-progress",
        created=0,
        updated=0,
        hold=Hold(stage.owner, 1),
    )
    terms = Terms(None, plans.find("standard").allowance)
    assert previews.begin(stage.owner, begun, None, time.time() - GONE, terms)
    partition = keys.conversation(keys.previews(stage.owner), conversation_of(begun.id) or 0)
    lease = {"pk": {"S": partition}, "g": {"S": begun.id}}
    record = {"dynamodb": {"OldImage": lease}}
    stage.woken(repair_generation, "WorkersRepairGeneration", record)
    month = balances.period(int(time.time() * 1000))
    assert balances.find(stage.owner, month).holds == frozenset()


SCENARIOS = (
    keeps_prompts,
    previews_them,
    previews_where_nothing_is_left,
    settles_a_preview_that_crashed,
)

"""What must be true after a play, whatever struck it: nothing is lost, and nothing is there
twice.
"""

import json
from dataclasses import dataclass, field

from reprise.chat.messages import Message, price
from reprise.engine import reading
from reprise.store import balances, keys, messages
from reprise.store.balances import BalanceItem, LedgerItem
from reprise.store.items import ConversationItem, LeaseItem, MessageItem, VersionsItem
from tests.api import DONE
from tests.engine.matrix import Strike
from tests.engine.plays import CREDITS, HALF, MODEL, TIMING, Answer, Play

SINGLE = ("throttled", "conflict", "timeout_before", "timeout_after")
OUTAGES = (*SINGLE, "timeout_twice", "disconnected")
WITHOUT_EFFECT = ("throttled", "conflict", "timeout_before", "disconnected", "condition_spent")
# What the client may hear of though it failed only once: the reading of what the model shall read,
# and the model. Before the answer begins it is reads, the count of requests and large questions.
HEARD = ("GetObject", "Query:M", "Ask")
UNHEARD = ("TransactWriteItems:begin", "TransactWriteItems:end", "UpdateItem:KEY")


@dataclass
class Stored:
    """What lies in the table; `messages` by their keys, `new` those that the play added."""

    conversations: dict[str, ConversationItem] = field(default_factory=dict)
    leases: list[LeaseItem] = field(default_factory=list)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    new: list[Message] = field(default_factory=list)
    siblings: list[VersionsItem] = field(default_factory=list)
    balances: list[BalanceItem] = field(default_factory=list)
    ledger: list[LedgerItem] = field(default_factory=list)

    @classmethod
    def of(cls, play: Play) -> "Stored":
        found = cls()
        for item in play.store.items():
            match item:
                case ConversationItem():
                    found.conversations[item.pk] = item
                case LeaseItem():
                    found.leases.append(item)
                case MessageItem():
                    message = messages.from_item(item)
                    found.messages[item.pk, item.sk] = message
                    if (item.pk, item.sk) not in play.before:
                        found.new.append(message)
                case VersionsItem():
                    found.siblings.append(item)
                case BalanceItem():
                    found.balances.append(item)
                case LedgerItem():
                    found.ledger.append(item)
        return found


def judge(play: Play, strike: Strike | None = None) -> Answer:
    """Play it to the end, and more: everything expires, the client tries again where it did not
    hear what came of it or has a key, and what is left is repaired. Returns what it heard first.
    """
    answer = play.act(strike)
    stored = Stored.of(play)
    play.deleted = play.deleted or play.partition not in stored.conversations
    check_answer(play, answer, strike)
    for lease in stored.leases:
        assert lease.expires <= play.now() + TIMING.lease, "a lease that lasts too long"
    if strike and answer.refused and strike.kind in WITHOUT_EFFECT:
        assert not stored.new, "refused, and written all the same"
    if strike and play.deleted and strike.kind in SINGLE:
        assert not any(balance.holds for balance in stored.balances), "not settled by itself"

    play.later(TIMING.lease + 1)
    again = None
    unheard = answer.refused or (answer.died and not answer.acknowledged)
    if play.scenario.keyed or play.scenario.way == "worker" or unheard:
        again = play.again()
        check_answer(play, again, None)
    play.later(TIMING.lease + 1)
    play.repair()

    stored = Stored.of(play)
    check_balance(play, stored)
    check_once(play, stored, answer, again)
    if not play.deleted:
        check_shown(play, stored)
        for each in filter(None, (answer, play.twin, again)):
            check_kept(play, each)
    return answer


def check_answer(play: Play, answer: Answer, strike: Strike | None) -> None:
    """The client of a process that lived got the surface's own error, or a stream that ends in
    exactly one terminal event. A worker fails for nothing but the table.
    """
    if answer.died:
        assert strike
        assert strike.kind.startswith("death")
        return
    assert answer.broken is None, f"the function broke: {answer.broken!r}"
    if play.scenario.way == "worker":
        assert answer.status == 200 or strike
        return
    assert answer.headers["x-request-id"]
    if strike and strike.kind in SINGLE and play.scenario.story not in ("refused", "deleted"):
        heard = answer.refused if strike.name not in UNHEARD else False
        assert answer.completed or heard or strike.name in HEARD, "the client heard of it"
    if answer.refused:
        _check_refusal(play, answer, strike)
        return
    assert not strike or strike.kind not in ("condition_running", "condition_spent")
    if answer.status == 200:
        events = answer.events
        assert len(answer.of_type("ai_complete", "error")) == 1, "not one terminal event"
        assert events[-2]["type"] in ("ai_complete", "error")
        assert events.index(DONE) == len(events) - 1
        for text in answer.of_type("error"):
            assert text == "Failed to generate AI response"


def _check_refusal(play: Play, answer: Answer, strike: Strike | None) -> None:
    body = json.loads(answer.body)
    assert body.keys() == {"success", "error", "request_id", "timestamp"}
    allowed = set()
    if strike and strike.kind in OUTAGES:
        allowed = {(500, "INTERNAL_001")}
    else:
        month = balances.period(play.engine.now_ms())
        left = balances.find(play.owner, month).credits
        if play.deleted:
            allowed.add((404, "NOT_FOUND_001"))
        if left is not None and left < MODEL.credits:
            allowed.add((402, "CREDITS_001"))
        if strike and strike.kind in ("condition_running", "condition_succeeded"):
            allowed.add((409, "CONFLICT_001"))
    refusal = answer.status, body["error"]["code"]
    assert refusal in allowed, f"{refusal}, not of {allowed}"


def check_balance(play: Play, stored: Stored) -> None:
    """Left is what was granted and not settled, and nothing is held; settled is what is stored."""
    if play.scenario.plan == "unlimited":
        assert not stored.balances
        assert not stored.ledger
        return
    granted = sum(int(entry.credits) for entry in stored.ledger if "grant" in entry.sk)
    settled = {
        entry.sk.removeprefix(keys.ledger("")): int(entry.credits)
        for entry in stored.ledger
        if "grant" not in entry.sk
    }
    for balance in stored.balances:
        assert not balance.holds, "a hold is left"
        assert balance.credits == CREDITS + granted - sum(settled.values())
    assert stored.balances or not stored.ledger
    for answer in stored.new:
        if answer.role == "assistant" and answer.state in ("done", "stopped"):
            assert settled[answer.id] == price(MODEL.credits, answer.usage)


def check_once(play: Play, stored: Stored, answer: Answer, again: Answer | None) -> None:
    """No answer was made twice, and the same key got the same."""
    answers = [each for each in stored.new if each.role == "assistant"]
    assert play.asked - play.in_vain <= len(answers), "the model was asked twice for one answer"
    ours = [each for each in answers if not each.text.startswith(HALF)]  # without the rivals'
    if play.scenario.way == "worker" or play.scenario.story == "replayed":
        assert not ours, "answered anew"
    elif play.scenario.keyed and again and not again.refused:
        assert len(ours) == 1, "a second answer under the same key"
    elif not again:
        assert len(ours) == 1
    if play.scenario.keyed and again and answer.completed and not play.deleted:
        assert again.told() == answer.told(), "the same key got another answer"


def check_shown(play: Play, stored: Stored) -> None:
    """All generations have ended and no lease is left; every large body can be had, every version
    is there and shown, and a redo that came to nothing has given back what it replaced.
    """
    assert not stored.leases, "a lease is stuck"
    loaded = {key: messages.load(message) for key, message in stored.messages.items()}
    for (partition, _), message in loaded.items():
        assert message.state != "in-progress" or partition not in stored.conversations
    for item in stored.siblings:
        for each in item.ids or ():
            assert loaded[item.pk, keys.message(each)].shown, "a version that nobody can see"
    if play.scenario.way == "redo" and not any(each.shown for each in stored.new):
        conversation, newest_first = reading.branch(play.engine, play.owner, play.conversation.id)
        assert [each.id for each in newest_first][::-1] == [each.id for each in play.earlier]
        assert conversation.head == play.earlier[-1].id


def check_kept(play: Play, answer: Answer) -> None:
    """What a client was told is stored, is."""
    said, complete = answer.acknowledged, answer.completed
    if not said and not complete:
        return
    assert said or play.scenario.way == "redo"
    conversation = str((said or complete or {})["conversation_id"])
    _, shown = reading.branch(play.engine, play.owner, conversation)
    there = {each.id: reading.load(each) for each in shown}
    if said:
        assert there[said["id"]].text == said["content"] == play.question
    if complete:
        stored = there[complete["id"]]
        assert stored.state in ("done", "stopped")
        assert (stored.state, stored.text) == (complete["state"], complete["content"])
        told = complete["version"], complete["versions"]
        assert told == (stored.version, stored.versions)

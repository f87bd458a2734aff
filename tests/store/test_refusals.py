"""Where several things refuse a turn, the first of claim, version, lease and balance is told."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reprise.chat.errors import IdempotencyMismatch, NoCredits
from reprise.chat.messages import Conversation
from reprise.store import balances, conversations, generations, keys
from reprise.store.balances import Allowance
from reprise.store.claims import Claim, Claimed, ClaimItem
from reprise.store.generations import Held, Moved, Terms, Turn
from reprise.store.items import LeaseItem
from reprise.store.table import Item
from tests.calls import Call
from tests.faults import Fault, faults
from tests.store.payer import PAYER, Payer
from tests.store.scribe import EXPIRES, OWNER, START, Scribe, everything

CLAIM = Claim(OWNER, "k" * 64, "a" * 64, START / 1000)
TERMS = Terms(CLAIM, Allowance(100, None))
NAMES = ("claim", "version", "lease", "balance")
TOLD = {"claim": Claimed, "version": Moved, "lease": Held, "balance": NoCredits}


def first_of(reasons: tuple[str, ...]) -> type[Exception]:
    """What is told. A moved head and a lease are one to the engine, which reads again for both; the
    lease has more to say.
    """
    if "claim" not in reasons and "lease" in reasons:
        return Held
    return TOLD[reasons[0]]


SOME = [some for size in (1, 2, 3, 4) for some in combinations(NAMES, size)]


# Real ones


def claim_it(conversation: Conversation) -> None:
    item = ClaimItem(keys.claim(OWNER, CLAIM.key), keys.CLAIM)
    item.request, item.result, item.ttl = CLAIM.request, "another", int(CLAIM.now) + 60
    item.save()


def move_it(conversation: Conversation) -> None:
    item = conversations.to_item(conversation)
    item.version += 1
    item.save()


def hold_it(conversation: Conversation) -> None:
    lease_of(conversation).save()


def empty_it(conversation: Conversation) -> None:
    balances.grant(PAYER, balances.period(START), -100, 100, "grant-1", START)


WAYS: Mapping[str, Callable[[Conversation], None]] = dict(
    zip(NAMES, (claim_it, move_it, hold_it, empty_it), strict=True)
)


def lease_of(conversation: Conversation) -> LeaseItem:
    partition = keys.conversation(OWNER, conversation.number)
    return LeaseItem(partition, keys.LEASE, generation="another", expires=EXPIRES, ttl=1)


def turn_of(scribe: Scribe) -> Turn:
    return scribe.send(scribe.stored(), hold=Payer(scribe, TERMS.allowance).hold)


@pytest.mark.parametrize("reasons", SOME, ids="+".join)
def test_the_first_of_several_reasons_is_told_and_nothing_is_stored(
    scribe: Scribe, reasons: tuple[str, ...]
) -> None:
    turn = turn_of(scribe)
    for reason in reasons:
        WAYS[reason](turn.conversation)
    before = everything(turn.conversation)

    with pytest.raises(first_of(reasons)):
        generations.begin(turn, EXPIRES, TERMS)

    assert everything(turn.conversation) == before


def test_another_requests_claim_is_told_before_all_others(scribe: Scribe) -> None:
    turn = turn_of(scribe)
    for spoil in WAYS.values():
        spoil(turn.conversation)
    item = ClaimItem.get(keys.claim(OWNER, CLAIM.key), keys.CLAIM)
    item.request = "b" * 64
    item.save()

    with pytest.raises(IdempotencyMismatch):
        generations.begin(turn, EXPIRES, TERMS)


# Injected ones: DynamoDB names all that failed, whatever it stopped at


def refusing(reasons: tuple[str, ...], items: Mapping[str, Item]) -> Callable[[Call], Any]:
    """A cancelled transaction with these reasons, each with the item that lies there."""
    sorts = {"claim": keys.CLAIM, "version": keys.META, "lease": keys.LEASE}

    def kind(call: Call) -> Any:
        told = []
        for sort in call.sort_keys:
            name = next((each for each in reasons if sort == sorts.get(each, "-")), None)
            if sort.startswith("BALANCE#") and "balance" in reasons:
                name = "balance"
            told.append(
                {"Code": "ConditionalCheckFailed", "Message": "", "Item": items[name].serialize()}
                if name
                else {"Code": "None"}
            )
        assert sum(each["Code"] != "None" for each in told) == len(reasons)
        error = {"Code": "TransactionCanceledException", "Message": ""}
        raise ClientError({"Error": error, "CancellationReasons": told}, call.operation)

    return kind


@pytest.mark.parametrize("reasons", SOME, ids="+".join)
def test_the_reasons_are_read_in_their_order_wherever_they_stand(
    scribe: Scribe, reasons: tuple[str, ...]
) -> None:
    turn = turn_of(scribe)
    conversation = turn.conversation
    partition = keys.claim(OWNER, CLAIM.key)
    items: dict[str, Item] = {
        "claim": ClaimItem(
            partition, keys.CLAIM, request=CLAIM.request, result="another", ttl=int(CLAIM.now) + 60
        ),
        "version": conversations.to_item(conversation),
        "lease": lease_of(conversation),
        "balance": balances.BalanceItem(PAYER, keys.balance("2025-06"), credits=0),
    }

    with (
        faults(Fault("TransactWriteItems", refusing(reasons, items))) as struck,
        pytest.raises(first_of(reasons)),
    ):
        generations.begin(turn, EXPIRES, TERMS)

    assert len(struck) == 1

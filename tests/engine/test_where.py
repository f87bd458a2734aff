"""Which conversation is meant by a name, a number, an id, or an id under an agent."""

from dataclasses import replace

import pytest

from reprise.chat import ids
from reprise.chat.agents import Agent
from reprise.chat.errors import NotFound, OtherEndUser
from reprise.engine import where
from reprise.engine.where import OfAgent, Thread, check, home_of, number_of, thread
from tests.store.scribe import OTHER, OWNER, Scribe

SCRIBE = Scribe()
CONVERSATION = replace(SCRIBE.conversation(owner=OWNER), agent="support", end_user="ada")
ELSEWHERE = SCRIBE.conversation(owner=OWNER)
SUPPORT = Agent("support", "Support", OWNER, "account", "local")
DEFAULT = replace(SUPPORT, id="chosen", default=True)


def test_an_id_means_the_conversation_that_has_it_in_full() -> None:
    assert thread(OWNER, CONVERSATION.id) == CONVERSATION.id
    assert number_of(CONVERSATION.id) == CONVERSATION.number
    assert check(CONVERSATION.id, CONVERSATION) is CONVERSATION
    with pytest.raises(NotFound):
        check(CONVERSATION.id, replace(CONVERSATION, id=ELSEWHERE.id))


def test_a_number_means_the_conversation_that_has_it() -> None:
    assert thread(OWNER, str(CONVERSATION.number)) == CONVERSATION.number
    assert number_of(CONVERSATION.number) == CONVERSATION.number
    assert check(CONVERSATION.number, CONVERSATION) is CONVERSATION


@pytest.mark.parametrize(
    "name", ["trip", "", " ", "5", "0", "-1", "1750000000000", "1e20", "☕", "x" * 5_000]
)
def test_all_else_is_a_name_of_the_clients_own(name: str) -> None:
    """So are small numbers and what a clock says: no conversation has such a one."""
    meant = thread(OWNER, name)

    assert meant == Thread(ids.hashed_number(OWNER, name), name)
    assert number_of(meant) == ids.hashed_number(OWNER, name)
    assert thread(OTHER, name) != meant


def test_the_least_number_that_is_one() -> None:
    least = where._EARLIEST

    assert thread(OWNER, str(least)) == least
    assert isinstance(thread(OWNER, str(least - 1)), Thread)


def test_a_name_means_the_conversation_that_was_begun_by_it() -> None:
    meant = Thread(CONVERSATION.number, "trip")
    begun = replace(CONVERSATION, thread="trip")

    assert check(meant, begun) is begun
    for other in (CONVERSATION, replace(CONVERSATION, thread="Trip")):
        with pytest.raises(NotFound):
            check(meant, other)


def test_a_message_names_its_conversation() -> None:
    message_id = SCRIBE.mint.message_id(CONVERSATION.number)

    assert number_of(home_of(message_id)) == CONVERSATION.number
    assert check(home_of(message_id), CONVERSATION) is CONVERSATION
    for none in ("", "nonsense"):
        with pytest.raises(NotFound, match="Message not found"):
            home_of(none)


def test_an_agent_has_the_conversations_that_were_begun_with_it() -> None:
    meant = OfAgent(SUPPORT, CONVERSATION.id)

    assert number_of(meant) == CONVERSATION.number
    assert check(meant, CONVERSATION) is CONVERSATION
    for other in (replace(CONVERSATION, agent="sales"), replace(CONVERSATION, agent=None)):
        with pytest.raises(NotFound):
            check(meant, other)
    with pytest.raises(NotFound):
        check(meant, replace(CONVERSATION, id=ELSEWHERE.id))


def test_a_default_agent_has_those_too_that_name_none_of_its_accounts() -> None:
    meant = OfAgent(DEFAULT, CONVERSATION.id)
    unnamed = replace(CONVERSATION, agent=None)

    assert check(meant, unnamed) is unnamed
    for other in (CONVERSATION, replace(unnamed, owner=OTHER)):
        with pytest.raises(NotFound):
            check(meant, other)


def test_an_end_user_who_is_named_has_to_be_the_one() -> None:
    for end_user in (None, "ada"):
        assert check(OfAgent(SUPPORT, CONVERSATION.id, end_user), CONVERSATION) is CONVERSATION
    for end_user in ("bob", "", "Ada"):
        with pytest.raises(OtherEndUser):
            check(OfAgent(SUPPORT, CONVERSATION.id, end_user), CONVERSATION)
    with pytest.raises(OtherEndUser):
        check(OfAgent(SUPPORT, CONVERSATION.id, "ada"), replace(CONVERSATION, end_user=None))


def test_another_agents_is_not_there_whoever_is_named() -> None:
    with pytest.raises(NotFound):
        check(OfAgent(DEFAULT, CONVERSATION.id, "bob"), CONVERSATION)


@pytest.mark.parametrize(
    "meant",
    [
        CONVERSATION.id,
        CONVERSATION.number,
        Thread(CONVERSATION.number, "trip"),
        OfAgent(SUPPORT, CONVERSATION.id),
        home_of(SCRIBE.mint.message_id(CONVERSATION.number)),
    ],
)
def test_what_is_not_there_is_not_found(meant: where.Where) -> None:
    with pytest.raises(NotFound):
        check(meant, None)


@pytest.mark.parametrize("name", ["", "nonsense", "5", "☕"])
def test_what_is_no_id_names_no_conversation(name: str) -> None:
    assert number_of(name) is None
    assert number_of(OfAgent(SUPPORT, name)) is None

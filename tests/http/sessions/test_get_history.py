"""GET /v1/chat/history."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reprise.chat import ids
from reprise.chat.messages import Conversation
from reprise.store import conversations
from tests.api import Api
from tests.capacity import measured
from tests.chatbase import caller_of
from tests.conversations import create, message, send
from tests.faults import Fault, faults, meanwhile
from tests.models import FakeModels
from tests.sessions import (
    HISTORY,
    begin,
    history,
    listed,
    refusal,
    said,
    session,
    stream,
)
from tests.shapes import A_TIME
from tests.store.scribe import Scribe

DAY = 86_400_000  # milliseconds
MORNING = 1_767_607_200_000  # 2026-01-05T10:00:00Z
LONG = "x" * 250_000  # bytes: it lies in the bucket

pytestmark = pytest.mark.usefixtures("models")
Put = Callable[..., int]


@pytest.fixture
def put(api: Api) -> Put:
    """Stores a conversation without messages and returns its number."""
    scribe, owner = Scribe(), caller_of(api).owner

    def put(
        created: int = MORNING,
        model: str | None = "fake",
        active: int | None = None,
        title: str | None = "Trip",
    ) -> int:
        made: Conversation = replace(
            scribe.conversation(owner=owner),
            created=created,
            activity=active or created,
            model=model,
            title=title,
        )
        assert conversations.create(made)
        return made.number

    return put


def test_a_session_is_shown_whole(api: Api, models: FakeModels) -> None:
    models.enqueue([LONG])
    made = begin(api, "Tell me a story")

    answer = api.stream(HISTORY, method="GET")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "total": 1,
        "page": 1,
        "page_size": 10,
        "sessions": [
            {
                "id": made,
                "user_id": ids.number_of(caller_of(api).account_id),
                "application_id": None,
                "model": "fake",
                "title": "Tell me a story",
                "messages": said("Tell me a story", LONG),
                "created_at": A_TIME,
                "updated_at": A_TIME,
            }
        ],
    }
    (found,) = answer.json()["sessions"]
    assert list(found)[-2:] == ["created_at", "updated_at"]
    assert found["created_at"] <= found["updated_at"]


def test_who_has_no_session_has_an_empty_history(api: Api, stranger: Api) -> None:
    begin(stranger)

    assert history(api) == {"total": 0, "page": 1, "page_size": 10, "sessions": []}


def test_the_latest_activity_comes_first(api: Api) -> None:
    first, second = begin(api), begin(api)
    assert listed(api) == [second, first]

    stream(api, "Hello", "An answer.", "And?", session_id=first)

    assert listed(api) == [first, second]


def test_the_pages_are_the_whole_list(api: Api, put: Put) -> None:
    made = [put(MORNING + number) for number in range(7)][::-1]

    pages = [history(api, page=page, page_size=3) for page in (1, 2, 3, 4)]

    assert [[each["id"] for each in page["sessions"]] for page in pages] == [
        made[:3],
        made[3:6],
        made[6:],
        [],
    ]
    assert {page["total"] for page in pages} == {7}
    assert [(page["page"], page["page_size"]) for page in pages] == [(n, 3) for n in (1, 2, 3, 4)]


def test_only_the_shown_branch_is_history(api: Api, models: FakeModels) -> None:
    made = begin(api, "One")
    stream(api, "One", "An answer.", "Two", session_id=made)
    models.enqueue(["Else"])
    stream(api, "Three", session_id=made)

    (found,) = history(api)["sessions"]

    assert found["messages"] == said("Three", "Else")


def test_what_was_hidden_elsewhere_is_not_shown(api: Api) -> None:
    conversation = create(api)
    user, _ = send(api, conversation, "Hello")
    api.delete(message(user["id"]))

    (found,) = history(api)["sessions"]

    assert found["messages"] == [{"role": "assistant", "content": "An answer."}]


def test_conversations_of_other_surfaces_are_in_it(api: Api, put: Put) -> None:
    put(model=None, title=None)
    send(api, create(api, "Trip"), "Hello", model="alias-of-fake")

    trip, untitled = history(api)["sessions"]

    assert (trip["title"], trip["model"]) == ("Trip", "alias-of-fake")
    assert trip["messages"] == said("Hello", "An answer.")
    assert (untitled["title"], untitled["model"], untitled["messages"]) == ("New Chat", None, [])


def test_a_session_that_is_deleted_meanwhile_is_left_out(api: Api) -> None:
    first, second, third = begin(api), begin(api), begin(api)
    reading = Fault("Query", meanwhile(lambda: gone(api, second)), on=2)

    with faults(reading) as struck:
        found = history(api)

    assert struck
    assert [each["id"] for each in found["sessions"]] == [third, first]


def gone(api: Api, made: int) -> None:
    conversation, _ = conversations.find(caller_of(api).owner, made)
    assert conversation
    assert conversations.delete(conversation)


# --- Filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"start_date": "2026-01-05T10:00:00Z"}, [2, 1]),
        ({"start_date": "2026-01-05T10:00:00.001Z"}, [2]),
        ({"start_date": "2026-01-05T10:00:00.0001Z"}, [2]),
        ({"start_date": "2026-01-05T10:00:00"}, [2, 1]),  # without a zone: UTC
        ({"start_date": "2026-01-05T11:00:00+01:00"}, [2, 1]),
        ({"start_date": "2026-01-05T10:00:00-01:00"}, [2]),
        ({"start_date": "2026-01-05"}, [2, 1]),
        ({"start_date": "20260106"}, [2]),
        ({"end_date": "2026-01-05T10:00:00Z"}, [1, 0]),
        ({"end_date": "2026-01-05T09:59:59.999"}, [0]),
        ({"end_date": "2026-01-05T10:00:00.0009"}, [1, 0]),
        ({"end_date": "2026-01-05"}, [0]),  # the moment at which it begins
        ({"start_date": "2026-01-05T10:00:00Z", "end_date": "2026-01-05T10:00:00Z"}, [1]),
        ({"start_date": "2026-01-04", "end_date": "2026-01-07"}, [2, 1, 0]),
        ({"start_date": "2027-01-01"}, []),
        ({"end_date": "2023-01-01"}, []),
        ({"start_date": "0001-01-01T00:00:00+14:00"}, [2, 1, 0]),
        ({"end_date": "9999-12-31T23:59:59-14:00"}, [2, 1, 0]),
    ],
)
def test_sessions_are_filtered_by_when_they_were_created(
    api: Api, put: Put, query: dict[str, str], expected: list[int]
) -> None:
    made = [put(MORNING + days * DAY) for days in (-1, 0, 1)]

    found = history(api, **query)

    assert [each["id"] for each in found["sessions"]] == [made[number] for number in expected]
    assert found["total"] == len(expected)


def test_one_that_was_created_before_does_not_count_though_it_was_active_since(
    api: Api, put: Put
) -> None:
    put(MORNING - DAY, active=MORNING + DAY)
    later = put(MORNING)

    assert listed(api, start_date="2026-01-05") == [later]


@pytest.mark.parametrize("name", ["gpt-4", "openai/gpt-4"])
def test_a_filter_finds_every_name_of_a_model(api: Api, put: Put, name: str) -> None:
    short, long = put(model="gpt-4"), put(MORNING + 1, model="openai/gpt-4")
    put(model="openai/gpt-4o")
    put(model=None)

    assert listed(api, model=name) == [long, short]
    assert [each["model"] for each in history(api, model=name)["sessions"]] == [
        "openai/gpt-4",
        "gpt-4",
    ]


def test_a_filter_for_a_model_that_nobody_knows_finds_nothing(api: Api, put: Put) -> None:
    put()

    assert history(api, model="vendor/nothing")["total"] == 0
    assert listed(api, model="fake") != []


def test_filtered_lists_have_pages_and_a_total(api: Api, put: Put) -> None:
    made = [
        put(MORNING + number, model="gpt-4" if number % 5 == 0 else "other") for number in range(30)
    ]
    wanted = made[::5][::-1]

    pages = [history(api, model="gpt-4", page=page, page_size=4) for page in (1, 2, 3)]

    assert [[each["id"] for each in page["sessions"]] for page in pages] == [
        wanted[:4],
        wanted[4:],
        [],
    ]
    assert {page["total"] for page in pages} == {6}


def test_a_page_reads_the_index_and_its_own_sessions_only(api: Api, put: Put) -> None:
    """Of 300 conversations, with two messages each."""
    entries = 300
    for number in range(entries):
        put(MORNING + number)
    begin(api)

    with measured() as whole:
        assert history(api, page_size=1)["total"] == entries + 1
    with measured() as part:
        assert history(api, page_size=1, start_date="2026-06-01")["total"] == 1

    read = [charge for charge in whole.charges if charge.operation == "Query"]
    assert len(read) <= 4
    # 200 bytes of an entry, eventually consistent; the session itself, and who calls
    assert whole.read_units <= entries * 200 / 4096 / 2 + 4
    assert part.read_units <= 4


# --- Bad input ------------------------------------------------------------------------------------

NO_DATE = "is no date or time in ISO format"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("page=0", "page: Input should be greater than or equal to 1"),
        ("page=-1", "page: Input should be greater than or equal to 1"),
        ("page=1000001", "page: Input should be less than or equal to 1000000"),
        ("page=x", None),
        ("page=1.5", None),
        ("page=", None),
        ("page_size=0", "page_size: Input should be greater than or equal to 1"),
        ("page_size=101", "page_size: Input should be less than or equal to 100"),
        ("page_size=x", None),
        ("start_date=yesterday", f"start_date: {NO_DATE}"),
        ("end_date=yesterday", f"end_date: {NO_DATE}"),
        ("start_date=", f"start_date: {NO_DATE}"),
        ("start_date=1767607200", f"start_date: {NO_DATE}"),
        ("start_date=2026-02-30", f"start_date: {NO_DATE}"),
        ("start_date=2026-01-05T25:00:00", f"start_date: {NO_DATE}"),
        ("start_date=10000-01-01", f"start_date: {NO_DATE}"),
        pytest.param(f"start_date={'1' * 5000}", f"start_date: {NO_DATE}", id="long"),
        ("start_date=2026-01-05x10:00:00", f"start_date: {NO_DATE}"),
        ("start_date=2026-01-05T10:00:00+01:00", f"start_date: {NO_DATE}"),  # a + is a space here
        (
            "start_date=2026-01-05&end_date=2026-01-04",
            "end_date: must not be before start_date",
        ),
        (
            "start_date=2026-01-05T10:00:00Z&end_date=2026-01-05T10:30:00%2B01:00",
            "end_date: must not be before start_date",
        ),
        ("model=", "model: String should have at least 1 character"),
        (f"model={'x' * 201}", "model: String should have at most 200 characters"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(api: Api, query: str, detail: str | None) -> None:
    answer = api.get(f"{HISTORY}?{query}")

    assert answer.status == 400
    told: dict[str, Any] = answer.json()
    assert told.keys() == {"detail"}
    assert isinstance(told["detail"], str)
    assert detail is None or told == refusal(detail)


def test_a_deleted_session_is_not_listed(api: Api) -> None:
    made = begin(api)
    api.delete(session(made))

    assert history(api)["total"] == 0

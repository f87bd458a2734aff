"""GET /api/chat/prompts: the account's own, newest first, then the templates; filtered and in
pages.
"""

import itertools

import pytest

from reprise.accounts import prompts
from tests.api import Api, everything_stored
from tests.prompts import FULL, PREVIEW, PROMPTS, TEMPLATE, create, listed, prompt, shape

TEMPLATES = [each.said.title for each in prompts.templates().values()]


@pytest.fixture(autouse=True)
def _in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers follow each other, though prompts are made within a millisecond."""
    numbers = itertools.count(1_000_000)
    monkeypatch.setattr("reprise.chat.ids.Mint.number", lambda self: next(numbers))


def test_an_account_without_prompts_finds_the_templates(api: Api) -> None:
    page = api.get(PROMPTS).json()

    assert [each["title"] for each in page["items"]] == TEMPLATES
    assert all(each["is_template"] for each in page["items"])
    assert page == {"items": page["items"], "total": len(TEMPLATES), "page": 1, "page_size": 20}


def test_its_own_come_first_the_newest_of_them_at_the_top(api: Api, stranger: Api) -> None:
    create(stranger, title="Foreign")
    for title in ("A", "B"):
        create(api, title=title)

    assert listed(api, "") == ["B", "A", *TEMPLATES]
    assert listed(api, "include_templates=false") == ["B", "A"]
    assert listed(api, "include_templates=true") == ["B", "A", *TEMPLATES]


def test_items_are_as_they_are_read_one_by_one(api: Api) -> None:
    made = create(api, **FULL)

    items = api.get(PROMPTS).json()["items"]

    assert items[0] == shape(made, **FULL)
    assert [api.get(prompt(each["id"])).json() for each in items] == items


def test_uses_of_templates_are_told(api: Api, stranger: Api) -> None:
    create(api)
    api.post(PREVIEW, json={"prompt_id": TEMPLATE})

    counts = {each["id"]: each["usage_count"] for each in api.get(PROMPTS).json()["items"]}

    assert counts[TEMPLATE] == 1
    assert sum(counts.values()) == 1
    assert sum(each["usage_count"] for each in stranger.get(PROMPTS).json()["items"]) == 0


def test_pages(api: Api) -> None:
    for number in range(5):
        create(api, title=f"P{number}")
    own = "include_templates=false"

    assert listed(api, f"{own}&page_size=2") == ["P4", "P3"]
    assert listed(api, f"{own}&page_size=2&page=3") == ["P0"]
    assert listed(api, f"{own}&page_size=2&page=4") == []
    assert listed(api, "page_size=2&page=3") == ["P0", TEMPLATES[0]]
    page = api.get(f"{PROMPTS}?{own}&page=2&page_size=3").json()
    assert (page["total"], page["page"], page["page_size"]) == (5, 2, 3)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("straSSE", ["Title"]),
        ("STRAßE", ["Title"]),
        ("ÉTÉ", ["Content"]),
        ("{City}", ["Content"]),
        ("a description", ["Description"]),
        ("description", ["Description"]),
        ("%C3%A9t", ["Content"]),
        ("nowhere", []),
        ("", ["Description", "Content", "Title"]),
    ],
)
def test_search_looks_into_title_content_and_description_whatever_the_case(
    api: Api, search: str, found: list[str]
) -> None:
    create(api, title="Straße", metadata={"name": "Title"}, scenario="nowhere")
    create(api, content="Un été à {city}", metadata={"name": "Content"})
    create(api, description="A Description", metadata={"name": "Description"})

    page = api.get(f"{PROMPTS}?include_templates=false&search={search}").json()

    assert [each["metadata"]["name"] for each in page["items"]] == found
    assert page["total"] == len(found)


def test_search_and_scenario_hold_for_templates_too(api: Api) -> None:
    create(api, title="Mine", scenario="translation")
    create(api, title="Other", scenario="Translation")

    assert listed(api, "scenario=translation") == ["Mine", "Translation"]
    assert listed(api, "scenario=translation&search=mine") == ["Mine"]
    assert listed(api, "scenario=translation&include_templates=false") == ["Mine"]
    assert listed(api, "scenario=unheard-of") == []


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("page=0", "page: Input should be greater than or equal to 1"),
        ("page=-1", "page: Input should be greater than or equal to 1"),
        ("page=1000001", "page: Input should be less than or equal to 1000000"),
        ("page_size=0", "page_size: Input should be greater than or equal to 1"),
        ("page_size=101", "page_size: Input should be less than or equal to 100"),
        (
            "page=x",
            "page: Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "include_templates=perhaps",
            "include_templates: Input should be a valid boolean, unable to interpret input",
        ),
        ("search=" + "x" * 1001, "search: String should have at most 1000 characters"),
        ("scenario=" + "x" * 101, "scenario: String should have at most 100 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Api, query: str, detail: str) -> None:
    refused = api.get(f"{PROMPTS}?{query}")

    assert (refused.status, refused.json()) == (422, {"detail": detail})


def test_a_page_may_be_larger_than_a_buffered_answer(api: Api) -> None:
    contents = [chr(0x8A9E + number) * 100_000 for number in range(25)]
    for content in contents:
        create(api, content=content)

    page = api.stream(f"{PROMPTS}?page_size=100&include_templates=false", method="GET")

    assert len(page.body) > 6 * 1024 * 1024
    assert [each["content"] for each in page.json()["items"]] == contents[::-1]


def test_reading_writes_nothing(api: Api) -> None:
    made = create(api)
    before = everything_stored()

    api.get(PROMPTS)
    api.get(prompt(made))
    api.get(prompt(TEMPLATE))

    assert everything_stored() == before

"""Passages are found by the words of a question."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.knowledge.index import Index, Unusable
from reprise.knowledge.passages import Passage

PAGES = (
    "Expenses are refunded within 30 days. Keep the receipts of all travels.",
    "Holidays: everybody has 28 days a year, and they can be saved for the next one.",
    "Die Kantine öffnet um 11 Uhr. Gäste sind willkommen.",
    "北京大学在海淀区。图书馆每天开放。",
    "Les réunions ont lieu à l'hôtel de ville, près de l'église.",
)


def found(question: str, *pages: str, limit: int = 8) -> list[int | None]:
    """The pages of the matches."""
    with Index.of("Handbook", pages or PAGES) as index:
        return [match.page for match in index.matches(question, limit)]


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("When are my travel expenses refunded?", 1),
        ("RECEIPT", 1),
        ("saving holidays", 2),
        ("Wann oeffnet die Kantine? offnet", 3),
        ("Gaste", 3),
        ("图书馆什么时候开放？", 4),
        ("京大", 4),
        ("区", 4),
        ("reunion eglise", 5),
    ],
)
def test_the_page_that_answers_is_first(question: str, page: int) -> None:
    assert found(question)[0] == page


@pytest.mark.parametrize("question", ["", " ", "?", "zebra", "斑马", '"', "*"])
def test_nothing_is_found_where_nothing_fits(question: str) -> None:
    assert found(question) == []


@given(st.text(st.characters()))
def test_any_question_may_be_asked(question: str) -> None:
    assert len(found(question)) <= len(PAGES)


def test_a_match_tells_where_it_is_and_how_well_it_fits() -> None:
    with Index.of("Handbook", PAGES) as index:
        (match,) = index.matches("receipts")

    assert (match.document, match.page, match.text) == ("Handbook", 1, PAGES[0])
    assert match.score > 0


def test_the_best_comes_first_and_others_after_it() -> None:
    with Index.of(
        "x", ["tea and milk", "coffee", "green tea, black tea", "tea or coffee"]
    ) as index:
        matches = index.matches("tea coffee")

    assert matches[0].page == 4
    assert len(matches) == 4
    assert [match.score for match in matches] == sorted(
        (match.score for match in matches), reverse=True
    )


def test_no_more_are_given_than_wanted() -> None:
    assert len(found("tea", *["tea"] * 20, limit=3)) == 3


def test_equals_come_in_the_order_of_the_pages() -> None:
    assert found("tea", *["tea"] * 5) == [1, 2, 3, 4, 5]


def test_documents_are_added_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "an index?.db"
    with Index.new(path) as index:
        assert index.add(7, "Tea", [Passage(1, "Tea is hot."), Passage(2, "Or cold.")]) == 2
        index.finish()
    with Index.extend(path) as index:
        assert index.add(1 << 52, "Coffee", [Passage(5, "Coffee is hot.")]) == 1
        index.finish()

    with Index.open(path) as index:
        matches = index.matches("hot")

    assert {(match.document, match.page) for match in matches} == {("Tea", 1), ("Coffee", 5)}


def test_a_file_to_search_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with Index.new(path) as index:
        index.finish()
    before = path.read_bytes()

    with Index.open(path) as index, pytest.raises(Unusable):
        index.add(1, "Tea", [])

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def damaged(content: bytes) -> list[bytes]:
    """What may become of a file."""
    return [
        b"",
        b"no database",
        content[:2_000],
        content[: len(content) // 2],
        content[:100] + bytes(len(content) - 100),
    ]


@pytest.mark.parametrize("how", range(5))
def test_a_damaged_file_is_unusable(tmp_path: Path, how: int) -> None:
    path = tmp_path / "index"
    with Index.new(path) as index:
        index.add(1, "Tea", [Passage(1, f"tea number {number}") for number in range(500)])
        index.finish()
    path.write_bytes(damaged(path.read_bytes())[how])

    with pytest.raises(Unusable), Index.open(path) as index:
        index.matches("tea")


def test_so_is_one_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with Index.new(path) as index:
        index._connection.execute("PRAGMA user_version = 2")

    with pytest.raises(Unusable):
        Index.open(path)


def test_and_one_that_is_not_there(tmp_path: Path) -> None:
    for way in (Index.open, Index.extend):
        with pytest.raises(Unusable):
            way(tmp_path / "none")

"""Documents are cut into passages."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reprise.knowledge.passages import OVERLAP, SIZE, Passage, passages

pages_of_text = st.lists(
    st.text(st.sampled_from("abcé東 .\n?") | st.characters(codec="utf-8"), max_size=400)
)


@given(
    pages_of_text,
    st.integers(4, 60).flatmap(lambda s: st.tuples(st.just(s), st.integers(0, s // 4))),
)
def test_all_of_a_text_is_in_its_passages_and_only_that(
    pages: list[str], bounds: tuple[int, int]
) -> None:
    size, overlap = bounds
    made = list(passages(pages, size, overlap))

    assert [passage.page for passage in made] == sorted(passage.page for passage in made)
    for number, page in enumerate(pages, 1):
        end = 0  # of what has been found so far
        for text in [passage.text for passage in made if passage.page == number]:
            assert 0 < len(text) <= size
            assert text == text.strip()
            start = page.index(text, max(0, end - overlap))
            assert not page[end:start].strip()
            end = start + len(text)
        assert not page[end:].strip()


def test_a_short_page_is_a_passage() -> None:
    assert list(passages([" One. Two.\n\nThree.\n"])) == [Passage(1, "One. Two.\n\nThree.")]


def test_a_page_without_text_has_none_and_is_counted() -> None:
    assert list(passages(["", "One", " \n", "Two"])) == [Passage(2, "One"), Passage(4, "Two")]


def cut(text: str, size: int, overlap: int = 0) -> list[str]:
    return [passage.text for passage in passages([text], size, overlap)]


def test_it_is_cut_behind_a_paragraph_if_one_ends_there() -> None:
    text = "First. It goes on\nand on.\n\nSecond. It goes on and on, too."

    assert cut(text, 40, 10) == ["First. It goes on\nand on.", "Second. It goes on and on, too."]


def test_else_behind_a_sentence() -> None:
    assert cut("One two three. Four five six seven", 24) == [
        "One two three.",
        "Four five six seven",
    ]


def test_else_behind_a_word() -> None:
    assert cut("one two three four five", 16) == ["one two", "three four five"]


def test_else_anywhere() -> None:
    assert cut("x" * 25, 10) == ["x" * 10, "x" * 8, "x" * 7]


def test_within_a_paragraph_the_end_of_a_passage_is_repeated() -> None:
    words = " ".join(f"word{number:03d}" for number in range(40))

    made = cut(words, 100, 25)

    for one, other in pairwise(made):
        repeated = " ".join(word for word in one.split() if word in other)
        assert 0 < len(repeated) <= 25
        assert one.endswith(repeated)
        assert other.startswith(repeated)


def test_no_crumbs_are_left() -> None:
    text = "All is well that ends well. " * (2 * SIZE // 28)

    assert all(len(passage.text) > SIZE // 3 for passage in passages([text], SIZE, OVERLAP))


def test_a_page_without_a_space_takes_no_time() -> None:
    assert sum(len(passage.text) for passage in passages(["x" * 2_000_000])) >= 2_000_000

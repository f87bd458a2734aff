"""Text as it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.knowledge.text import clean

anything = st.text(st.characters())  # halves of surrogate pairs among it


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("one\r\ntwo\rthree\ffour\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("one  \n\ttwo\t\n", "one\n\ttwo"),
        ("\n\none\n\n\ntwo", "one\n\n\ntwo"),
        ("a\0b\x1bc\x7fd", "abcd"),
        ("\ud83d\ude00", "😀"),
        ("\ud83d", "\ufffd"),
        ("", ""),
    ],
)
def test_what_is_not_text_goes(text: str, kept: str) -> None:
    assert clean(text) == kept


@given(anything)
def test_whatever_it_was_it_can_be_stored(text: str) -> None:
    kept = clean(text)

    assert kept.encode().decode() == kept
    assert "\0" not in kept
    assert clean(kept) == kept


def test_long_blanks_take_no_time() -> None:
    assert clean((" " * 2_000_000) + "x").endswith("x")

"""The grammar of prompts: small, strict, and read once."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.chat.errors import Invalid
from reprise.chat.messages import MAX_TEXT
from reprise.chat.placeholders import LONGEST_NAME, MOST_NAMES, Filled, Placeholder, fill, parse

contents = st.text(st.sampled_from("{}ab_1 \n"), max_size=30)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
values = st.dictionaries(names, st.text(max_size=10))


@pytest.mark.parametrize(
    ("content", "filled"),
    [
        ("", ""),
        ("no placeholder", "no placeholder"),
        ("{a}", "1"),
        ("{a}{a} {a_b} {_} {A9}", "11 2 3 4"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ("{{{{a}}}}", "{{a}}"),
        ("{{}}{{ }}", "{}{ }"),
        ('{{"n": "{a}"}}', '{"n": "1"}'),
        ("}}{{", "}{"),
    ],
)
def test_what_is_filled_in(content: str, filled: str) -> None:
    assert fill(content, {"a": "1", "a_b": "2", "_": "3", "A9": "4"}) == Filled(filled, ())


@pytest.mark.parametrize(
    ("content", "at"),
    [
        ("{", 1),
        ("}", 1),
        ("a{", 2),
        ("{a", 1),
        ("a}", 2),
        ("{}", 1),
        ("{ a}", 1),
        ("{a }", 1),
        ("{a-b}", 1),
        ("{a.b}", 1),
        ("{a!r}", 1),
        ("{a:>9}", 1),
        ("{1}", 1),
        ("{é}", 1),
        ("{a\n}", 1),
        ("{a{b}}", 1),
        ("{a}}", 4),
        ("{{a}", 4),
        ("{{{a}}", 6),
        ("}}}", 3),
        ('{"a": 1}', 1),
    ],
)
def test_a_broken_brace_is_told_by_its_place(content: str, at: int) -> None:
    with pytest.raises(Invalid, match=f"the brace at character {at} belongs") as refused:
        parse(content)

    assert refused.value.field == "content"


def test_names_and_their_number_are_bounded() -> None:
    longest = "n" * LONGEST_NAME
    assert parse(f"{{{longest}}}") == ["", Placeholder(longest), ""]
    many = "".join(f"{{n{number}}}" for number in range(MOST_NAMES))
    assert len(fill(many * 2, {}).unfilled) == MOST_NAMES

    for content in (f"{{{longest}n}}", many + "{one_more}"):
        with pytest.raises(Invalid):
            parse(content)


def test_what_would_be_too_much_is_refused_before_it_is_made() -> None:
    value = "x" * (MAX_TEXT // 2)

    assert len(fill("{a}{a}", {"a": value}).text) == MAX_TEXT
    with pytest.raises(Invalid, match="1,000,000 characters"):
        fill("{a}{a}.", {"a": value})
    with pytest.raises(Invalid, match="1,000,000 characters"):
        fill("{a}" * 33_000, {"a": "x" * MAX_TEXT})


def test_unfilled_ones_stay_and_are_told_once_each() -> None:
    assert fill("{b}{a}{b}{c}", {"c": "3", "d": "4"}) == Filled("{b}{a}{b}3", ("b", "a"))


@given(contents, values)
def test_a_content_is_refused_or_filled_whatever_it_is(
    content: str, given_values: dict[str, str]
) -> None:
    try:
        filled = fill(content, given_values)
    except Invalid:
        assert re.search(r"[{}]", content)
        return
    assert set(filled.unfilled).isdisjoint(given_values)


@given(st.text(max_size=50), values)
def test_any_text_can_be_escaped(text: str, given_values: dict[str, str]) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")

    assert fill(escaped, given_values) == Filled(text, ())


@given(st.text(max_size=20), st.text(max_size=20))
def test_values_are_never_expanded_again(first: str, second: str) -> None:
    filled = fill("{a}|{b}", {"a": first + "{b}{{a}}", "b": second})

    assert filled.text == f"{first}{{b}}{{{{a}}}}|{second}"

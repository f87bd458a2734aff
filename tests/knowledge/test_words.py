"""The words of a text, in any language, and questions made of them."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.knowledge.words import LONGEST, query, words

anything = st.text(st.characters())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World! It's 5:30.", "hello world it s 5 30"),
        ("snake_case and kebab-case", "snake case and kebab case"),
        ("Über Größe, façade, ÀÉÎ", "uber grosse facade aei"),
        ("ﬁnance ＡＢＣ", "finance abc"),
        ("a divi-\nded word, a soft\u00adness", "a divided word a softness"),
        ("pages 1-\n2", "pages 1 2"),
        ("Ὀδυσσεύς Йод", "οδυσσευσ иод"),
        ("हिन्दी में।", "हिन्दी में"),
        ("שָׁלוֹם عَرَبِيّ", "שלום عربي"),
        ("東京都 in Japan", "東京 京都 都 in japan"),
        ("iPhone手机", "iphone 手机 机"),
        ("서울에서", "서울 울에 에서 서"),
        ("สวัสดี", "สว วั ัส สด ดี ี"),
        ("…—«»", ""),
        ("", ""),
    ],
)
def test_words_are_found(text: str, found: str) -> None:
    assert " ".join(words(text)) == found


@given(anything)
def test_words_stay_words_between_spaces(text: str) -> None:
    found = list(words(text))

    assert " ".join(found).split(" ") == (found or [""])
    assert all(0 < len(word) <= LONGEST for word in found)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What is it?", '"what" OR "is" OR "it"'),
        ("it it IT", '"it"'),
        ("東京都", '"東京" OR "京都"'),
        ("水", '"水"*'),
        ('NOT "a* OR (b) NEAR/2 c:d ^e -f', '"near" OR "not" OR "or" OR "a" OR "b" OR "2" OR "c"'),
        ("", None),
        ("?!… ''", None),
    ],
)
def test_a_question_asks_for_any_of_its_words(question: str, asked: str | None) -> None:
    assert query(question, 7) == asked


def test_of_a_long_question_the_longest_words_are_asked_for() -> None:
    question = "a bb ccc dddd eeeee"

    assert query(question, 2) == '"eeeee" OR "dddd"'


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(w, content='', tokenize='porter ascii')")
    connection.execute("INSERT INTO t (rowid, w) VALUES (1, 'a b c')")
    return connection


SYNTAX = [
    '"',
    "'",
    "*",
    "(",
    ")",
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "NEAR/",
    "^",
    ":",
    "-",
    "+",
    "{",
    "}",
]


@given(st.lists(st.sampled_from(SYNTAX) | anything).map(" ".join), st.integers(1, 40))
def test_whatever_is_asked_is_a_query(index: sqlite3.Connection, question: str, most: int) -> None:
    asked = query(question, most)

    if asked is not None:
        index.execute("SELECT rowid FROM t WHERE t MATCH ?", (asked,)).fetchall()


@given(anything)
def test_a_text_is_found_by_itself(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(w, content='', tokenize='porter ascii')")
    connection.execute("INSERT INTO t (rowid, w) VALUES (1, ?)", (" ".join(words(text)),))

    if asked := query(text, 100):
        assert connection.execute("SELECT rowid FROM t WHERE t MATCH ?", (asked,)).fetchall()

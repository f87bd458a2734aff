"""The model reads as much of a branch's end as its window holds; nothing is read beyond that."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.chat.context import budget, estimate, fill, tokens_of
from reprise.chat.messages import Message, Part, Text, ToolCall
from tests.chat.strategies import parts, texts

WINDOW = 400  # of which 300 are the branch's


def message(*content: Part, **changes: Any) -> Message:
    defaults: dict[str, Any] = {
        "id": "m",
        "role": "user",
        "parts": content,
        "parent": None,
        "depth": 0,
        "path": b"",
        "state": "done",
        "created": 1,
        "updated": 1,
    }
    return Message(**(defaults | changes))


def of_tokens(count: int) -> Message:
    """A message that takes up so many tokens of a context."""
    made = message(Text("x" * 4 * (count - 5)))
    assert tokens_of(made) == count
    return made


def read_up_to(most: int, messages: Iterable[Message]) -> Iterator[Message]:
    """The messages, of which no more than `most` may be read."""
    for number, each in enumerate(messages, 1):
        assert number <= most, f"message {number} was read, {most} would have done"
        yield each


def test_a_branch_that_fits_is_there_whole_in_its_order() -> None:
    branch = [message(Text(str(n))) for n in range(10)]

    assert list(fill(branch, WINDOW)) == branch


def test_of_a_longer_branch_the_newest_messages_fit() -> None:
    branch = [of_tokens(100) for _ in range(5)]

    assert list(fill(branch, WINDOW)) == branch[:3]


def test_the_budget_may_be_filled_to_the_last_token() -> None:
    exactly = [of_tokens(200), of_tokens(100)]
    over = [of_tokens(200), of_tokens(101)]

    assert list(fill(exactly, WINDOW)) == exactly
    assert list(fill(over, WINDOW)) == over[:1]


def test_nothing_is_taken_from_behind_what_does_not_fit() -> None:
    branch = [of_tokens(100), of_tokens(250), of_tokens(50)]

    assert list(fill(branch, WINDOW)) == branch[:1]


def test_the_newest_message_is_there_even_if_it_is_too_long() -> None:
    branch = [of_tokens(1000), of_tokens(10)]

    assert list(fill(branch, WINDOW)) == branch[:1]


@pytest.mark.parametrize(
    "skipped",
    [
        message(Text("hidden"), hidden=True),
        message(state="error"),
        message(state="stopped"),
        message(state="in-progress"),
        message(state="done"),
    ],
    ids=["hidden", "failed empty", "stopped empty", "in progress", "done empty"],
)
def test_hidden_and_empty_messages_are_no_context(skipped: Message) -> None:
    first, last = message(Text("last")), message(Text("first"))

    assert list(fill([skipped, last, skipped, first, skipped], WINDOW)) == [last, first]


def test_the_newest_message_that_is_shown_is_there_even_if_it_is_too_long() -> None:
    long = of_tokens(1000)

    assert list(fill([message(Text("hidden"), hidden=True), long], WINDOW)) == [long]


def test_a_hidden_message_takes_no_room() -> None:
    hidden = message(Text("x" * 10_000), hidden=True)
    branch = [of_tokens(200), hidden, of_tokens(100)]

    assert list(fill(branch, WINDOW)) == [branch[0], branch[2]]


def test_a_partial_answer_is_context() -> None:
    partial = message(Text("It was a"), role="assistant", state="error")

    assert list(fill([partial], WINDOW)) == [partial]


def test_reading_ends_with_the_first_message_that_does_not_fit() -> None:
    branch = read_up_to(4, (of_tokens(100) for _ in range(1000)))

    assert len(list(fill(branch, WINDOW))) == 3


def test_nothing_is_read_before_somebody_asks() -> None:
    fitting = fill(read_up_to(1, [of_tokens(10)] * 10), WINDOW)

    next(fitting)


def test_a_quarter_of_the_window_stays_free_for_the_answer() -> None:
    assert budget(16_000) == 12_000


@given(texts, st.integers(1, 50))
def test_an_estimate_grows_with_the_text(text: str, times: int) -> None:
    assert estimate(text * times) >= estimate(text) * times - times


def test_four_bytes_are_a_token() -> None:
    assert (estimate("a" * 400), estimate("日" * 400)) == (101, 301)


def test_a_tool_call_takes_up_what_its_input_does() -> None:
    small, large = (message(ToolCall("1", "f", {"q": "x" * n})) for n in (10, 410))

    assert tokens_of(large) - tokens_of(small) == 100


@given(st.lists(st.lists(parts, max_size=3), max_size=10), st.integers(1, 200))
def test_what_is_kept_is_within_the_budget_or_one_message(
    contents: list[list[Part]], window: int
) -> None:
    branch = [message(*content) for content in contents]

    kept = list(fill(branch, window))

    said = [each for each in branch if each.parts]
    assert kept == said[: len(kept)]
    assert bool(kept) == bool(said)
    assert len(kept) <= 1 or sum(map(tokens_of, kept)) <= budget(window)
    if len(kept) < len(said):
        assert sum(map(tokens_of, said[: len(kept) + 1])) > budget(window)

"""What hypothesis may make up of the domain: texts, parts, the events of a generation."""

from hypothesis import strategies as st

from reprise.chat.events import Produced
from reprise.chat.ids import EPOCH_MS, NUMBER_BITS
from reprise.chat.messages import Part, Text, ToolCall, ToolResult

texts = st.text(max_size=30)  # any unicode but lone surrogates, which no UTF-8 can carry
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts),
    st.builds(ToolCall, texts, texts, st.dictionaries(texts, json_values, max_size=3)),
    st.builds(ToolResult, texts, texts, json_values, st.booleans()),
)

numbers = st.integers(1, (1 << NUMBER_BITS) - 1)
milliseconds = st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 1)
"""Every moment that an id can hold: from 2024 to 2093."""


@st.composite
def produced(draw: st.DrawFn, *, of: st.SearchStrategy[Part] = parts) -> list[Produced]:
    """Consecutive events of a generation, from anywhere in it; the clock may go backwards."""
    first = draw(st.integers(1, 10_000))
    made = draw(st.lists(st.tuples(milliseconds, of), min_size=1, max_size=8))
    return [Produced(first + i, at, part) for i, (at, part) in enumerate(made)]

"""Values of JSON that others made."""

import json
import math
from typing import Any

import pytest

from reprise.chat.values import DEEPEST, check, tool_input


@pytest.mark.parametrize("value", [None, [], {"a": [1, "ü"]}, json.loads("[" * 99 + "]" * 99)])
def test_a_value_is_written_as_it_will_be_read(value: Any) -> None:
    assert json.loads(check(value)) == value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (json.loads("[" * 101 + "]" * 101), "has more than 100 levels"),
        ({"a": math.nan}, "holds what JSON does not have"),
        (["\ud800"], "holds what JSON does not have"),
    ],
)
def test_what_others_could_not_read_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        check(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ('{"city": "Oslo"}', {"city": "Oslo"}),
        ('{"a": "\\ud83c\\udf88", "b": "\\ud83c"}', {"a": "🎈", "b": "\ufffd"}),
        ('{"a":' * (DEEPEST - 1) + "1" + "}" * (DEEPEST - 1), ...),
    ],
)
def test_a_models_call_has_its_input(text: str, value: Any) -> None:
    assert tool_input(text) == (json.loads(text) if value is ... else value)


@pytest.mark.parametrize(
    "text",
    [
        *("nonsense", "[]", "null", '{"a": NaN}', '{"a": 1'),
        '{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1),
        '{"a":' * 100_000,
    ],
)
def test_a_call_that_nobody_could_read_again_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|levels|object|Expecting|delimiter"):
        tool_input(text)

"""`tests.capacity` weighs items as DynamoDB does."""

from typing import Any

import pytest

from tests.capacity import size_of


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "Größe"}, 7),
        ({"S": "👍"}, 4),
        ({"B": b"1234"}, 4),
        ({"N": "0"}, 2),
        ({"N": "7"}, 2),
        ({"N": "42"}, 2),
        ({"N": "123"}, 3),
        ({"N": "-123"}, 4),
        ({"N": "1750000000123"}, 8),
        ({"N": "1000000"}, 2),
        ({"N": "1750000030.5"}, 7),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "abc"}, {"S": "d"}]}, 3 + 1 + 3 + 1 + 1),
        ({"M": {"key": {"S": "abc"}}}, 3 + 1 + 3 + 3),
    ],
)
def test_the_size_of_a_value(value: dict[str, Any], size: int) -> None:
    assert size_of({"": value}) == size


def test_names_are_a_part_of_an_items_size() -> None:
    assert size_of({"pk": {"S": "abc"}, "größe": {"N": "1"}}) == 2 + 3 + 7 + 2

"""What stands in an expected answer for a value that is another each time.

assert answer.json() == {"id": AN_ID, "created_at": A_TIME, "title": "Trip"}
"""

import re


class Matching:
    """Equal to every text of one form."""

    def __init__(self, name: str, pattern: str) -> None:
        self._name = name
        self._pattern = re.compile(pattern, re.ASCII)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(self._pattern.fullmatch(other))

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return self._name


AN_ID = Matching("AN_ID", r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
A_TIME = Matching("A_TIME", r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z")
A_REQUEST_ID = Matching(
    "A_REQUEST_ID", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)

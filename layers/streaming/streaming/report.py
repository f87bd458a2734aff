"""What Lambda is told about a failure, and what it is not."""

import json
import traceback
from dataclasses import dataclass

_FRAMES = 8  # the innermost ones


@dataclass(frozen=True)
class Report:
    """A kind of error and where it happened, `file:line` from the outside in. Never the text of an
    exception: it may hold what a user has written, and Lambda hands a report on to the caller.
    """

    kind: str
    where: tuple[str, ...] = ()
    detail: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Report":
        """The report of an exception; of a group with one exception, that one's."""
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        return cls(type(error).__name__, tuple(f"{f.filename}:{f.lineno}" for f in frames))

    def to_json(self) -> bytes:
        """The body of an error, as the Runtime API takes it.

        Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes",
        "Invocation error" and "Initialization error".
        """
        place = f" at {self.where[-1]}" if self.where else ""
        fields = {
            "errorMessage": self.detail or f"{self.kind}{place}",
            "errorType": self.kind,
            "stackTrace": self.where,
        }
        return json.dumps(fields).encode()

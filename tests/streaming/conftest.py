"""What the runtime logs."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from streaming import logs


class Lines:
    """The JSON lines written so far."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.all if line.get("requestId") == request_id]


@pytest.fixture
def logged() -> Iterator[Lines]:
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:]
    logs.set_up(None, stream)
    yield Lines(stream)
    root.handlers[:] = before

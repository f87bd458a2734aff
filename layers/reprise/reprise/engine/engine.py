"""What every use case works with: the models, the ids, the clock, the timing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from reprise.chat.ids import Mint
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Provider


class Models(Protocol):
    """Which models there are, and who answers for them."""

    def find(self, name: str | None) -> Model:
        """By name or alias, None for the default. Raises Invalid for one that is not to be had."""

    def provider(self, model: Model) -> Provider: ...


@dataclass(frozen=True)
class Timing:
    """Seconds. `poll` is how often a reader looks for news of an answer that runs elsewhere;
    `margin` is what the function's deadline leaves for the ending of an answer; `patience` is how
    long an ending is tried while the table cannot be had; `silence` is after how long without an
    event a stream says that it is still there.
    """

    chunk_every: float = 0.75
    poll: float = 0.5
    lease: float = 30
    renew_every: float = 10
    margin: float = 15
    patience: float = 60
    silence: float = 15
    retry_wait: float = 0.5
    retry_wait_most: float = 8


@dataclass(frozen=True)
class Engine:
    """`now` is the wall clock in seconds since the Unix epoch."""

    models: Models
    mint: Mint = field(default_factory=Mint)
    now: Callable[[], float] = time.time
    timing: Timing = field(default_factory=Timing)

    def now_ms(self) -> int:
        return int(self.now() * 1000)

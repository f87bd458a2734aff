"""Telling, on one line of the terminal, what is being measured."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Progress:
    """Called with what happens now. A terminal shows the latest word only, anything else all."""

    name: str = ""
    out: TextIO = field(default_factory=lambda: sys.stderr)
    began: float = field(default_factory=time.monotonic)

    def __call__(self, what: str) -> None:
        line = f"{time.monotonic() - self.began:4.0f} s  {self.name}: {what}"
        if self.out.isatty():
            self.out.write(f"\r\x1b[K{line[:99]}")
        else:
            self.out.write(f"{line}\n")
        self.out.flush()

    def end(self) -> None:
        """Leave the line, so that what follows does not overwrite it."""
        if self.out.isatty():
            self.out.write("\r\x1b[K")
            self.out.flush()

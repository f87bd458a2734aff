"""How often a caller may ask: fixed windows, counted in the table, exact however many ask at
once.
"""

import math
from dataclasses import dataclass

from reprise.accounts.plans import Plan
from reprise.chat.errors import RateLimited
from reprise.store import windows


@dataclass(frozen=True)
class Window:
    """How a caller stands in the window that is: `reset` is when the next one begins, in seconds
    since the Unix epoch.
    """

    limit: int
    count: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.count)

    def check(self, now: float) -> None:
        """Raises RateLimited."""
        if self.count > self.limit:
            raise RateLimited(self.limit, max(1, math.ceil(self.reset - now)))


@dataclass(frozen=True)
class Rate:
    """What is counted: a plan's `scope` for a `subject`, the partition of who asks."""

    plan: Plan
    scope: str
    subject: str

    def add(self, now: float) -> Window:
        """Count a request."""
        start, end = self._window(now)
        count = windows.add(self.scope, self.subject, start, end)
        return Window(self.plan.requests[self.scope], count, end)

    def look(self, now: float) -> Window:
        """The same without counting one."""
        start, end = self._window(now)
        count = windows.count(self.scope, self.subject, start)
        return Window(self.plan.requests[self.scope], count, end)

    def _window(self, now: float) -> tuple[int, int]:
        seconds = self.plan.windows[self.scope]
        start = int(now) // seconds * seconds
        return start, start + seconds

"""Who asks, and on what terms: what every use case that makes something is given."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reprise.accounts.rates import Window
from reprise.chat.messages import Hold, Usage
from reprise.llm.catalogue import Model
from reprise.store.balances import Allowance
from reprise.store.claims import Claim
from reprise.store.generations import Terms


@dataclass(frozen=True)
class Asker:
    """`owner` is the partition that conversations live in, `payer` the account's whose plan has the
    `allowance`. `deadline` is when the function ends, in seconds since the Unix epoch. `count`
    counts the request in its rate window, where there is one. `used` is told what an answer that
    was begun took, while it is stored, and awaited before its last event.
    """

    owner: str
    payer: str
    allowance: Allowance
    deadline: float
    claim: Claim | None = None
    count: Callable[[], Awaitable[Window]] | None = None
    used: Callable[[Usage], Awaitable[object]] | None = None

    @property
    def terms(self) -> Terms:
        return Terms(self.claim, self.allowance)

    def hold(self, model: Model) -> Hold | None:
        """What is held for an answer of a model."""
        if not self.allowance.limited:
            return None
        return Hold(self.payer, None if self.allowance.credits is None else model.credits)

    async def clear(self, now: float) -> None:
        """Count the request and look its claim up, side by side.

        Raises Claimed or IdempotencyMismatch, even where the request is one too many, RateLimited.
        """
        counting = asyncio.ensure_future(self.count()) if self.count else None
        try:
            if self.claim:
                await asyncio.to_thread(self.claim.look_up)
        except BaseException:
            if counting:
                await asyncio.gather(counting, return_exceptions=True)
            raise
        if counting:
            (await counting).check(now)

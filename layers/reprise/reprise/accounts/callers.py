"""The caller: who a request comes from and what it may do."""

from dataclasses import dataclass
from typing import Literal, get_args

from reprise.chat.errors import Forbidden

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Caller:
    """Who asks: an account that identified itself, or somebody without one. `owner` is the
    partition where their things live, `payer` the account's on whose plan they are, and `subject`
    whose requests are counted together: both the owner where they are not given.
    """

    account_id: str
    owner: str
    plan: str
    scopes: frozenset[str]
    payer: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "payer", self.payer or self.owner)
        object.__setattr__(self, "subject", self.subject or self.owner)

    def require(self, scope: Scope) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"This API key does not have the scope '{scope}'")

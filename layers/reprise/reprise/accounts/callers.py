"""The caller: who a request comes from and what it may do."""

from dataclasses import dataclass
from typing import Literal, get_args

from reprise.chat.errors import Forbidden

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Caller:
    """An account that identified itself. `owner` is the partition its things live in."""

    account_id: str
    owner: str
    plan: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"This API key does not have the scope '{scope}'")

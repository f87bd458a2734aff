"""Everything that can go wrong for a caller, raised in the layer and given a wire shape by each
surface.
"""

from typing import Literal


class RepriseError(Exception):
    """The root: a request that cannot be served."""


class Unauthorized(RepriseError):
    """No credentials, or none that are known and still valid."""


class NoneGiven(Unauthorized):
    """No credentials at all, or of a kind that is not taken here."""


class Expired(Unauthorized):
    """Credentials that were good once."""


class Forbidden(RepriseError):
    """Known credentials that do not allow this."""


class PlanRestricted(Forbidden):
    """An account whose plan does not include the API."""


class ReadOnly(Forbidden):
    """Something that is there for everybody, and that nobody changes."""


class OtherEndUser(Forbidden):
    """A conversation that the account has for another of its end users than the one named."""


class NotFound(RepriseError):
    """No such thing under this owner: absent, deleted, malformed or another's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not found")
        self.what = what


class Invalid(RepriseError):
    """A request that is well-formed and yet cannot be meant; `field` names what is at fault."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotAnAnswer(RepriseError):
    """A message that is there, where one of an assistant is wanted."""


class Conflict(RepriseError):
    """Something else is happening to the conversation; `generation` is what runs, if anything
    does.
    """

    def __init__(self, generation: str | None = None) -> None:
        super().__init__(
            "a generation is running" if generation else "the conversation has changed"
        )
        self.generation = generation


class IdempotencyMismatch(RepriseError):
    """An idempotency key that was used for another request before."""


class RateLimited(RepriseError):
    """More requests than the plan allows in this window; `retry_after` in seconds."""

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(f"{limit} requests are allowed")
        self.limit = limit
        self.retry_after = retry_after


class TooManyRunning(RepriseError):
    """As many answers are being generated for the account as its plan allows at once."""

    retry_after = 5  # seconds: answers end all the time

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} answers are being generated already")
        self.limit = limit


class NoCredits(RepriseError):
    """The account's credits of this month do not pay for the answer."""


class NothingToRedo(RepriseError):
    """There is nothing that could be done again: the conversation is `empty`, the target is the
    `last` message, or there is `no question` before it.
    """

    def __init__(self, why: Literal["empty", "last", "no question"]) -> None:
        super().__init__(f"nothing to redo: {why}")
        self.why = why


class UpstreamFailed(RepriseError):
    """The model could not be had, or broke off.

    `retryable`: it did not take the request on, and asking it again may help. `refused`: it did not
    take the request on and will not; another model may. Neither: it may have answered, and billed.
    `retry_after`: seconds the upstream asked for.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool = False,
        refused: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.refused = refused
        self.retry_after = retry_after

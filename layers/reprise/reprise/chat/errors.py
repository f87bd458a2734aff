"""Everything that can go wrong for a caller, raised in the layer and given a wire shape by each
surface.
"""


class RepriseError(Exception):
    """The root: a request that cannot be served."""


class Unauthorized(RepriseError):
    """No credentials, or none that are known and still valid."""


class Forbidden(RepriseError):
    """Known credentials that do not allow this."""


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


class Conflict(RepriseError):
    """Something else is happening to the conversation; `generation` is what runs, if anything
    does.
    """

    def __init__(self, generation: str | None = None) -> None:
        super().__init__(
            "a generation is running" if generation else "the conversation has changed"
        )
        self.generation = generation


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

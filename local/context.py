"""The context object that Lambda gives a handler."""

import time
import uuid
from dataclasses import dataclass

from local.cloudformation import ACCOUNT
from local.template import Function


@dataclass(frozen=True)
class Context:
    """Of one invocation; `deadline` is a reading of `time.monotonic`."""

    aws_request_id: str
    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    deadline: float
    function_version: str = "$LATEST"
    log_group_name: str = "/aws/lambda/local"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    @classmethod
    def of(cls, function: Function, region: str = "us-east-1") -> "Context":
        """A context for an invocation that begins now."""
        return cls(
            str(uuid.uuid4()),
            function.name,
            function.memory,
            f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function.name}",
            time.monotonic() + function.timeout,
        )

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))

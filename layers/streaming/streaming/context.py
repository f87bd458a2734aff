"""The context object, with the names that the managed runtime gives its fields."""

import json
import os
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

_CLIENT = (
    "installation_id",
    "app_title",
    "app_version_name",
    "app_version_code",
    "app_package_name",
)


@dataclass(frozen=True)
class Invocation:
    """One answer to `/next`: the event's bytes and what its headers say.

    `deadline` is when Lambda ends the invocation, in seconds since the Unix epoch.
    `client_context` and `identity` are JSON. None is what was not sent.
    """

    request_id: str
    body: bytes
    deadline: float
    function_arn: str | None = None
    trace_id: str | None = None
    client_context: str | None = None
    identity: str | None = None
    tenant_id: str | None = None
    invocation_id: str | None = None

    def remaining(self) -> float:
        """Seconds until the deadline, never less than none."""
        return max(0.0, self.deadline - time.time())


@dataclass(frozen=True)
class Context:
    """What Lambda says about an invocation and its function. As in the managed runtime, the memory
    is a text with a number of MB, and `identity` is never None.

    Source: Lambda developer guide, "Using the Lambda context object to retrieve Python function
    information".
    """

    aws_request_id: str
    function_name: str | None
    function_version: str | None
    invoked_function_arn: str | None
    memory_limit_in_mb: str | None
    log_group_name: str | None
    log_stream_name: str | None
    identity: Any
    client_context: Any
    tenant_id: str | None
    _deadline: float = field(repr=False)

    @classmethod
    def of(cls, invocation: Invocation) -> "Context":
        """Raises ValueError if the caller's context or identity is not a JSON object."""
        environ = os.environ.get
        return cls(
            aws_request_id=invocation.request_id,
            function_name=environ("AWS_LAMBDA_FUNCTION_NAME"),
            function_version=environ("AWS_LAMBDA_FUNCTION_VERSION"),
            invoked_function_arn=invocation.function_arn,
            memory_limit_in_mb=environ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
            log_group_name=environ("AWS_LAMBDA_LOG_GROUP_NAME"),
            log_stream_name=environ("AWS_LAMBDA_LOG_STREAM_NAME"),
            identity=_identity(invocation.identity),
            client_context=_client_context(invocation.client_context),
            tenant_id=invocation.tenant_id,
            _deadline=invocation.deadline,
        )

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


def _identity(text: str | None) -> SimpleNamespace:
    given = _json_object(text) or {}
    return SimpleNamespace(
        cognito_identity_id=given.get("cognitoIdentityId"),
        cognito_identity_pool_id=given.get("cognitoIdentityPoolId"),
    )


def _client_context(text: str | None) -> SimpleNamespace | None:
    given = _json_object(text)
    if given is None:
        return None
    client = given.get("client")
    if isinstance(client, dict):
        client = SimpleNamespace(**{name: client.get(name) for name in _CLIENT})
    return SimpleNamespace(custom=given.get("custom"), env=given.get("env"), client=client)


def _json_object(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    value = json.loads(text)
    if value is not None and not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value

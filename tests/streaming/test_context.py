"""The context object: what Lambda's managed runtime would give."""

import time

import pytest

from streaming.context import Context, Invocation


def context(**fields: str) -> Context:
    return Context.of(Invocation("r-1", b"", time.time() + 60, **fields))  # type: ignore[arg-type]


def test_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FUNCTION_NAME", "FUNCTION_VERSION", "LOG_GROUP_NAME", "LOG_STREAM_NAME"):
        monkeypatch.setenv(f"AWS_LAMBDA_{name}", name.lower())
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")

    given = context(function_arn="arn:1", tenant_id="t-1")

    assert (given.aws_request_id, given.invoked_function_arn) == ("r-1", "arn:1")
    assert (given.function_name, given.function_version) == ("function_name", "function_version")
    assert (given.log_group_name, given.log_stream_name) == ("log_group_name", "log_stream_name")
    assert given.memory_limit_in_mb == "512"
    assert given.tenant_id == "t-1"


def test_time_runs_out_at_the_deadline() -> None:
    past = Context.of(Invocation("r-1", b"", time.time() - 1))

    assert 59_000 < context().get_remaining_time_in_millis() <= 60_000
    assert past.get_remaining_time_in_millis() == 0


def test_identity_and_client_of_a_mobile_app() -> None:
    given = context(
        identity='{"cognitoIdentityId": "i-1", "cognitoIdentityPoolId": "p-1"}',
        client_context='{"custom": {"a": 1}, "env": {"b": 2}, "client": {"app_title": "Talk"}}',
    )

    assert given.identity.cognito_identity_id == "i-1"
    assert given.identity.cognito_identity_pool_id == "p-1"
    assert (given.client_context.custom, given.client_context.env) == ({"a": 1}, {"b": 2})
    assert given.client_context.client.app_title == "Talk"
    assert given.client_context.client.installation_id is None


def test_anybody_else_has_neither() -> None:
    assert context().identity.cognito_identity_id is None
    assert context().client_context is None


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        context(client_context=text)

"""What every test may use. The environment is set before anything of the project is imported."""

import copy
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

os.environ |= {
    # one of its own for each process: DynamoDB Local keeps a database for each
    "AWS_ACCESS_KEY_ID": "testing" + os.environ.get("PYTEST_XDIST_WORKER", ""),
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # moto does not know the addresses that have an account in them
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    "AWS_REGION": "us-east-1",
    "TABLE_NAME": "reprise",
    "BUCKET_NAME": "reprise-bodies",
    "POWERTOOLS_SERVICE_NAME": "reprise",
    "REPRISE_DEMO_TOKENS_PER_SECOND": "0",
}
for name in tuple(os.environ):
    if name.startswith(("OPENROUTER_", "OIDC_", "BEDROCK_")):
        del os.environ[name]

DYNAMODB = os.environ.get("REPRISE_TEST_DYNAMODB")  # endpoint of a DynamoDB Local; else it is moto
if DYNAMODB:
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = DYNAMODB

import boto3
import botocore.auth
import botocore.session
import botocore.useragent
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from local import backend, moto, template
from reprise.accounts import agents
from reprise.knowledge import files

# how fast examples are made is the machine's affair
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# The models of services are read from disk once, and not again by each session.
botocore.session.create_loader = cache(botocore.session.create_loader)
# What runs here is told to each service with each call, twice, and put together for it anew.
botocore.useragent.UserAgentString.to_string = lambda _: "tests"
# Nobody here looks at a signature, and it takes a sixth of a call.
_signed = botocore.auth.SigV4Auth.add_auth


def _named(auth: Any, request: Any) -> None:
    """Say whose a call to the table is, and no more."""
    if auth._service_name != "dynamodb":
        return _signed(auth, request)
    scope = f"{auth.credentials.access_key}/20261101/{auth._region_name}/dynamodb/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}"
    return None


if not DYNAMODB:
    botocore.auth.SigV4Auth.add_auth = _named

moto.patch()
DESIGN = template.load(os.environ["AWS_REGION"], os.environ)
SESSION = boto3.Session()


MATRIX = "test_fault_matrix"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say of the fault matrix how many cases were played, and of which faults."""
    played: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            _, _, case = report.nodeid.partition("::")
            if MATRIX in report.nodeid and report.when == "call" and case.endswith("]"):
                upstream = f"{MATRIX}_upstreams" in report.nodeid
                played["upstream" if upstream else case.rpartition("-")[2][:-1]] += 1
    if played:
        faults = ", ".join(f"{fault} {count}" for fault, count in sorted(played.items()))
        terminalreporter.write_line(f"fault matrix: {played.total()} cases: {faults}")


@contextmanager
def _aws() -> Iterator[None]:
    # it leaves endpoints alone that are not AWS's
    with mock_aws(config={"core": {"mock_credentials": False}}):
        boto3.DEFAULT_SESSION = SESSION  # moto's new one would read all models of services anew
        if DYNAMODB:
            client = _client("dynamodb")
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_table(TableName=os.environ["TABLE_NAME"])
            backend.create(DESIGN, client, _client("s3"))
        else:
            _moto_has(copy.deepcopy(_empty()))
        agents.forget()
        yield


@cache
def _empty() -> tuple[Any, Any]:
    """The table and the bucket as moto keeps them. Asked for over and over by the calls that make
    them, they took half of the time of most tests.
    """
    backend.create(DESIGN, _client("dynamodb"), _client("s3"))
    tables, buckets = _moto()
    return copy.deepcopy((tables.tables, buckets.buckets))


def _moto_has(stored: tuple[Any, Any]) -> None:
    tables, buckets = _moto()
    tables.tables, buckets.buckets = stored


def _moto() -> tuple[Any, Any]:
    return (
        dynamodb_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_REGION"]],
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"],
    )


@cache
def _client(service: str) -> Any:
    """Made once: it takes longer than most tests."""
    return boto3.client(service)


@pytest.fixture
def aws() -> Iterator[None]:
    """The template's table and bucket, empty."""
    with _aws():
        yield


@pytest.fixture(scope="module")
def shared_aws() -> Iterator[None]:
    """The same for a module whose tests do not mind what others of them have stored."""
    with _aws():
        yield


@pytest.fixture
def kept(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this machine keeps indexes, which is nothing yet; with the table and the bucket."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files.here.cache_clear()
    yield tmp_path / f"reprise-{os.getuid()}"
    files.here.cache_clear()

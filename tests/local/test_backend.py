"""Which table and bucket the functions get."""

import pytest

from local import backend

MOTO = "http://127.0.0.1:7002"


def configured(**environ: str) -> dict[str, str]:
    backend.configure(environ, MOTO)
    return environ


def test_moto_is_everything_by_default() -> None:
    assert backend.needs_moto({})
    environ = configured()

    assert environ[backend.DYNAMODB] == environ[backend.STREAMS] == environ[backend.S3] == MOTO
    assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == "us-east-1"


def test_dynamodb_local_takes_the_place_of_motos_table_and_stream() -> None:
    environ = configured(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:8000")

    assert environ[backend.DYNAMODB] == environ[backend.STREAMS] == "http://127.0.0.1:8000"
    assert environ[backend.S3] == MOTO


def test_aws_itself_has_its_streams_elsewhere() -> None:
    own = "https://dynamodb.eu-west-1.amazonaws.com"
    environ = configured(
        AWS_ENDPOINT_URL_DYNAMODB=own,
        AWS_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="mine",
        AWS_SECRET_ACCESS_KEY="mine",
    )

    assert environ[backend.DYNAMODB] == own
    assert backend.STREAMS not in environ
    assert environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert environ["AWS_ACCESS_KEY_ID"] == "mine"


@pytest.mark.parametrize(
    ("environ", "needed"),
    [
        ({"AWS_ENDPOINT_URL": "http://x"}, False),
        ({backend.DYNAMODB: "http://x", backend.S3: "http://x"}, False),
        ({backend.DYNAMODB: "http://x"}, True),
        ({backend.S3: "http://x"}, True),
    ],
)
def test_moto_is_started_only_where_it_is_needed(environ: dict[str, str], needed: bool) -> None:
    assert backend.needs_moto(environ) is needed

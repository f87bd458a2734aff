"""`reprise` itself: help, and what it says when it cannot begin."""

import pytest

from tests.api import aws_client
from tests.cli.conftest import Reprise


def test_it_wants_a_table(reprise: Reprise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_NAME")

    refused = reprise("accounts", "create", "ada")

    assert refused.status == 1
    assert refused.out == ""
    assert refused.err == (
        "reprise: set TABLE_NAME to the table of your deployment (output TableName), "
        "or use --local\n"
    )


def test_a_table_that_there_is_not_is_named(reprise: Reprise) -> None:
    aws_client("dynamodb").delete_table(TableName="reprise")

    refused = reprise("accounts", "create", "ada")

    assert refused.status == 1
    assert refused.err.startswith("reprise: cannot reach the table reprise: ")
    assert "Requested resource not found" in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("accounts",),
        ("agents",),
        ("agents", "put", "--account", "ada"),
        ("agents", "list"),
        ("corpora",),
        ("corpora", "add"),
        ("credits",),
        ("keys",),
        ("keys", "create"),
        ("keys", "revoke"),
        ("x",),
    ],
)
def test_half_a_command_is_answered_with_its_usage(
    reprise: Reprise, arguments: tuple[str, ...]
) -> None:
    refused = reprise(*arguments)

    assert refused.status == 2
    assert refused.err.startswith("usage: reprise")


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("keys", "--help"), ("keys", "create", "--help"), ("agents", "put", "--help")],
)
def test_help_is_given(reprise: Reprise, arguments: tuple[str, ...]) -> None:
    assert reprise(*arguments).status == 0

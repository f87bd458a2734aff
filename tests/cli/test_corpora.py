"""`reprise corpora`."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reprise.accounts import accounts
from reprise.knowledge import corpora
from reprise.store import keys
from tests.api import aws_client, everything_stored
from tests.cli.conftest import Outcome, Reprise
from tests.faults import Fault, disconnected, faults
from tests.knowledge.pdfs import document
from tests.shapes import AN_ID

UNKNOWN_ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"
TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
def reprise_with_ada(reprise: Reprise) -> Reprise:
    """With an account `ada`."""
    reprise("accounts", "create", "ada")
    return reprise


@pytest.fixture
def tea(tmp_path: Path) -> str:
    path = tmp_path / "tea.txt"
    path.write_text("Tea is served at four.")
    return str(path)


@pytest.fixture
def guide(tmp_path: Path) -> str:
    path = tmp_path / "guide.pdf"
    path.write_bytes(document("Expenses", "Keep the receipts."))
    return str(path)


def create(reprise: Reprise, *options: str) -> str:
    return reprise(
        "corpora", "create", "--account", "ada", "--name", "Handbook", *options
    ).out.strip()


def add(reprise: Reprise, *arguments: str) -> Outcome:
    return reprise("corpora", "add", "--account", "ada", *arguments)


def listed(reprise: Reprise, account: str = "ada") -> list[list[str]]:
    """The rows of `corpora list`: id, made, documents, pages, name."""
    _, *rows = reprise("corpora", "list", "--account", account).out.splitlines()
    return [re.split(r" {2,}", row) for row in rows]


def test_the_id_of_a_new_corpus_stands_alone_on_stdout(reprise_with_ada: Reprise) -> None:
    made = reprise_with_ada("corpora", "create", "--account", "ada", "--name", "Handbook")

    assert (made.status, made.err) == (0, "")
    assert made.out.removesuffix("\n") == AN_ID


def test_documents_are_added_and_can_be_found(
    reprise_with_ada: Reprise, kept: Path, tea: str, guide: str
) -> None:
    corpus = create(reprise_with_ada)

    added = add(reprise_with_ada, corpus, tea, guide)

    assert (added.status, added.out) == (0, "")
    assert added.err == f"added {tea}: 1 page\nadded {guide}: 2 pages\n"
    owner = keys.account(accounts.by_name("ada").number)
    (match,) = corpora.search(owner, [corpus], "Where do receipts go?")
    assert (match.document, match.page) == ("guide.pdf", 2)


def test_an_accounts_corpora_are_listed(reprise_with_ada: Reprise, tea: str, guide: str) -> None:
    first = create(reprise_with_ada)
    second = create(reprise_with_ada, "--knowledge-base", "ABCDE12345")
    add(reprise_with_ada, first, tea, guide)

    rows = listed(reprise_with_ada)

    assert sorted(rows) == sorted(
        [
            [first, TODAY, "2", "3", "Handbook"],
            [second, TODAY, "–", "–", "Handbook (knowledge base ABCDE12345)"],
        ]
    )


def test_the_corpora_of_others_are_not(reprise_with_ada: Reprise) -> None:
    create(reprise_with_ada)
    reprise_with_ada("accounts", "create", "bob")

    assert listed(reprise_with_ada, "bob") == []


def test_a_corpus_is_deleted(reprise_with_ada: Reprise, tea: str) -> None:
    before = everything_stored()
    corpus = create(reprise_with_ada)
    add(reprise_with_ada, corpus, tea)

    deleted = reprise_with_ada("corpora", "delete", "--account", "ada", corpus)

    assert (deleted.status, deleted.out) == (0, "")
    assert deleted.err == f"deleted {corpus}\n"
    assert everything_stored() == before


@pytest.mark.parametrize("arguments", [("delete",), ("add", "FILE")])
@pytest.mark.parametrize("corpus", [UNKNOWN_ID, "x", "bob's"])
def test_there_is_nothing_in_a_corpus_that_there_is_not(
    reprise_with_ada: Reprise, tea: str, arguments: tuple[str, ...], corpus: str
) -> None:
    if corpus == "bob's":
        reprise_with_ada("accounts", "create", "bob")
        made = reprise_with_ada("corpora", "create", "--account", "bob", "--name", "His")
        corpus = made.out.strip()
    before = everything_stored()

    verb, *rest = arguments
    refused = reprise_with_ada("corpora", verb, "--account", "ada", corpus, *(tea for _ in rest))

    assert refused.status == 1
    assert refused.err == f"reprise: Corpus {corpus} not found\n"
    assert everything_stored() == before


@pytest.mark.parametrize(
    "arguments", [("create", "--name", "x"), ("add", "x", "y"), ("list",), ("delete", "x")]
)
def test_an_account_that_there_is_not_has_no_corpora(
    reprise: Reprise, arguments: tuple[str, ...]
) -> None:
    verb, *rest = arguments

    refused = reprise("corpora", verb, "--account", "nobody", *rest)

    assert refused.status == 1
    assert refused.err == "reprise: Account nobody not found\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\n\xff", "is damaged"),
        (b"\xff\xd8", "is neither a PDF nor text in UTF-8"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    reprise_with_ada: Reprise, tmp_path: Path, tea: str, content: bytes | None, problem: str
) -> None:
    corpus, path = create(reprise_with_ada), tmp_path / "x"
    if content is not None:
        path.write_bytes(content)

    refused = add(reprise_with_ada, corpus, tea, str(path), tea)

    assert refused.status == 1
    assert refused.err == f"reprise: {path}: {problem}\n"
    assert listed(reprise_with_ada) == [[corpus, TODAY, "1", "1", "Handbook"]]  # those before it


@pytest.mark.parametrize("arguments", [("add", "x", "y"), ("delete", "x")])
def test_it_wants_a_bucket(
    reprise_with_ada: Reprise, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delenv("BUCKET_NAME")
    verb, *rest = arguments

    refused = reprise_with_ada("corpora", verb, "--account", "ada", *rest)

    assert refused.status == 1
    assert refused.err == (
        "reprise: BUCKET_NAME: set it to the bucket of your deployment (output BucketName), "
        "or use --local\n"
    )


def test_a_bucket_that_there_is_not_is_named(reprise_with_ada: Reprise, tea: str) -> None:
    corpus = create(reprise_with_ada)
    aws_client("s3").delete_bucket(Bucket="reprise-bodies")

    refused = add(reprise_with_ada, corpus, tea)

    assert refused.status == 1
    assert refused.err.startswith("reprise: cannot use the bucket reprise-bodies: ")


def test_a_bucket_that_cannot_be_reached_is_told(reprise_with_ada: Reprise, tea: str) -> None:
    corpus = create(reprise_with_ada)

    with faults(Fault("PutObject", disconnected)):
        refused = add(reprise_with_ada, corpus, tea)

    assert refused.status == 1
    assert refused.err.startswith("reprise: cannot reach AWS: ")


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--name", "", "name: needs 1 to 200 printable characters"),
        (
            "--knowledge-base",
            "x",
            "knowledge base: needs its id of 10 letters and digits, or its ARN",
        ),
    ],
)
def test_what_cannot_be_a_corpus_is_told(
    reprise_with_ada: Reprise, option: str, value: str, problem: str
) -> None:
    refused = reprise_with_ada(
        "corpora", "create", "--account", "ada", "--name", "Handbook", option, value
    )

    assert refused.status == 1
    assert refused.err == f"reprise: {problem}\n"

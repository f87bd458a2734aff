"""`reprise agents`."""

import re
from pathlib import Path

import pytest

from tests.api import everything_stored
from tests.cli.conftest import Reprise
from tests.shapes import AN_ID

SUPPORT = 'id = "support"\nname = "Support"\n'
FULL = """id = "support"
name = "Support"
model = "gpt-4o"
temperature = 0.5
public = true
corpora = ["handbook"]
instructions = \"\"\"
Be brief.
And kind.\"\"\"

[[tools]]
name = "get_weather"
description = "Tells the weather of a city"
schema = { type = "object", properties = { city = { type = "string" } } }

[[tools]]
name = "queryKnowledgeBase"
builtin = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(SUPPORT)
    return path


@pytest.fixture
def reprise_with_ada(reprise: Reprise) -> Reprise:
    """With an account `ada`."""
    reprise("accounts", "create", "ada")
    return reprise


def listed(reprise: Reprise, account: str = "ada") -> list[list[str]]:
    """The rows of `agents list`: id, name, model, to whom it is open."""
    _, *rows = reprise("agents", "list", "--account", account).out.splitlines()
    return [re.split(r" {2,}", row) for row in rows]


def test_an_agent_that_was_put_is_named_by_its_id(reprise_with_ada: Reprise, file: Path) -> None:
    made = reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert (made.status, made.out, made.err) == (0, "support\n", "")


def test_without_an_id_it_gets_one(reprise_with_ada: Reprise, file: Path) -> None:
    file.write_text('name = "Support"')

    ids = [
        reprise_with_ada("agents", "put", str(file), "--account", "ada").out.strip()
        for _ in range(2)
    ]

    assert ids == [AN_ID, AN_ID]
    assert len(set(ids)) == 2


def test_it_is_shown_as_the_file_that_made_it(reprise_with_ada: Reprise, file: Path) -> None:
    file.write_text(FULL)
    reprise_with_ada("agents", "put", str(file), "--account", "ada")

    shown = reprise_with_ada("agents", "show", "support", "--account", "ada")

    assert (shown.status, shown.out, shown.err) == (0, FULL, "")


def test_putting_it_again_replaces_it(reprise_with_ada: Reprise, file: Path) -> None:
    reprise_with_ada("agents", "put", str(file), "--account", "ada")
    file.write_text(FULL)

    reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert reprise_with_ada("agents", "show", "support", "--account", "ada").out == FULL
    assert [row[0] for row in listed(reprise_with_ada)] == [AN_ID, "support"]


def test_agents_are_listed_with_the_implicit_one(reprise_with_ada: Reprise, file: Path) -> None:
    file.write_text(FULL)
    reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert listed(reprise_with_ada) == [
        [AN_ID, "Assistant", "the default one", "the account, its default"],
        ["support", "Support", "gpt-4o", "everybody"],
    ]


def test_the_list_has_a_head(reprise_with_ada: Reprise) -> None:
    out = reprise_with_ada("agents", "list", "--account", "ada").out

    assert out.splitlines()[0].split() == ["ID", "NAME", "MODEL", "OPEN", "TO"]


def test_one_can_be_chosen_as_the_default(reprise_with_ada: Reprise, file: Path) -> None:
    reprise_with_ada("agents", "put", str(file), "--account", "ada", "--default")

    assert listed(reprise_with_ada) == [
        ["support", "Support", "the default one", "the account, its default"]
    ]


def test_it_stays_that_when_it_is_put_again(reprise_with_ada: Reprise, file: Path) -> None:
    reprise_with_ada("agents", "put", str(file), "--account", "ada", "--default")
    file.write_text(FULL)

    reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert listed(reprise_with_ada) == [["support", "Support", "gpt-4o", "everybody, its default"]]


def test_a_deleted_agent_is_gone(reprise_with_ada: Reprise, file: Path) -> None:
    reprise_with_ada("agents", "put", str(file), "--account", "ada", "--default")

    deleted = reprise_with_ada("agents", "delete", "support", "--account", "ada")

    assert (deleted.status, deleted.out, deleted.err) == (0, "", "deleted support\n")
    assert [row[:2] for row in listed(reprise_with_ada)] == [[AN_ID, "Assistant"]]


def test_the_implicit_agent_can_be_shown_and_so_changed(
    reprise_with_ada: Reprise, file: Path
) -> None:
    ((implicit, *_),) = listed(reprise_with_ada)

    shown = reprise_with_ada("agents", "show", implicit, "--account", "ada").out

    assert shown == f'id = "{implicit}"\nname = "Assistant"\npublic = false\n'
    file.write_text(shown)
    refused = reprise_with_ada("agents", "put", str(file), "--account", "ada")
    assert refused.err == "reprise: id: is reserved: ids of accounts look like this\n"


def test_the_agents_of_others_are_theirs(reprise_with_ada: Reprise, file: Path) -> None:
    reprise_with_ada("accounts", "create", "bob")
    file.write_text(FULL)
    reprise_with_ada("agents", "put", str(file), "--account", "ada")
    before = everything_stored()

    answers = [
        reprise_with_ada("agents", "put", str(file), "--account", "bob"),
        reprise_with_ada("agents", "show", "support", "--account", "bob"),
        reprise_with_ada("agents", "delete", "support", "--account", "bob"),
    ]

    assert [answer.err for answer in answers] == [
        "reprise: id: support belongs to another account\n",
        "reprise: Agent support not found\n",
        "reprise: Agent support not found\n",
    ]
    assert {answer.status for answer in answers} == {1}
    assert everything_stored() == before
    assert [row[0] for row in listed(reprise_with_ada, "bob")] == [AN_ID]


@pytest.mark.parametrize("verb", ["put", "list", "show", "delete"])
def test_an_account_that_there_is_not_has_no_agents(
    reprise: Reprise, file: Path, verb: str
) -> None:
    argument = {"put": [str(file)], "list": []}.get(verb, ["support"])

    refused = reprise("agents", verb, *argument, "--account", "nobody")

    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "reprise: Account nobody not found\n"


@pytest.mark.parametrize("agent_id", ["support", "", "a/b", "../x", "x" * 100])
def test_what_there_is_not_cannot_be_deleted(reprise_with_ada: Reprise, agent_id: str) -> None:
    before = everything_stored()

    refused = reprise_with_ada("agents", "delete", agent_id, "--account", "ada")

    assert refused.status == 1
    assert refused.err == f"reprise: Agent {agent_id} not found\n"
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name", "file: is not TOML: "),
        ('name = "Support"\ncolour = "red"', "colour: is not a field; there are id, name, "),
        ('name = "Support"\nmodel = "gpt-9"', "model: 'gpt-9' is not a known model"),
        ('name = "Support"\ntemperature = 3', "temperature: must be a number from 0 to 2"),
        ('name = "Support"\nid = "a/b"', "id: up to 64 letters, digits and "),
    ],
)
def test_a_file_that_cannot_be_meant_stores_nothing(
    reprise_with_ada: Reprise, file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    before = everything_stored()

    refused = reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(f"reprise: {said}")
    assert refused.err.count("\n") == 1
    assert everything_stored() == before


def test_a_file_that_is_not_there_is_told(reprise_with_ada: Reprise, tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        refused = reprise_with_ada("agents", "put", str(path), "--account", "ada")

        assert refused.status == 1
        assert refused.err.startswith("reprise: file: cannot be read: ")
        assert path.name in refused.err


def test_a_file_of_another_encoding_is_told(reprise_with_ada: Reprise, file: Path) -> None:
    file.write_bytes('name = "Größe"'.encode("latin-1"))

    refused = reprise_with_ada("agents", "put", str(file), "--account", "ada")

    assert refused.err.startswith("reprise: file: cannot be read: 'utf-8' codec")


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gpt-4o", "bedrock/nova-pro", "any/other"])
def test_a_model_may_be_one_that_only_the_deployment_has(
    reprise_with_ada: Reprise, file: Path, model: str
) -> None:
    """The command has neither its keys nor its settings."""
    file.write_text(SUPPORT + f'model = "{model}"')

    assert reprise_with_ada("agents", "put", str(file), "--account", "ada").status == 0

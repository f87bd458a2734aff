"""What `make invoke` and `make sam-local` say where they cannot do what they were asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.sam import functions
from local.sam.outcome import problem
from local.sam.template import FUNCTIONS, text
from tests.api import project
from tests.dev_server import ROOT

BUILT = """
Globals: {Function: {Layers: [!Ref OneLayer], Environment: {Variables: {TABLE_NAME: !Ref Table}}}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  OneLayer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: OneLayer}
  ListMessages:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ../../build/functions, Layers: [!Ref OneLayer]}
"""


@pytest.mark.parametrize("name", ["ListVersions", "ConversationsListVersions"])
def test_a_function_may_be_named_by_the_end_of_its_name(name: str) -> None:
    assert functions.main(name) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Say which function: make invoke F=ListVersions. There are: "),
        ("NoSuch", "There is no function NoSuch. There are: "),
        ("Message", "Message may be any of: "),
    ],
)
def test_who_names_none_or_several_is_told_which_there_are(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert functions.main(name) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    fitting = {each.name for each in project().functions if each.name.endswith(name)}
    assert set(line.removeprefix(said).split(", ")) == (
        fitting or {each.name for each in project().functions}
    )


@pytest.mark.parametrize("arguments", [(), ("ListVersions",)])
def test_without_docker_it_says_so_in_a_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.sam", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "sam local runs functions in containers: start Docker first\n"


def test_an_answer_is_no_problem() -> None:
    assert problem("ListMessages", 0, "null") is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, "sam local invoke failed, with status 1"),
        (-15, "sam local invoke was ended by signal 15"),
        (0, "ListMessages has not answered"),
    ],
)
def test_a_call_that_came_to_nothing_does_not_pass_in_silence(status: int, said: str) -> None:
    assert str(problem("ListMessages", status, "")).startswith(said)


def test_functions_are_told_where_the_backend_is() -> None:
    template = json.loads(text(BUILT, {"AWS_ENDPOINT_URL_S3": "http://172.17.0.1:7002"}))

    assert template["Globals"]["Function"]["Environment"]["Variables"] == {
        "TABLE_NAME": {"Ref": "Table"},
        "AWS_ENDPOINT_URL_S3": "http://172.17.0.1:7002",
    }
    assert template["Resources"]["ListMessages"]["Properties"]["CodeUri"] == str(FUNCTIONS)


def test_layers_have_names_of_this_working_copy() -> None:
    template = json.loads(text(BUILT, {}))

    (layer,) = (name for name in template["Resources"] if "Layer" in name)
    assert layer.startswith("OneLayer")
    assert layer != "OneLayer"
    assert template["Globals"]["Function"]["Layers"] == [{"Ref": layer}]
    assert template["Resources"]["ListMessages"]["Properties"]["Layers"] == [{"Ref": layer}]
    assert template["Resources"][layer]["Properties"]["ContentUri"].endswith("/host/OneLayer")

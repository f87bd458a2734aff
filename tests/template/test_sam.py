"""What SAM's own command line says, and what it is told to deploy."""

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.template.deployed import resources, template

ROOT = Path(__file__).parent.parent.parent
SAM = ROOT / ".venv-sam" / "bin" / "sam"
ENVIRONMENTS = ("dev", "prod")
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())

needs_sam = pytest.mark.skipif(not SAM.exists(), reason=f"{SAM} is not there: make build makes it")


def sam(*arguments: str, home: Path) -> str:
    """What it prints. It finds neither credentials nor AWS. Fails if it does."""
    environment = {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [SAM, *arguments, "--template", ROOT / "template.yaml"]
    ran = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@needs_sam
def test_sam_finds_nothing_wrong(tmp_path: Path) -> None:
    # ours asks for --lint, which is cfn-lint, and `make lint` asks that
    (config := tmp_path / "samconfig.toml").write_text("version = 0.1")

    said = sam("validate", "--config-file", str(config), home=tmp_path)

    assert "is a valid SAM Template" in said


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_is_a_stack_of_its_own(name: str) -> None:
    deploy = CONFIG[name]["deploy"]["parameters"]

    assert overrides(deploy)["StageName"] == name
    assert deploy["resolve_s3"] is True
    stacks = [CONFIG[each]["deploy"]["parameters"]["stack_name"] for each in ENVIRONMENTS]
    assert len(set(stacks)) == len(stacks)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_its_parameters_are_among_those_that_there_are(name: str) -> None:
    parameters = template()["Parameters"]

    for parameter, value in overrides(CONFIG[name]["deploy"]["parameters"]).items():
        allowed = parameters[parameter].get("AllowedValues", [value])
        assert value in [str(each) for each in allowed]


def test_production_is_asked_about_first() -> None:
    confirmed = {
        each: CONFIG[each]["deploy"]["parameters"]["confirm_changeset"] for each in ENVIRONMENTS
    }

    assert confirmed == {"dev": False, "prod": True}


def test_the_capabilities_are_enough() -> None:
    """A role or policy with a name would need CAPABILITY_NAMED_IAM."""
    roles = resources("AWS::IAM::Role").values()

    assert not any("RoleName" in role for role in roles)
    assert not any(
        "ManagedPolicyName" in each for each in resources("AWS::IAM::ManagedPolicy").values()
    )
    for name in ENVIRONMENTS:
        assert CONFIG[name]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_nothing_is_deployed_without_saying_where() -> None:
    assert "deploy" not in CONFIG["default"]


def overrides(deploy: dict[str, Any]) -> dict[str, str]:
    return dict(each.split("=", 1) for each in deploy["parameter_overrides"])

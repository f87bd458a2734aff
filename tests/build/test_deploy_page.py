"""What docs/deploy.md tells people to type is there: to try it all takes an AWS account."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from cli.main import parser
from local import cloudformation, template

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.sub(r"\\\n\s*", "", "".join(BLOCKS))
DESIGN = cloudformation.load(template.PATH.read_text(), "us-east-1", {}).content


@pytest.mark.parametrize("block", BLOCKS)
def test_the_commands_are_a_shells(block: str) -> None:
    subprocess.run(["bash", "-n", "-c", block], check=True)


def test_the_outputs_are_the_stacks() -> None:
    used = set(re.findall(r"\boutput ([A-Z]\w+)", PAGE))

    assert {"Url", "TableName"} <= used
    assert used <= set(DESIGN["Outputs"])


def test_every_parameter_is_explained() -> None:
    explained = set(re.findall(r"^\| .*", PAGE, re.MULTILINE))
    named = set(re.findall(r"`([A-Z]\w+)`", "".join(row.split(" | ")[0] for row in explained)))

    assert named == set(DESIGN["Parameters"])


def test_the_defaults_are_the_templates() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?(\w+)`? \|", PAGE, re.MULTILINE)
    defaults = {name: str(each["Default"]) for name, each in DESIGN["Parameters"].items()}

    assert {"StageName", "LogRetention", "RequestsPerSecond"} <= {name for name, _ in rows}
    for name, said in rows:
        if said not in ("none", "localhost"):
            assert said == defaults[name]
        elif said == "none":
            assert defaults[name] in ("", "none")


def test_the_example_of_parameters_is_one_that_the_template_takes() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    for override in tomllib.loads(block)["parameter_overrides"]:
        name, value = override.split("=", 1)
        if " " in value:  # unless it is in quotes, sam takes the first word and drops the rest
            assert (value[0], value[-1]) == ("'", "'")
        parameter = DESIGN["Parameters"][name]
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value.strip("'"))
        assert value in map(str, parameter.get("AllowedValues", [value]))


def test_the_region_is_given_where_all_commands_find_it() -> None:
    """SAM and the command line are botocore, which knows one name only."""
    (_, variable, _, _) = BOTOCORE_DEFAUT_SESSION_VARIABLES["region"]

    assert f"export {variable}=" in PAGE


def test_the_name_of_the_keys_parameter_is_one_that_the_template_takes() -> None:
    (name,) = re.findall(r"put-parameter --name (\S+)", COMMANDS)

    assert re.fullmatch(DESIGN["Parameters"]["OpenRouterKeyParameter"]["AllowedPattern"], name)


def test_the_command_line_takes_its_arguments() -> None:
    lines = re.findall(r"\.venv/bin/reprise ([^)\n]+)", COMMANDS)

    assert len(lines) == 2
    for line in lines:
        parser().parse_args(shlex.split(line))


def test_make_has_its_targets() -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, re.MULTILINE))

    assert {"build", "sam-local", "invoke", "test-sam"} <= targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_environments_are_in_samconfig() -> None:
    for name in re.findall(r"--config-env (\w+)", PAGE):
        assert f"[{name}.deploy.parameters]" in (ROOT / "samconfig.toml").read_text()

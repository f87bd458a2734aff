"""The built template, with what functions in containers have to be told.

`sam local --env-vars` can only change variables that the template already has, and the template has
no endpoints.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from local.cloudformation import Loader

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "host" / "template.yaml"
STAGED = ROOT / "build" / "host"


def write(variables: Mapping[str, str]) -> Path:
    """Write it beside the built one, because paths in it are relative, and return its path."""
    template = yaml.load(BUILT.read_text(), Loader)  # noqa: S506 (it is a SafeLoader)
    template["Globals"]["Function"]["Environment"]["Variables"] |= variables
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = str(STAGED / "functions")
    path = BUILT.with_name("local.json")
    path.write_text(json.dumps(template, default=str))
    return path

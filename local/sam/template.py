"""The built template, with what functions in containers have to be told.

`sam local --env-vars` can only change variables that the template already has, and the template has
no endpoints.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import yaml

from local.cloudformation import Loader

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "host" / "template.yaml"
STAGED = ROOT / "build" / "host"
FUNCTIONS = STAGED / "functions"


@contextmanager
def told(variables: Mapping[str, str]) -> Iterator[Path]:
    """Its path, as long as this is not left. Each run has its own, where no build removes it:
    `start-api` takes over what changes in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "template.json")
        path.write_text(text(BUILT.read_text(), variables))
        yield path


def text(built: str, variables: Mapping[str, str]) -> str:
    """As JSON. The layers have names of this working copy: sam calls the images that it builds by
    them, and one must not run what was built in another.
    """
    template = yaml.load(built, Loader)  # noqa: S506 (it is a SafeLoader)
    template["Globals"]["Function"]["Environment"]["Variables"] |= variables
    layers = []
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = str(FUNCTIONS)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = str(
                BUILT.parent / resource["Properties"]["ContentUri"]
            )
            layers.append(name)
    content = json.dumps(template, default=str)
    copy = sha256(str(ROOT).encode()).hexdigest()[:8]
    for name in layers:
        content = content.replace(f'"{name}"', f'"{name}{copy}"')
    return content

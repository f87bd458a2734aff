"""Importing what is staged, as a cold start does, in a process that has nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local import cloudformation, template
from local.build.stage import Staged

_SCRIPT = Path(__file__).with_name("first_import.py")


@dataclass(frozen=True)
class Imported:
    """`seconds` on the processor; `compiled` are the files that had no bytecode."""

    seconds: float
    compiled: tuple[str, ...]


def import_alone(staged: Staged, module: str, layers: Iterable[str]) -> Imported:
    """Import a module with these layers (folders of `layers/`). Fails if that fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(_SCRIPT), module, *staged.sys_path(layers)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return Imported(told["seconds"], tuple(told["compiled"]))


@cache
def layers() -> dict[str, tuple[str, ...]]:
    """The layers of each function in `template.yaml`, as folders of `layers/`, by handler."""
    document = cloudformation.load(template.PATH.read_text(), "us-east-1", {})
    resources = document.content["Resources"]
    folders = {
        document.names[name]: Path(resource["Properties"]["ContentUri"]).name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    of_all = document.content["Globals"]["Function"]["Layers"]
    return {
        resource["Properties"]["Handler"]: tuple(
            folders[each] for each in (*of_all, *resource["Properties"].get("Layers", ()))
        )
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }

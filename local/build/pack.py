"""`sam build` over what is staged."""

import os
import re
import subprocess
from pathlib import Path

from local.build.stage import Staged
from local.build.target import CannotBuild

ROOT = Path(__file__).parents[2]
_SAM = ROOT / ".venv-sam" / "bin" / "sam"
_ARCHITECTURE = re.compile(
    r"^(  Architecture:\n    Type: String\n    Default: ).*\n    AllowedValues:\n(?:    - .*\n)+",
    re.MULTILINE,
)


def pack(staged: Staged, architecture: str, into: Path) -> None:
    """Let SAM build into a folder, from which `sam deploy` deploys. Raises CannotBuild.

    Nothing is taken from SAM's cache: that knows the layers by their Makefiles, which do not change
    when what they copy does.
    """
    built = subprocess.run(
        [
            *(str(_SAM), "build", "--no-cached", "--build-dir", str(into)),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        cwd=ROOT,
        env=os.environ | {"STAGED": str(staged.root.absolute())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        raise CannotBuild(f"sam build failed:\n{built.stdout}")
    template = into / "template.yaml"
    template.write_text(pinned(template.read_text(), architecture))


def pinned(template: str, architecture: str) -> str:
    """A built template that takes no other architecture than the one that its packages are for, so
    that nobody deploys them to the other. Raises CannotBuild where it has no such parameter.
    """
    only = rf"\g<1>{architecture}\n    AllowedValues:\n    - {architecture}\n"
    pinned, found = _ARCHITECTURE.subn(only, template)
    if found != 1:
        raise CannotBuild("the built template has no parameter Architecture with allowed values")
    return pinned

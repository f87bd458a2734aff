"""The locked third-party packages of the functions, as wheels for another machine."""

import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

from local.build.target import CannotBuild, Target

ROOT = Path(__file__).parents[2]


def install(target: Target, into: Path) -> None:
    """Put into a folder what `uv.lock` has for the runtime, no more and no less, checked by hash.

    Raises CannotBuild, for example where a package has no wheel for the target.
    """
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder, "requirements.txt")
        _uv(
            ROOT,
            *("export", "--locked", "--no-dev", "--no-emit-project", "--no-annotate"),
            *("--python", sys.executable, "--output-file", str(locked)),
        )
        _uv(
            folder,  # where pyproject.toml has no constraints to add
            *("pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--python", str(target.python), "--python-version", target.version),
            *(("--python-platform", target.platform) if target.platform else ()),
            *(
                "--link-mode",
                "copy",
                "--target",
                str(into.absolute()),
                "--requirements",
                str(locked),
            ),
        )


def _uv(folder: str | Path, *arguments: str) -> None:
    done = subprocess.run(
        [find_uv_bin(), "--quiet", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotBuild(f"uv {arguments[0]} failed:\n{done.stderr.strip()}")

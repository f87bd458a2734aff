"""Bytecode for all modules in a folder."""

import subprocess
from pathlib import Path

from local.build.target import CannotBuild, Target


def write(target: Target, folder: Path, deployed: str) -> None:
    """Write it beside the modules. `deployed` is the folder's path on Lambda, for tracebacks.

    It is bound to no time of modification, which packing changes, and its reader does not look for
    its source. Raises CannotBuild for a module that cannot be compiled.
    """
    done = subprocess.run(
        [
            *(str(target.python), "-I", "-m", "compileall", "-q", "-j", "0"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", deployed),
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotBuild(f"There are modules that cannot be compiled:\n{done.stdout}{done.stderr}")

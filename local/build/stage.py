"""Lays out what is deployed: `functions/` as /var/task, each of `layers/*/` as /opt."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from local.build import bytecode, dependencies
from local.build.target import CannotBuild, Target
from local.build.trim import trim

TASK, OPT = "/var/task", "/opt"
DEPENDENCIES = "dependencies"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")


@dataclass(frozen=True)
class Staged:
    """A folder with what is deployed."""

    root: Path

    @property
    def task(self) -> Path:
        """The code root of every function."""
        return self.root / "functions"

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    def sys_path(self, layers: Iterable[str]) -> list[str]:
        """What Lambda adds to `sys.path` of a function with these layers, by their folders."""
        return [str(self.task), *(str(self.layers / name / "python") for name in layers)]

    def sizes(self) -> dict[str, int]:
        """Bytes by folder; a function with all layers is their sum, as Lambda's limit counts it."""
        return {
            folder.name: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            for folder in (self.task, *sorted(self.layers.iterdir()))
        }


def stage(target: Target, into: Path, say: Callable[[str], None]) -> Staged:
    """Make everything anew in `into`, of this working copy and `uv.lock`. Raises CannotBuild."""
    staged = Staged(into)
    for folder in (staged.task, staged.layers):
        shutil.rmtree(folder, ignore_errors=True)

    say(f"Installing the locked packages for {target.platform or 'this machine'} …")
    packages = staged.layers / DEPENDENCIES / "python"
    dependencies.install(target, packages)
    trim(packages)

    say("Copying functions and layers …")
    shutil.copytree(dependencies.ROOT / "functions", staged.task, ignore=_NOT_COPIED)
    for source in sorted((dependencies.ROOT / "layers").iterdir()):
        if source.is_dir() and source.name != DEPENDENCIES:
            _copy_layer(source, staged.layers / source.name)

    say(f"Compiling for Python {target.version} …")
    bytecode.write(target, staged.task, TASK)
    for layer in staged.layers.iterdir():
        bytecode.write(target, layer, OPT)
    return staged


def _copy_layer(source: Path, layer: Path) -> None:
    """Packages go to `python/`; a command `wrapper` of the layer `streaming` to `streaming/`."""
    for path in sorted(source.iterdir()):
        if (path / "__init__.py").exists():
            shutil.copytree(path, layer / "python" / path.name, ignore=_NOT_COPIED)
        elif path.is_file() and os.access(path, os.X_OK):
            (layer / source.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, layer / source.name)
    if not layer.exists():
        raise CannotBuild(f"There is nothing to deploy in {source}")

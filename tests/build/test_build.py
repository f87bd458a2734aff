"""What `make build` says where it cannot build, and what it does to the built template."""

import sys
from pathlib import Path

import pytest

from local.build import target
from local.build.pack import pinned
from local.build.target import CannotBuild, Target
from local.build.trim import trim

BUILT = """
Parameters:
  StageName:
    Type: String
    Default: prod
  Architecture:
    Type: String
    Default: arm64
    AllowedValues:
    - arm64
    - x86_64
    Description: What the functions run on
Resources: {}
"""


def test_the_built_template_takes_only_the_architecture_that_it_was_built_for() -> None:
    assert (
        pinned(BUILT, "x86_64")
        == """
Parameters:
  StageName:
    Type: String
    Default: prod
  Architecture:
    Type: String
    Default: x86_64
    AllowedValues:
    - x86_64
    Description: What the functions run on
Resources: {}
"""
    )


def test_a_template_without_that_parameter_is_not_deployed_unnoticed() -> None:
    with pytest.raises(CannotBuild, match="Architecture"):
        pinned("Resources: {}", "arm64")


def test_an_unknown_architecture_is_refused_by_name() -> None:
    with pytest.raises(CannotBuild, match="ARCH=riscv64 is none of arm64, x86_64"):
        Target.on_lambda("riscv64", {})


def test_the_python_that_somebody_names_has_to_be_lambdas(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match=r"PYTHON313=.* is not a CPython 3\.13"):
        Target.on_lambda("arm64", {"PYTHON313": str(tmp_path / "python")})


def test_without_lambdas_python_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_candidates", lambda: iter(()))

    with pytest.raises(CannotBuild, match=r"needs a CPython 3\.13.*uv python install.*PYTHON313="):
        Target.on_lambda("arm64", {})


def test_a_python_that_is_there_but_cannot_start_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a version manager's shim is, for a version that is not chosen here."""
    shim = script(tmp_path / "bin" / "python3.13", "echo 'command not found' >&2; exit 127")
    real = script(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13", "echo cpython 3.13")
    monkeypatch.setattr(sys, "executable", str(shim))
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Target.on_lambda("arm64", {}).python == real


def test_one_that_does_not_come_to_an_end_is_passed_over_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = script(tmp_path / "stuck", "exec sleep 60")
    real = script(tmp_path / "real", "echo cpython 3.13")
    monkeypatch.setattr(target, "_candidates", lambda: iter((str(stuck), str(real))))
    monkeypatch.setattr(target, "SECONDS_TO_ANSWER", 0.5)

    assert Target.on_lambda("arm64", {}).python == real


def test_a_shim_that_somebody_names_is_refused(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3.13", "exit 127")

    with pytest.raises(CannotBuild, match=r"PYTHON313=.* is not a CPython 3\.13"):
        Target.on_lambda("arm64", {"PYTHON313": str(shim)})


def script(path: Path, commands: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o755)
    return path


def test_here_is_the_python_of_the_tests() -> None:
    here = Target.here()

    assert here.python == Path(sys.executable)
    assert here.version == ".".join(map(str, sys.version_info[:2]))
    assert here.platform is None


def test_trimming_leaves_what_importlib_metadata_reads(tmp_path: Path) -> None:
    for name in ("a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "a/tests/test_a.py", "a/a.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "botocore/data/dynamodb").mkdir(parents=True)
    (tmp_path / "botocore/data/lightsail").mkdir()

    trim(tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {
        *("a", "a/a.py", "a-1.dist-info", "a-1.dist-info/METADATA"),
        *("botocore", "botocore/data", "botocore/data/dynamodb"),
    }

"""What is staged for Lambda is complete, compiled, and no more than is needed."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import cloudformation, template
from local.build.__main__ import MOST_MB
from local.build.stage import Staged
from local.build.trim import SERVICES
from tests.build.importing import import_alone, layers
from tests.knowledge.pdfs import document

ROOT = Path(__file__).parents[2]
OF_RUNTIME = ("functions", "layers/reprise", "layers/streaming")
LISTING = "conversations.list_messages"  # of a function as most are


@pytest.mark.parametrize("handler", layers())
def test_a_function_is_imported_from_it_alone_and_nothing_is_compiled(
    staged: Staged, handler: str
) -> None:
    imported = import_alone(staged, handler.removesuffix(".handler"), layers()[handler])

    assert imported.compiled == ()


def test_a_module_without_bytecode_would_be_noticed(without_bytecode: Staged) -> None:
    imported = import_alone(without_bytecode, LISTING, layers()[f"{LISTING}.handler"])

    assert any(path.endswith("conversations/list_messages.py") for path in imported.compiled)
    assert any("/fastapi/" in path for path in imported.compiled)


def test_bytecode_makes_the_import_several_times_faster(
    staged: Staged, without_bytecode: Staged
) -> None:
    """At least three times on an idle machine, which `make bench` is for."""

    def seconds(of: Staged) -> float:
        return min(
            import_alone(of, LISTING, layers()[f"{LISTING}.handler"]).seconds for _ in range(3)
        )

    assert seconds(staged) * 2 < seconds(without_bytecode)


def test_bytecode_does_not_tell_where_it_was_made(staged: Staged) -> None:
    """So the same sources make the same bytes everywhere."""
    pyc = compiled(staged.task / "conversations" / "wire.py").read_bytes()

    assert b"/var/task/conversations/wire.py" in pyc
    assert str(staged.root).encode() not in pyc


def compiled(module: Path) -> Path:
    (found,) = module.parent.glob(f"__pycache__/{module.stem}.*.pyc")
    return found


def test_bytecode_outlives_new_times_of_modification(staged: Staged) -> None:
    pyc = compiled(staged.task / "conversations" / "wire.py").read_bytes()

    assert int.from_bytes(pyc[4:8], "little") == 0b01  # by hash, and unchecked: PEP 552


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_clients_can_be_made_of_every_service_that_is_left(staged: Staged, service: str) -> None:
    script = (
        "import botocore.session; "
        f"botocore.session.get_session().create_client({service!r}, region_name='us-east-1')"
    )

    run_alone(staged, script)


def test_no_other_service_is_called() -> None:
    called = {
        service
        for path in sources()
        for service in re.findall(r"(?:create_client|client)\(\s*\"([\w-]+)\"", path.read_text())
    }

    assert called
    assert called <= SERVICES


def test_every_import_statement_finds_its_module(staged: Staged) -> None:
    """Those inside functions, too, which importing a handler does not try."""
    folders = [Path(folder) for folder in staged.sys_path(("dependencies", "reprise", "streaming"))]

    for path in sources():
        if path.name != "openapi.py":
            for module in imported_by(path):
                if module.partition(".")[0] not in sys.stdlib_module_names:
                    assert any(is_there(folder, module) for folder in folders), f"{path}: {module}"


def test_the_packages_are_those_of_the_tests(packages: Path) -> None:
    metadata = list(importlib.metadata.distributions(path=[str(packages)]))

    assert {"botocore", "fastapi", "pynamodb"} <= {each.name for each in metadata}
    for each in metadata:
        assert each.version == importlib.metadata.version(each.name), each.name


def test_tests_and_tools_stay_behind(staged: Staged) -> None:
    names = {path.name for path in staged.root.rglob("*")}

    assert not names & {"tests", "bin", "RECORD", "py.typed", "pycparser", "moto", "uvicorn"}
    assert {path.name for path in staged.layers.iterdir()} == {
        "dependencies",
        "reprise",
        "streaming",
    }


def test_it_is_well_under_the_limit(staged: Staged) -> None:
    assert sum(staged.sizes().values()) < MOST_MB * 1e6


def test_the_exec_wrapper_is_there_and_can_be_run(staged: Staged) -> None:
    document = cloudformation.load(template.PATH.read_text(), "us-east-1", {})
    named = 0
    for resource in document.content["Resources"].values():
        properties = resource.get("Properties", {})
        variables = properties.get("Environment", {}).get("Variables", {})
        if wrapper := variables.get("AWS_LAMBDA_EXEC_WRAPPER"):
            inside = wrapper.removeprefix("/opt/")
            found = [staged.layers / name / inside for name in layers()[properties["Handler"]]]
            assert any(os.access(path, os.X_OK) for path in found), wrapper
            named += 1
    assert named


def test_the_process_that_reads_pdfs_finds_all_that_it_needs(staged: Staged) -> None:
    script = f"from reprise.knowledge.pdf import extract; print(extract({document('Hi')!r}).pages)"

    assert run_alone(staged, script) == "('Hi',)\n"


def run_alone(staged: Staged, script: str) -> str:
    folders = staged.sys_path(("dependencies", "reprise", "streaming"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path[:0] = {folders}; {script}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=staged.root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sources() -> Iterator[Path]:
    for folder in OF_RUNTIME:
        yield from (ROOT / folder).rglob("*.py")


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def is_there(folder: Path, module: str) -> bool:
    path = folder.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()

"""What `make build` stages, for the Python that runs the tests, made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.build.stage import Staged, stage
from local.build.target import Target


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "staged" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("build"))  # so that it is made once


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    folder = tmp_path_factory.mktemp("build")
    yield stage(Target.here(), folder, lambda text: None)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def without_bytecode(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    """The same, as SAM's own builders leave it."""
    folder = tmp_path_factory.mktemp("sources") / "build"
    shutil.copytree(staged.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    yield Staged(folder)
    shutil.rmtree(folder)


@pytest.fixture
def packages(staged: Staged) -> Path:
    """The folder with the third-party packages."""
    return staged.layers / "dependencies" / "python"

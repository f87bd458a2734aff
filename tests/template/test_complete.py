"""Every function has its module, its tests and its sample event, and the other way round."""

from pathlib import Path

import pytest

from local.sample_events import FOLDER
from tests.template.deployed import functions

ROOT = Path(__file__).parent.parent.parent
CODE, TESTS = ROOT / "functions", ROOT / "tests" / "http"
# Where the tests of a worker are: those of what wakes it, or of what it does.
WORKERS_TESTS = {
    "workers.purge_conversation": TESTS / "test_delete_conversation.py",
    "workers.extract_upload": TESTS / "uploads" / "test_offer_upload.py",
    "workers.repair_generation": ROOT / "tests" / "engine" / "test_repair.py",
}
FUNCTIONS = {
    name: function.handler.removesuffix(".handler") for name, function in functions().items()
}


def modules() -> set[str]:
    """Those in `functions/` that have a handler."""
    return {
        ".".join(path.relative_to(CODE).with_suffix("").parts)
        for path in CODE.rglob("*.py")
        if "\nhandler = " in path.read_text() or "\ndef handler(" in path.read_text()
    }


def file_for(module: str) -> Path:
    """`conversations.send_message` is tested in `tests/http/test_send_message.py`. Where two
    surfaces have a module of one name, their tests lie in a folder for each.
    """
    surface, _, name = module.partition(".")
    found = WORKERS_TESTS.get(module, TESTS / surface / f"test_{name}.py")
    return found if found.exists() else TESTS / f"test_{name}.py"


def test_every_function_is_a_module_and_every_module_a_function() -> None:
    assert sorted(FUNCTIONS.values()) == sorted(modules())


def test_functions_are_named_for_their_modules() -> None:
    for name, module in FUNCTIONS.items():
        assert name == module.replace(".", "_").title().replace("_", "")


@pytest.mark.parametrize("module", FUNCTIONS.values())
def test_a_module_has_tests_which_say_what_it_is(module: str) -> None:
    path = file_for(module)
    assert path.exists(), f"there is no {path.relative_to(ROOT)}"

    if module not in WORKERS_TESTS:
        (said,) = (CODE / f"{module.replace('.', '/')}.py").read_text().split(":")[:1]
        method_and_path = said.removeprefix('"""')
        assert method_and_path in path.read_text(), f"{path.name} does not name {method_and_path}"


def test_a_worker_is_called_by_its_tests() -> None:
    for module, path in WORKERS_TESTS.items():
        assert f"import {module.partition('.')[2]}" in path.read_text()


def test_every_function_has_an_event_and_every_event_a_function() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(FUNCTIONS)


def test_there_is_nothing_else_among_the_events() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} == {".json"}

"""What a function's import does in a process that has imported nothing."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from local import template

HANDLERS = [function.handler for function in template.load("us-east-1", {}).functions]

# Each function is imported by a copy of a process that has the package and none of its modules:
# what the package does at its import, once for all, is most of the time.
_SCRIPT = """
import gc, importlib, json, os, sys
package, *modules = sys.argv[1:]
importlib.import_module(package)
for module in modules:
    if not os.fork():
        importlib.import_module(module)
        gcs = [gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects())]
        openapi = vars(sys.modules.get("fastapi.openapi.models", json))
        built = [name for name in ("OpenAPI", "Operation", "Schema")
                 if name in openapi and openapi[name].__pydantic_complete__]
        print(json.dumps([module, sorted(sys.modules), *gcs, built]), flush=True)
        os._exit(0)
    _, status = os.wait()
    assert status == 0, module
"""


@dataclass(frozen=True)
class Imported:
    """What there is after an import. `frozen` counts what no collection looks through, `seen` what
    each does; `built` names the models of OpenAPI documents that have their validators.
    """

    modules: frozenset[str]
    collects: bool
    frozen: int
    seen: int
    built: tuple[str, ...]


def imported(handler: str) -> Imported:
    return _package(handler.partition(".")[0])[handler.rpartition(".")[0]]


@cache
def _package(name: str) -> dict[str, Imported]:
    modules = [each.rpartition(".")[0] for each in HANDLERS if each.startswith(f"{name}.")]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, name, *modules], capture_output=True, text=True, check=True
    )
    found: dict[str, Imported] = {}
    for line in done.stdout.splitlines():
        module, loaded, collects, frozen, seen, built = json.loads(line)
        found[module] = Imported(frozenset(loaded), collects, frozen, seen, tuple(built))
    return found

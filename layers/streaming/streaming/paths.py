"""Where modules are looked for. Lambda's managed `bootstrap.py` arranges it, and this runtime runs
in place of it, so it does the same.

Source: Lambda developer guide, "Working with layers for Python Lambda functions" (layer paths) and
"Defined runtime environment variables" (LAMBDA_TASK_ROOT, LAMBDA_RUNTIME_DIR, PYTHONPATH).
"""

import os
import site
import sys


def set_up(opt: str) -> None:
    """Put the function, the layers below `opt` and Lambda's own packages before everything else, in
    this order, and follow their `.pth` files. A PYTHONPATH that the function was given replaces the
    layers', as it does in the managed runtime.
    """
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"]
    if "PYTHONPATH" in os.environ:
        layers = []
    first = [task_root, *layers, runtime]
    sys.path[:] = first + [path for path in sys.path if path not in first]
    for path in (task_root, *layers):
        site.addsitedir(path)
    os.environ.setdefault("PYTHONPATH", runtime)  # for processes that the function starts

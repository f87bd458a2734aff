"""Functions by the names that people give them, and the sample events for them.

`python -m local.sam.functions NAME` says whether there is one, before anything is built for it.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from local import backend, template
from local.ports import CannotStart
from local.template import Function


def named(name: str, functions: Iterable[Function]) -> Function:
    """By its name, or by the end of it where only one ends so: `ListVersions`. Raises CannotStart
    with the names that there are.
    """
    there = {function.name: function for function in functions}
    if name in there:
        return there[name]
    fitting = [each for each in there if name and each.endswith(name)]
    if len(fitting) == 1:
        return there[fitting[0]]
    if fitting:
        said = f"{name} may be any of"
    elif name:
        said = f"There is no function {name}. There are"
    else:
        said = "Say which function: make invoke F=ListVersions. There are"
    raise CannotStart(f"{said}: {', '.join(fitting or there)}")


def event_of(function: Function, folder: Path) -> Path:
    """The sample event of a function. Raises CannotStart if there is none."""
    path = folder / f"{function.name}.json"
    if not path.exists():
        raise CannotStart(f"{function.name} has no event: there is no {path}")
    return path


def main(name: str) -> int:
    try:
        named(name, template.load(backend.region(os.environ), os.environ).functions)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""`python -m local.build ARCHITECTURE`: stage in `build/`, and have SAM build in `.aws-sam/build/`.

`python -m local.build host` is for `sam local` on this machine, in folders of its own: what is to
be deployed may be for another architecture.

Environment: `PYTHON313`, a CPython 3.13, where none is found by itself.
"""

import os
import sys

from local.build.pack import ROOT, pack
from local.build.stage import Staged, stage
from local.build.target import CannotBuild, Target, this_machine

HOST = "host"
LAMBDA_MB = 250  # of a function with its layers, unzipped
MOST_MB = 100


def main(architecture: str) -> int:
    deploy = architecture != HOST
    staged_in, built_in = (ROOT / "build", "build") if deploy else (ROOT / "build" / HOST, HOST)
    architecture = architecture if deploy else this_machine()
    try:
        target = Target.on_lambda(architecture, os.environ)
        _say(f"Building for {architecture}, with bytecode by {target.python}")
        staged = stage(target, staged_in, _say)
        _report(staged)
        _say("Building with SAM …")
        pack(staged, architecture, ROOT / ".aws-sam" / built_in)
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    if deploy:
        _say("Built. To deploy it: .venv-sam/bin/sam deploy --config-env dev (docs/deploy.md)")
    return 0


def _report(staged: Staged) -> None:
    """Raises CannotBuild if it has become too large."""
    for name, size in staged.sizes().items():
        _say(f"  {name:14}{size / 1e6:6.1f} MB")
    together = sum(staged.sizes().values()) / 1e6
    _say(f"  {'together':14}{together:6.1f} MB unzipped, of {LAMBDA_MB} that Lambda takes")
    if together > MOST_MB:
        raise CannotBuild(f"That is over our own limit of {MOST_MB} MB. What has come in?")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Running SAM's command line from its own virtual environment."""

import os
import subprocess
from pathlib import Path

from local.build.target import this_machine
from local.sam.template import ROOT

_SAM = ROOT / ".venv-sam" / "bin" / "sam"


def sam(command: str, template: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `sam local <command>`, out of reach of the terminal's Ctrl-C: whoever started it ends
    it.
    """
    return subprocess.Popen(
        [
            *(str(_SAM), "local", command, "--template", str(template)),
            *("--parameter-overrides", f"Architecture={this_machine()}"),
            "--skip-pull-image",  # it pulls what is not here, but does not ask after what is
            *arguments,
        ],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "60"},
        start_new_session=True,
    )

"""The text of a PDF, which anybody may have made.

It is read by a process of its own (`pdf_child`), whose time and memory the kernel limits: whatever
is in a file, it ends there, and this process goes on.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import cast

from reprise.knowledge import pdf_exit
from reprise.knowledge.limits import UPLOAD, Limits, Reason, Unreadable

MAGIC = b"%PDF-"
_MAGIC_WITHIN = 1024  # bytes: viewers take a file that has something before it
# What an interpreter may need to start. Credentials are not among it.
_PASSED_ON = ("DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX")


@dataclass(frozen=True)
class Extracted:
    """A text for each page, which may be empty."""

    pages: tuple[str, ...]


def is_pdf(data: bytes) -> bool:
    """By what is in it, whatever it is called."""
    return MAGIC in data[:_MAGIC_WITHIN]


def extract(data: bytes, limits: Limits = UPLOAD) -> Extracted:
    """The text of a PDF, page by page. Blocks for up to `limits.seconds`.

    Raises Unreadable, with the reason.
    """
    if not data:
        raise Unreadable("empty", limits)
    if len(data) > limits.size:
        raise Unreadable("too-large", limits)
    if not is_pdf(data):
        raise Unreadable("not-a-pdf", limits)
    status, out, complaint = _run(data, limits)
    if status == 0:
        outcome = json.loads(out)
        if "pages" in outcome:
            return Extracted(tuple(outcome["pages"]))
        raise Unreadable(cast(Reason, outcome["reason"]), limits)
    if status > 0 and status != pdf_exit.TOO_MUCH_MEMORY:
        raise RuntimeError(f"the reader of PDFs ended with {status}: {complaint}")
    raise Unreadable(pdf_exit.reason(status), limits)


def _run(data: bytes, limits: Limits) -> tuple[int, bytes, str]:
    """Exit status, what was printed, and the last line of its complaints."""
    with subprocess.Popen(  # noqa: S603  of our own words
        # without `site`, whose search is in our own path already
        [
            sys.executable,
            "-S",
            "-P",
            "-m",
            "reprise.knowledge.pdf_child",
            json.dumps(asdict(limits)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(os.environ),
        start_new_session=True,  # so that those whom it starts end with it
    ) as process:
        try:
            out, complaints = process.communicate(data, limits.seconds)
        except subprocess.TimeoutExpired:
            raise Unreadable("took-too-long", limits) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
    last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
    return process.returncode, out, last


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUTF8": "1",
        **{name: ours[name] for name in _PASSED_ON if name in ours},
    }

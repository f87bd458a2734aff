"""What it means how a process ended that read a PDF."""

import signal

from reprise.knowledge.limits import Reason

TOO_MUCH_MEMORY = 3  # its exit status, where it found that out itself


def reason(status: int) -> Reason:
    """By its exit status, or the negative number of the signal that ended it."""
    if status == -signal.SIGXCPU:
        return "took-too-long"
    if status in (TOO_MUCH_MEMORY, -signal.SIGKILL):  # as a machine does that runs out of it
        return "too-complex"
    return "damaged"

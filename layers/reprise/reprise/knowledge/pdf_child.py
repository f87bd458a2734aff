"""The process that reads one PDF: `python -m reprise.knowledge.pdf_child LIMITS < PDF`.

Prints JSON: `{"pages": […]}` or `{"reason": …}`. It can write no file, and the kernel ends it where
it takes too long or too much memory. On Linux two of it read a long document, a page each in turn.

The only module that imports pypdf.
"""

import io
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from pypdf import PasswordType, PdfReader, apply_configuration
from pypdf.errors import DependencyError, LimitReachedError

from reprise.knowledge import pdf_exit
from reprise.knowledge.limits import Limits, Reason
from reprise.knowledge.text import clean

UNFOLDED = 32_000_000  # bytes that a stream may unfold to; no page is near that
FOR_TWO = 32  # pages that are worth a second process
_LOOK_EVERY = 0.02  # seconds, where the kernel does not look at the memory


class _Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    # what is complained about is the document, in its own words
    logging.disable()
    warnings.simplefilter("ignore")
    alone = _confine(limits)
    sys.stdout.buffer.write(_told(lambda: _read(sys.stdin.buffer.read(), limits, alone)))


def _told(read: Callable[[], list[str]]) -> bytes:
    """What comes of reading, as JSON."""
    try:
        return _dump({"pages": read()})
    except _Refused as refused:
        return _dump({"reason": refused.reason})
    except MemoryError:
        return _dump({"reason": "too-complex"})


def _dump(outcome: dict[str, Any]) -> bytes:
    return json.dumps(outcome, ensure_ascii=False).encode()


# Limits


def _confine(limits: Limits) -> bool:
    """Have the kernel hold this process to its limits. Returns whether it has to stay the only one,
    because the kernel does not hold it to its memory.
    """
    _limit(resource.RLIMIT_CPU, int(limits.seconds) + 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    if limit_memory(limits.memory):
        return False
    watch_memory(limits.memory)
    return True


def limit_memory(most: int) -> bool:
    """Have allocations fail beyond so many bytes more than now. False where the kernel does not do
    that, as macOS.
    """
    try:
        _limit(resource.RLIMIT_AS, _statm()[0] + most)
    except (OSError, ValueError):
        return False
    return True


def _limit(what: int, most: int) -> None:
    """As far as this process itself is allowed to."""
    _, allowed = resource.getrlimit(what)
    wanted = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(what, (wanted, allowed))


def watch_memory(most: int) -> None:
    """End this process when it needs so many bytes more than now."""
    allowed = _resident() + most

    def watch() -> None:
        while _resident() <= allowed:
            time.sleep(_LOOK_EVERY)
        os._exit(pdf_exit.TOO_MUCH_MEMORY)

    threading.Thread(target=watch, daemon=True).start()


def _resident() -> int:
    """Bytes of memory that this process has; on macOS, had at most."""
    try:
        return _statm()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _statm() -> list[int]:
    """What Linux tells of this process, in bytes: its address space, what is resident, …"""
    pages = Path("/proc/self/statm").read_text().split()
    return [int(number) * resource.getpagesize() for number in pages]


# Reading


def _read(data: bytes, limits: Limits, alone: bool) -> list[str]:
    with apply_configuration(
        array_based_stream_maximum_output_length=UNFOLDED,
        lzw_maximum_output_length=UNFOLDED,
        run_length_maximum_output_length=UNFOLDED,
        zlib_maximum_output_length=UNFOLDED,
        page_tree_maximum_entries=2 * limits.pages + 1000,  # pages, and what holds them together
    ):
        reader = _open(data)
        count = _count(reader, limits)
        if alone or count < FOR_TWO or _processors() < 2:
            pages = _texts(reader, range(count), limits)
        else:
            pages = _texts_by_two(reader, count, limits)
    if sum(map(len, pages)) > limits.characters:
        raise _Refused("too-much-text")
    if not any(map(str.strip, pages)):
        raise _Refused("no-text")
    return pages


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _open(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(data))
        # many need a password only to be changed
        locked = reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED
    except (DependencyError, NotImplementedError):  # an encryption that it does not know
        raise _Refused("encrypted") from None
    except MemoryError:
        raise
    except Exception:  # of many kinds, if a file is not as it should be
        raise _Refused("damaged") from None
    if locked:
        raise _Refused("encrypted")
    return reader


def _count(reader: PdfReader, limits: Limits) -> int:
    try:
        count = len(reader.pages)
    except LimitReachedError:
        raise _Refused("too-many-pages") from None
    except MemoryError:
        raise
    except Exception:
        raise _Refused("damaged") from None
    if count > limits.pages:
        raise _Refused("too-many-pages")
    if not count:
        raise _Refused("empty")
    return count


def _texts(reader: PdfReader, numbers: Iterable[int], limits: Limits) -> list[str]:
    texts: list[str] = []
    characters = 0
    for number in numbers:
        try:
            texts.append(clean(reader.pages[number].extract_text()))
        except LimitReachedError:
            raise _Refused("too-complex") from None
        except MemoryError:
            raise
        except Exception:
            raise _Refused("damaged") from None
        characters += len(texts[-1])
        if characters > limits.characters:
            raise _Refused("too-much-text")
    return texts


def _texts_by_two(reader: PdfReader, count: int, limits: Limits) -> list[str]:
    """With a fork of this process, which takes every second page."""
    ours, theirs = os.pipe()
    try:
        fork = os.fork()
    except OSError:  # there are too many processes
        return _texts(reader, range(count), limits)
    limit_memory(limits.memory // 2)
    if not fork:
        _hand_over(theirs, lambda: _texts(reader, range(1, count, 2), limits))
    os.close(theirs)
    try:
        even = _texts(reader, range(0, count, 2), limits)
        with open(ours, "rb") as pipe:
            told = pipe.read()
    except BaseException:
        os.kill(fork, signal.SIGKILL)
        raise
    status = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
    if status:
        raise _Refused(pdf_exit.reason(status))
    outcome = json.loads(told)
    if "reason" in outcome:
        raise _Refused(outcome["reason"])
    pages = [""] * count
    pages[::2], pages[1::2] = even, outcome["pages"]
    return pages


def _hand_over(pipe: int, read: Callable[[], list[str]]) -> NoReturn:
    """End as the fork, without what its original does at its end."""
    status = 1
    try:
        with open(pipe, "wb") as file:
            file.write(_told(read))
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()

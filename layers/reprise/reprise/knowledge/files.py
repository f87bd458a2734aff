"""Indexes of the bucket as files of this machine, kept while there is room.

A key in the bucket never gets another content, so what was fetched once stays good.
"""

import errno
import hashlib
import os
import stat
import tempfile
import threading
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

from reprise.knowledge.index import Index, Unusable
from reprise.store import bucket

MOST_BYTES = 250_000_000  # a Lambda function has 512 MB for files


class Files:
    """`most` bounds the bytes that are kept beside the file that is needed now."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._fetching = threading.Lock()

    def open(self, key: str) -> Index:
        """An index to search, fetched where it is not here. Raises Unusable, also where the bucket
        has none.
        """
        path = self._path(key)
        if not _used(path):
            with self._fetching:  # models ask several questions at once, often of one index
                if not _used(path):
                    self._fetch(key, path)
        return Index.open(path)

    def forget(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:32]

    def _fetch(self, key: str, path: Path) -> None:
        # another process may do the same now: the later one replaces the same by the same
        part = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            try:
                found = bucket.fetch(key, part)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self._make_room(0, part)
                found = bucket.fetch(key, part)
            if not found:
                raise Unusable("the bucket does not have it")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._make_room(self._most, path)

    def _make_room(self, most: int, needed: Path) -> None:
        """Remove what was not used for longest, until no more than `most` bytes are left."""
        used: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # others make room, too
                found = path.stat()
                used.append((found.st_mtime, found.st_size, path))
        total = 0
        for _, size, path in sorted(used, reverse=True):
            total += size
            if total > most and path != needed:
                path.unlink(missing_ok=True)


def _used(path: Path) -> bool:
    """Whether it is here; then it is the latest used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


@cache
def here() -> Files:
    """Those of this machine."""
    return Files(own_folder(Path(tempfile.gettempdir(), f"reprise-{os.getuid()}")))


def own_folder(wanted: Path) -> Path:
    """A folder that is nobody else's. Where others may write, as in /tmp, one of them may have made
    `wanted` before: then it is another one.
    """
    with suppress(FileExistsError):
        wanted.mkdir(mode=0o700)
    found = wanted.lstat()
    if (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not stat.S_IMODE(found.st_mode) & 0o077
    ):
        return wanted
    return Path(tempfile.mkdtemp(prefix="reprise-"))

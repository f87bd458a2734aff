"""Indexes are fetched once and kept while there is room."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reprise.knowledge import files
from reprise.knowledge.files import Files, own_folder
from reprise.knowledge.index import Index, Unusable
from reprise.knowledge.passages import Passage
from reprise.store import bucket
from tests.calls import Call
from tests.faults import EVERY, Fault, faults, meanwhile

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str], None]:
    """Put an index under a key, which says so itself."""

    def put(key: str) -> None:
        path = tmp_path / "made"
        path.unlink(missing_ok=True)
        with Index.new(path) as index:
            index.add(1, key, [Passage(1, f"tea {key}")])
            index.finish()
        bucket.put(key, path, "application/vnd.sqlite3")

    return put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def title(kept: Files, key: str) -> str:
    with kept.open(key) as index:
        return index.matches("tea")[0].document


def fetched(keys: list[str], kept: Files) -> list[str]:
    """Which of these are fetched when all are opened."""
    found: list[str] = []

    def note(call: Call) -> object:
        found.append(call.request["Key"])
        return call.proceed()

    with faults(Fault("GetObject", note, EVERY)):
        for key in keys:
            assert title(kept, key) == key
    return found


def test_an_index_is_fetched_once(put: Callable[[str], None], folder: Path) -> None:
    put("a")
    kept = Files(folder)

    assert fetched(["a", "a", "a"], kept) == ["a"]
    assert fetched(["a"], Files(folder)) == []  # by another process


def test_of_those_who_need_it_at_once_one_fetches_it(
    put: Callable[[str], None], folder: Path
) -> None:
    """The others begin while it does."""
    put("a")
    kept = Files(folder)
    waiting = threading.Barrier(4, timeout=60)
    calls: list[Call] = []

    def fetch(call: Call) -> object:
        calls.append(call)
        waiting.wait()
        return call.proceed()

    def need() -> str:
        waiting.wait()
        return title(kept, "a")

    with ThreadPoolExecutor(4) as pool, faults(Fault("GetObject", fetch, EVERY)):
        first = pool.submit(title, kept, "a")
        others = [pool.submit(need) for _ in range(3)]
        assert [each.result(60) for each in (first, *others)] == ["a"] * 4
    assert len(calls) == 1


def test_the_one_that_was_not_used_for_longest_goes(
    put: Callable[[str], None], folder: Path
) -> None:
    for key in "abc":
        put(key)
    size = (folder.parent / "made").stat().st_size
    kept = Files(folder, most=2 * size)
    fetched(["a", "b"], kept)
    for place, path in enumerate(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)):
        os.utime(path, (place, place))

    assert fetched(["a", "c"], kept) == ["c"]

    assert fetched(["a", "c", "b"], kept) == ["b"]


def test_one_that_is_larger_than_all_room_is_used_all_the_same(
    put: Callable[[str], None], folder: Path
) -> None:
    put("a")
    put("b")
    kept = Files(folder, most=1)

    assert fetched(["a", "b"], kept) == ["a", "b"]
    assert len(list(folder.iterdir())) == 1


def test_what_is_open_can_be_read_when_it_is_gone(put: Callable[[str], None], folder: Path) -> None:
    put("a")
    put("b")
    kept = Files(folder, most=1)

    with kept.open("a") as index:
        title(kept, "b")
        assert index.matches("tea")[0].document == "a"


def test_what_the_bucket_does_not_have_is_unusable(folder: Path) -> None:
    with pytest.raises(Unusable, match="bucket"):
        Files(folder).open("a")

    assert list(folder.iterdir()) == []


def test_what_is_forgotten_is_fetched_again(put: Callable[[str], None], folder: Path) -> None:
    put("a")
    kept = Files(folder)
    title(kept, "a")

    kept.forget("a")
    kept.forget("a")

    assert fetched(["a"], kept) == ["a"]


def test_a_full_disk_is_made_room_on(
    put: Callable[[str], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a")
    put("b")
    kept = Files(folder)
    title(kept, "a")
    really = bucket.fetch

    def fetch(key: str, into: Path) -> bool:
        if len(list(folder.iterdir())) > 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(key, into)

    monkeypatch.setattr(bucket, "fetch", fetch)

    assert title(kept, "b") == "b"
    assert len(list(folder.iterdir())) == 1


def test_two_who_fetch_the_same_do_not_mind(put: Callable[[str], None], folder: Path) -> None:
    put("a")

    with faults(Fault("GetObject", meanwhile(lambda: title(Files(folder), "a")))):
        assert title(Files(folder), "a") == "a"

    assert len(list(folder.iterdir())) == 1


@pytest.mark.usefixtures("kept")  # so that another folder is made there
class TestFolder:
    def test_is_made_for_us_alone(self, tmp_path: Path) -> None:
        folder = own_folder(tmp_path / "ours")

        assert folder == tmp_path / "ours"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_is_used_again(self, tmp_path: Path) -> None:
        assert own_folder(tmp_path / "ours") == own_folder(tmp_path / "ours")

    def test_that_others_can_write_to_is_not_used(self, tmp_path: Path) -> None:
        (tmp_path / "ours").mkdir()
        (tmp_path / "ours").chmod(0o777)

        assert own_folder(tmp_path / "ours") != tmp_path / "ours"

    def test_that_is_a_link_is_not_used(self, tmp_path: Path) -> None:
        (tmp_path / "theirs").mkdir(mode=0o700)
        (tmp_path / "ours").symlink_to(tmp_path / "theirs")

        assert own_folder(tmp_path / "ours") != tmp_path / "ours"

    def test_of_this_machine_lies_where_files_may_be_written(self, kept: Path) -> None:
        put_and_open = files.here()

        assert put_and_open is files.here()
        assert kept.is_dir()

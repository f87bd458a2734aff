"""Passages that can be searched: an SQLite file with a full-text index (FTS5), ranked by BM25."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from reprise.knowledge.matches import Match
from reprise.knowledge.passages import Passage, passages
from reprise.knowledge.words import query, words

VERSION = 1  # of what is in the file
MOST_WORDS = 32  # of a question that are looked up
LIMIT = 8  # matches, where nobody says how many

_SCHEMA = f"""
CREATE TABLE document (number INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE passage (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL, page INTEGER NOT NULL, text TEXT NOT NULL
);
-- It holds the words alone, which come with spaces between them; the text is in `passage`.
CREATE VIRTUAL TABLE word USING fts5(words, content='', tokenize='porter ascii');
PRAGMA user_version = {VERSION};
"""
_MATCHES = """
SELECT title, page, text, score FROM (
    SELECT rowid AS id, -bm25(word) AS score FROM word WHERE word MATCH ?
    ORDER BY score DESC, id LIMIT ?
) JOIN passage USING (id) JOIN document ON document.number = passage.document
ORDER BY score DESC, id
"""


class Unusable(Exception):
    """A file that is no index, or no longer one."""


class Index:
    """Use it in one thread, and close it, as a `with` does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def new(cls, path: Path | None = None) -> Self:
        """An empty one to add to; without a path, in memory."""
        return cls._at(path.as_uri() if path else ":memory:", _SCHEMA)

    @classmethod
    def of(cls, title: str, pages: Iterable[str]) -> Self:
        """One of a single document, in memory."""
        made = cls.new()
        made.add(1, title, passages(pages))
        return made

    @classmethod
    def extend(cls, path: Path) -> Self:
        """One that is there, to add to, if all of it is sound. Raises Unusable."""
        index = cls._at(f"{path.as_uri()}?mode=rw", "")
        try:
            with _translated():
                ((found,),) = index._connection.execute("PRAGMA quick_check(1)")
            if found != "ok":
                raise Unusable(found)
        except BaseException:
            index.close()
            raise
        return index

    @classmethod
    def open(cls, path: Path) -> Self:
        """One that is there, and that nobody changes any more. Raises Unusable."""
        return cls._at(f"{path.as_uri()}?mode=ro&immutable=1", "")

    @classmethod
    def _at(cls, uri: str, schema: str) -> Self:
        with _translated():
            connection = sqlite3.connect(uri, uri=True)
        try:
            with _translated():
                # nobody else has the file: what is cut off midway is thrown away as a whole
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(schema)
                ((version,),) = connection.execute("PRAGMA user_version")
            if version != VERSION:
                raise Unusable(f"version {version}")
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def add(self, number: int, title: str, found: Iterable[Passage]) -> int:
        """Add a document, whose number no other has. Returns how many passages it has."""
        with _translated():
            self._connection.execute("INSERT INTO document VALUES (?, ?)", (number, title))
            ((last,),) = self._connection.execute("SELECT coalesce(max(id), 0) FROM passage")
            count = 0
            for count, passage in enumerate(found, 1):
                self._connection.execute(
                    "INSERT INTO passage VALUES (?, ?, ?, ?)",
                    (last + count, number, passage.page, passage.text),
                )
                self._connection.execute(
                    "INSERT INTO word (rowid, words) VALUES (?, ?)",
                    (last + count, " ".join(words(passage.text))),
                )
            return count

    def finish(self) -> None:
        """Write what was added, in the form that is searched fastest."""
        with _translated():
            self._connection.execute("INSERT INTO word (word) VALUES ('optimize')")
            self._connection.commit()

    def matches(self, question: str, limit: int = LIMIT) -> Sequence[Match]:
        """The passages that fit a question best, in any words and any language; the best is first.

        Raises Unusable.
        """
        wanted = query(question, MOST_WORDS)
        if wanted is None:
            return []
        with _translated():
            return [Match(*row) for row in self._connection.execute(_MATCHES, (wanted, limit))]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _translated() -> Iterator[None]:
    """SQLite's complaints about a file. That it lacks FTS5 is not the file's fault."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "no such module" in str(error):
            raise
        raise Unusable(str(error)) from error

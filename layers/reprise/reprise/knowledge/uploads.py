"""The files of a conversation, as its models get to read them."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from aws_lambda_powertools import Logger

from reprise.chat.context import estimate
from reprise.chat.messages import Conversation
from reprise.knowledge import files
from reprise.knowledge.index import Index, Unusable
from reprise.knowledge.matches import Match, by_turns
from reprise.knowledge.material import quoted
from reprise.knowledge.passages import passages
from reprise.store import uploads
from reprise.store.uploads import Upload

logger = Logger(child=True)

PASSAGES = 20  # that are put before a model at most
_FRAME = 50  # tokens of the marks around a passage, and of what it is called


def tokens_of(pages: Iterable[str]) -> int:
    """Of a file's text, roughly, as it is put before a model."""
    return sum(_FRAME + estimate(page) for page in pages)


def index_of(name: str, pages: Sequence[str]) -> bytes:
    """A file that can be searched."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        with Index.new(path) as index:
            index.add(1, name, passages(pages))
            index.finish()
        return path.read_bytes()


def material(conversation: Conversation, question: str, most: int) -> str:
    """What a conversation's files say, quoted: all of it where that is `most` tokens or less, else
    the passages that fit the question best. "" where there is nothing.
    """
    found = uploads.ready(conversation)
    if sum(upload.tokens for upload in found) <= most:
        return quoted([match for upload in found for match in _pages(conversation, upload)])
    best = by_turns((_matches(conversation, upload, question) for upload in found), PASSAGES)
    best = best or by_turns((_opening(conversation, upload) for upload in found), PASSAGES)
    return quoted(list(_fitting(best, most)))


def _pages(conversation: Conversation, upload: Upload) -> Iterator[Match]:
    for number, text in enumerate(uploads.load(conversation, upload), 1):
        if text.strip():
            yield Match(upload.name, number, text, 0)


def _opening(conversation: Conversation, upload: Upload) -> list[Match]:
    """For questions that have none of a file's words, such as those in another language."""
    first = islice(passages(uploads.load(conversation, upload)), PASSAGES)
    return [Match(upload.name, passage.page, passage.text, 0) for passage in first]


def _matches(conversation: Conversation, upload: Upload, question: str) -> Sequence[Match]:
    if upload.text is None:
        key = uploads.index_of(conversation, upload.number)
        try:
            with files.here().open(key) as index:
                return index.matches(question, PASSAGES)
        except Unusable as error:
            files.here().forget(key)
            logger.warning("index is made anew", upload=upload.number, reason=str(error))
    with Index.of(upload.name, uploads.load(conversation, upload)) as index:
        return index.matches(question, PASSAGES)


def _fitting(best: Iterable[Match], most: int) -> Iterator[Match]:
    for match in best:
        most -= _FRAME + estimate(match.text)
        if most < 0:
            return
        yield match

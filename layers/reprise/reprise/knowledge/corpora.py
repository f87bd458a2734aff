"""Corpora: documents of an account, made and filled by the operator, searched by models."""

import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint, number_of
from reprise.knowledge import documents, files, knowledge_bases
from reprise.knowledge.index import LIMIT, Index, Unusable
from reprise.knowledge.limits import CORPUS, Limits
from reprise.knowledge.matches import Match, Unsearchable, by_turns
from reprise.knowledge.passages import passages
from reprise.knowledge.text import clean
from reprise.store import bucket, keys
from reprise.store import corpora as store
from reprise.store.corpora import Corpus, Document

logger = Logger(child=True)

MOST_BYTES = 100_000_000  # of an index: whoever asks first waits until it is fetched
LONGEST_NAME = 200  # characters
ATTEMPTS = 20  # to add a document while others add theirs
_LONGEST_PAUSE = 2.0  # seconds between them
_SEARCHES = 3  # while others add documents
_INDEX_TYPE = "application/vnd.sqlite3"


def create(mint: Mint, account: int, name: str, knowledge_base: str | None = None) -> Corpus:
    """Make a corpus for an account, by its number: one for documents, or one that is a Bedrock
    knowledge base, by its id or ARN. Raises Invalid.
    """
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid("name", f"needs 1 to {LONGEST_NAME} printable characters")
    if knowledge_base is not None:
        knowledge_bases.check(knowledge_base)
    corpus = Corpus(
        id=mint.text_id(account),
        owner=keys.account(account),
        name=name,
        created=mint.now_ms(),
        knowledge_base=knowledge_base,
    )
    store.create(corpus)
    return corpus


def find(owner: str, corpus_id: str) -> Corpus:
    """Raises NotFound."""
    corpus = store.find(owner, corpus_id) if _is_of(owner, corpus_id) else None
    if corpus is None:
        raise NotFound(f"Corpus {corpus_id}")
    return corpus


def all_of(owner: str) -> list[Corpus]:
    """An account's corpora, in the order of their making."""
    return store.all_of(owner)


def delete(owner: str, corpus_id: str) -> None:
    """Make a corpus unreachable at once, then remove all that is in it. Where that was cut off,
    calling it again goes on. Raises NotFound.
    """
    if not _is_of(owner, corpus_id):
        raise NotFound(f"Corpus {corpus_id}")
    known = store.delete(owner, corpus_id)
    left = store.purge(corpus_id)
    if not known and not left:
        raise NotFound(f"Corpus {corpus_id}")


def _is_of(owner: str, corpus_id: str) -> bool:
    """An id tells whose it is: it begins with the account's number."""
    number = number_of(corpus_id)
    return number is not None and keys.account(number) == owner


# Adding


def add(
    mint: Mint,
    owner: str,
    corpus_id: str,
    title: str,
    data: bytes,
    limits: Limits = CORPUS,
    pause: Callable[[float], None] = time.sleep,
) -> Document:
    """Add a document (PDF, text or Markdown) to a corpus, where it can be found from then on.
    Others may add theirs at the same time.

    Raises NotFound; Unreadable, which is an Invalid, where it has no text; Invalid where the corpus
    cannot take it. After these, and after errors of the bucket, the corpus is as it was.
    """
    corpus = find(owner, corpus_id)
    if corpus.knowledge_base:
        raise Invalid("corpus", "is a knowledge base, which has its documents elsewhere")
    title = clean(title)[:LONGEST_NAME]
    content = documents.read(title, data, limits)
    file = keys.corpus_document(corpus.id, uuid.uuid4().hex)
    try:
        bucket.put(file, data, content.media_type)
        for attempt in range(ATTEMPTS):
            document = Document(
                number=mint.number(),
                title=title,
                media_type=content.media_type,
                pages=len(content.pages),
                size=len(data),
                file=file,
            )
            if _add(corpus, document, content.pages, limits):
                return document
            pause(random.uniform(0, min(0.05 * 2**attempt, _LONGEST_PAUSE)))  # noqa: S311
            corpus = find(owner, corpus_id)
        raise Invalid("corpus", "is being added to by too many at once: try again")
    except PynamoDBException:
        raise  # it may be stored: what is in the bucket stays
    except Exception:
        _discard(file)
        raise


def _add(corpus: Corpus, document: Document, pages: Sequence[str], limits: Limits) -> bool:
    """Add a document, unless the corpus has changed since it was read. Returns whether that was
    done.
    """
    key = keys.corpus_index(corpus.id, uuid.uuid4().hex)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        index = _index_to_extend(corpus, path, limits)
        if index is None:
            return False
        with index:
            index.add(document.number, document.title, passages(pages))
            index.finish()
        if path.stat().st_size > MOST_BYTES:
            raise Invalid("corpus", "would become too large: begin another one")
        bucket.put(key, path, _INDEX_TYPE)
    if store.add(corpus, document, key) != "stored":
        _discard(key)
        return False
    if corpus.index:
        _discard(corpus.index)  # whoever is about to fetch it will look again
    return True


def _index_to_extend(corpus: Corpus, path: Path, limits: Limits) -> Index | None:
    """The index of a corpus as a file of our own; made anew of its documents where that is gone or
    damaged. None where the corpus has changed.
    """
    if corpus.index is None:
        return Index.new(path)
    if bucket.fetch(corpus.index, path):
        try:
            return Index.extend(path)
        except Unusable as error:
            reason = str(error)
        path.unlink()
    else:
        reason = "the bucket does not have it"
    if store.find(corpus.owner, corpus.id) != corpus:
        return None
    logger.warning("index is made anew", corpus=corpus.id, reason=reason)
    with Index.new(path) as index:
        for document in store.documents_of(corpus.id):
            content = documents.read(document.title, bucket.get(document.file), limits)
            index.add(document.number, document.title, passages(content.pages))
        index.finish()
    return Index.extend(path)


def _discard(*objects: str) -> None:
    """Remove what nobody needs. Where it cannot be, it stays until its corpus is deleted."""
    try:
        bucket.delete(*objects)
    except (BotoCoreError, ClientError) as error:
        logger.warning("objects are left over", objects=objects, reason=type(error).__name__)


# Searching


def search(owner: str, corpus_ids: Iterable[str], question: str, limit: int = LIMIT) -> list[Match]:
    """The passages of an owner's corpora that fit a question best, taken by turns from each. A
    corpus that is not there any more is left out.

    Blocks. Raises Unsearchable.
    """
    found: list[Sequence[Match]] = []
    for corpus_id in dict.fromkeys(corpus_ids):
        try:
            found.append(_search(owner, corpus_id, question, limit))
        except NotFound:
            logger.warning("corpus is gone", corpus=corpus_id)
    return by_turns(found, limit)


def _search(owner: str, corpus_id: str, question: str, limit: int) -> Sequence[Match]:
    """Where the index is not there or no index, a newer one may be, or this file is damaged."""
    reason = ""
    for _ in range(_SEARCHES):
        corpus = find(owner, corpus_id)
        if corpus.knowledge_base:
            return knowledge_bases.search(corpus.knowledge_base, question, limit)
        if corpus.index is None:
            return []
        try:
            with files.here().open(corpus.index) as index:
                return index.matches(question, limit)
        except Unusable as error:
            files.here().forget(corpus.index)
            reason = str(error)
    logger.error("corpus cannot be searched", corpus=corpus_id, reason=reason)
    raise Unsearchable("the documents cannot be searched now")

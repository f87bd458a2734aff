"""Corpora and their documents as items. What is in them lies in the bucket: the documents as they
were given, and one index of all of them.

| item | PK | SK |
|---|---|---|
| corpus | `CORPUS#id` | `CORPUS` |
| document of it | same | `DOC#n` |
| which corpora an account has | `USER#u` | `CORPUS#id` |

An index is never changed: whoever adds a document stores another one under a key of its own, and
the corpus then points at that, if nobody else was faster.
"""

from dataclasses import dataclass
from typing import Literal

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from reprise.store import bucket, keys
from reprise.store.table import Item, Refused, Transaction, get, get_many, query, query_all


class CorpusItem(Item, discriminator="CO"):
    owner_pk = UnicodeAttribute()
    name = UnicodeAttribute()
    created = NumberAttribute()
    version = NumberAttribute()
    documents = NumberAttribute()
    pages = NumberAttribute()
    index_file = UnicodeAttribute(null=True)
    knowledge_base = UnicodeAttribute(null=True)


class DocumentItem(Item, discriminator="CD"):
    title = UnicodeAttribute()
    media_type = UnicodeAttribute()
    pages = NumberAttribute()
    size = NumberAttribute()
    file = UnicodeAttribute()


class CorpusOfAccountItem(Item, discriminator="CA"):
    """Which corpora an account has."""


@dataclass(frozen=True)
class Corpus:
    """Documents of an account that can be searched, by their index or by the Bedrock knowledge base
    that has them.

    `version` counts its changes; `index` is the index's key in the bucket, None where there are no
    documents; `created` in milliseconds since the Unix epoch.
    """

    id: str
    owner: str
    name: str
    created: int
    version: int = 0
    documents: int = 0
    pages: int = 0
    index: str | None = None
    knowledge_base: str | None = None


@dataclass(frozen=True)
class Document:
    """`size` in bytes; `file` is its key in the bucket."""

    number: int
    title: str
    media_type: str
    pages: int
    size: int
    file: str


def create(corpus: Corpus) -> None:
    """Store a new one, and that its account has it."""
    item = CorpusItem(
        keys.corpus(corpus.id),
        keys.CORPUS,
        owner_pk=corpus.owner,
        name=corpus.name,
        created=corpus.created,
        version=corpus.version,
        documents=corpus.documents,
        pages=corpus.pages,
        index_file=corpus.index,
        knowledge_base=corpus.knowledge_base,
    )
    transaction = Transaction()
    transaction.put("corpus", item, CorpusItem.pk.does_not_exist())
    transaction.put("listed", CorpusOfAccountItem(corpus.owner, keys.corpus(corpus.id)))
    transaction.commit()


def find(owner: str, corpus_id: str) -> Corpus | None:
    """None also where it is another's."""
    item = get(CorpusItem, keys.corpus(corpus_id), keys.CORPUS)
    return _corpus(item) if item and item.owner_pk == owner else None


def all_of(owner: str) -> list[Corpus]:
    """An account's corpora, in the order of their making."""
    found: list[Corpus] = []
    start = None
    while True:
        listed, start = query(owner, Item.sk.startswith(keys.corpus("")), limit=100, start=start)
        items = get_many((item.sk, keys.CORPUS) for item in listed) if listed else {}
        found += [_corpus(item) for item in items.values() if isinstance(item, CorpusItem)]
        if not start:
            return sorted(found, key=lambda corpus: (corpus.created, corpus.id))


def documents_of(corpus_id: str) -> list[Document]:
    """In the order of their adding."""
    items = query_all(keys.corpus(corpus_id))
    return [_document(item) for item in items if isinstance(item, DocumentItem)]


def add(
    corpus: Corpus, document: Document, index: str
) -> Literal["stored", "changed", "number taken"]:
    """Store a document and that there is another index, which has it. `changed`: the corpus is not
    what it was when it was read, or gone.
    """
    actions: list[Action] = [
        CorpusItem.version.set(corpus.version + 1),
        CorpusItem.documents.set(corpus.documents + 1),
        CorpusItem.pages.set(corpus.pages + document.pages),
        CorpusItem.index_file.set(index),
    ]
    unchanged = CorpusItem.version == corpus.version
    item = DocumentItem(
        keys.corpus(corpus.id),
        keys.document(document.number),
        title=document.title,
        media_type=document.media_type,
        pages=document.pages,
        size=document.size,
        file=document.file,
    )
    transaction = Transaction()
    transaction.update(
        "corpus", CorpusItem(keys.corpus(corpus.id), keys.CORPUS), actions, unchanged
    )
    transaction.put("document", item, DocumentItem.pk.does_not_exist())
    try:
        transaction.commit()
    except Refused as refused:
        return "changed" if "corpus" in refused.reasons else "number taken"
    return "stored"


def delete(owner: str, corpus_id: str) -> bool:
    """Make it unreachable. False where the account has no such corpus. What is left of it is
    `purge`'s.
    """
    partition = keys.corpus(corpus_id)
    transaction = Transaction()
    transaction.delete("corpus", CorpusItem(partition, keys.CORPUS), CorpusItem.owner_pk == owner)
    transaction.delete("listed", CorpusOfAccountItem(owner, partition))
    try:
        transaction.commit()
    except Refused:
        return False
    return True


def purge(corpus_id: str) -> int:
    """Remove what a deleted corpus left: its documents, and what lies in the bucket. Returns how
    much that was. Calling it again goes on where it was cut off.
    """
    removed = bucket.delete_all(keys.corpus_files(corpus_id))
    with Item.batch_write() as batch:
        for item in query_all(keys.corpus(corpus_id)):
            batch.delete(item)
            removed += 1
    return removed


def _corpus(item: CorpusItem) -> Corpus:
    return Corpus(
        id=item.pk.removeprefix(keys.corpus("")),
        owner=item.owner_pk,
        name=item.name,
        created=int(item.created),
        version=int(item.version),
        documents=int(item.documents),
        pages=int(item.pages),
        index=item.index_file,
        knowledge_base=item.knowledge_base,
    )


def _document(item: DocumentItem) -> Document:
    return Document(
        number=int(item.sk.rpartition("#")[2]),
        title=item.title,
        media_type=item.media_type,
        pages=int(item.pages),
        size=int(item.size),
        file=item.file,
    )

"""Corpora as items: found by their owner only, and changed by one at a time."""

from dataclasses import replace

import pytest

from reprise.store import bucket, corpora, keys
from reprise.store.corpora import Corpus, Document
from tests.api import everything_stored
from tests.faults import Fault, faults, lost_answer
from tests.store.scribe import OTHER, OWNER, Scribe

CORPUS = Corpus("c1", OWNER, "Handbook", 1_750_000_000_000)
DOCUMENT = Document(5, "Travel.pdf", "application/pdf", 12, 34_567, "corpora/c1/documents/x")

pytestmark = pytest.mark.usefixtures("aws")


def stored(corpus: Corpus) -> Corpus | None:
    return corpora.find(corpus.owner, corpus.id)


def test_a_corpus_is_found_as_it_was_stored() -> None:
    corpora.create(CORPUS)

    assert stored(CORPUS) == CORPUS


def test_so_is_one_that_is_a_knowledge_base() -> None:
    corpus = replace(CORPUS, knowledge_base="ABCDEFGHIJ")

    corpora.create(corpus)

    assert stored(corpus) == corpus


def test_it_lies_where_the_design_says() -> None:
    corpora.create(CORPUS)
    corpora.add(CORPUS, DOCUMENT, "corpora/c1/indexes/y")

    assert set(everything_stored()) == {
        "CORPUS#c1 CORPUS",
        "CORPUS#c1 DOC#0000000000000005",
        f"{OWNER} CORPUS#c1",
    }


def test_another_owner_does_not_find_it() -> None:
    corpora.create(CORPUS)

    assert corpora.find(OTHER, CORPUS.id) is None
    assert corpora.all_of(OTHER) == []


def test_an_owners_are_listed_in_the_order_of_their_making(scribe: Scribe) -> None:
    made = []
    for number in range(3):
        scribe.now_ms += 1
        made.append(Corpus(f"c{3 - number}", OWNER, "x", scribe.now_ms))
        corpora.create(made[-1])

    assert corpora.all_of(OWNER) == made


def test_more_than_a_page_of_them_are_listed() -> None:
    for number in range(103):
        corpora.create(Corpus(f"c{number}", OWNER, "x", number))

    assert [corpus.created for corpus in corpora.all_of(OWNER)] == list(range(103))


def test_a_document_is_added_with_an_index_that_has_it() -> None:
    corpora.create(CORPUS)

    assert corpora.add(CORPUS, DOCUMENT, "corpora/c1/indexes/y") == "stored"

    expected = replace(CORPUS, version=1, documents=1, pages=12, index="corpora/c1/indexes/y")
    assert stored(CORPUS) == expected
    assert corpora.documents_of(CORPUS.id) == [DOCUMENT]


def test_of_two_at_once_one_is_told_that_the_corpus_has_changed() -> None:
    corpora.create(CORPUS)
    corpora.add(CORPUS, DOCUMENT, "first")

    assert corpora.add(CORPUS, replace(DOCUMENT, number=6), "second") == "changed"

    after = stored(CORPUS)
    assert after
    assert after.index == "first"
    assert corpora.documents_of(CORPUS.id) == [DOCUMENT]


def test_a_number_is_given_once() -> None:
    corpora.create(CORPUS)
    corpora.add(CORPUS, DOCUMENT, "first")
    after = stored(CORPUS)
    assert after

    assert corpora.add(after, replace(DOCUMENT, title="x"), "second") == "number taken"

    assert corpora.documents_of(CORPUS.id) == [DOCUMENT]
    assert stored(CORPUS) == after


def test_nothing_is_added_to_what_is_gone() -> None:
    assert corpora.add(CORPUS, DOCUMENT, "first") == "changed"

    assert everything_stored() == {}


def test_an_answer_that_got_lost_changes_nothing() -> None:
    corpora.create(CORPUS)

    with faults(Fault("TransactWriteItems", lost_answer)) as struck:
        assert corpora.add(CORPUS, DOCUMENT, "first") == "stored"

    assert struck
    assert corpora.documents_of(CORPUS.id) == [DOCUMENT]


def test_documents_are_listed_in_the_order_of_their_adding() -> None:
    corpora.create(CORPUS)
    for number in (5, 99, 1_000):
        corpus = stored(CORPUS)
        assert corpus
        corpora.add(corpus, replace(DOCUMENT, number=number), f"i{number}")

    assert [document.number for document in corpora.documents_of(CORPUS.id)] == [5, 99, 1_000]


def test_a_deleted_corpus_is_unreachable_at_once() -> None:
    corpora.create(CORPUS)
    corpora.add(CORPUS, DOCUMENT, "first")

    assert corpora.delete(OWNER, CORPUS.id)

    assert stored(CORPUS) is None
    assert corpora.all_of(OWNER) == []
    assert not corpora.delete(OWNER, CORPUS.id)


def test_only_its_owner_deletes_it() -> None:
    corpora.create(CORPUS)
    before = everything_stored()

    assert not corpora.delete(OTHER, CORPUS.id)

    assert everything_stored() == before


def test_purging_removes_the_rest_and_only_that() -> None:
    other = replace(CORPUS, id="c11")
    for corpus in (CORPUS, other):
        corpora.create(corpus)
        corpora.add(corpus, DOCUMENT, "first")
        for name in "ab":
            bucket.put(keys.corpus_document(corpus.id, name), b"x", "text/plain")
    corpora.delete(OWNER, CORPUS.id)

    assert corpora.purge(CORPUS.id) == 3
    assert corpora.purge(CORPUS.id) == 0

    assert all("c11" in key for key in everything_stored())
    assert len(everything_stored()) == 5

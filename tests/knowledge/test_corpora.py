"""Documents go into a corpus and are found in it, whatever happens meanwhile."""

import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException

from reprise.chat.errors import Invalid, NotFound
from reprise.chat.ids import Mint, number_of
from reprise.knowledge import corpora
from reprise.knowledge.limits import Unreadable
from reprise.knowledge.matches import Unsearchable
from reprise.store import bucket, keys
from reprise.store import corpora as store
from reprise.store.corpora import Corpus, Document
from tests.api import everything_stored
from tests.calls import Call
from tests.faults import EVERY, Fault, Kind, faults, internal, meanwhile, throttled, timeout
from tests.knowledge.pdfs import document
from tests.store.scribe import OTHER, OWNER

ACCOUNT = 7
TEA = b"Tea is served at four. The kettle is in the kitchen."
COFFEE = b"Coffee is served all day. The machine is next to the kettle."
GUIDE = document("Expenses", "Keep the receipts of all travels.")
ID = "0a9b0a5b-abd4-8815-be96-fdacae4412ce"

pytestmark = pytest.mark.usefixtures("kept")


@pytest.fixture
def mint() -> Mint:
    return Mint(randbits=Random(1).getrandbits)


@pytest.fixture
def corpus(mint: Mint) -> Corpus:
    """An empty one."""
    return corpora.create(mint, ACCOUNT, "Handbook")


Add = Callable[..., Document]


@pytest.fixture
def add(mint: Mint, corpus: Corpus) -> Add:
    def add(title: str, data: bytes, **more: Any) -> Document:
        return corpora.add(mint, OWNER, corpus.id, title, data, pause=lambda seconds: None, **more)

    return add


def found(corpus: Corpus, question: str, owner: str = OWNER) -> list[tuple[str, int | None]]:
    matches = corpora.search(owner, [corpus.id], question)
    return [(match.document, match.page) for match in matches]


def objects(kind: str = "") -> list[str]:
    return [key for key in everything_stored() if key.startswith("corpora/") and kind in key]


class TestMaking:
    def test_a_corpus_is_its_accounts(self, corpus: Corpus) -> None:
        assert number_of(corpus.id) == ACCOUNT
        assert corpora.find(OWNER, corpus.id) == corpus
        assert corpora.all_of(OWNER) == [corpus]

    @pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", "a\0"])
    def test_a_name_is_a_line(self, mint: Mint, name: str) -> None:
        with pytest.raises(Invalid, match="name: needs 1 to 200 printable characters"):
            corpora.create(mint, ACCOUNT, name)

        assert everything_stored() == {}

    @pytest.mark.parametrize(
        "knowledge_base",
        ["ABCDE12345", "arn:aws:bedrock:us-east-1:123456789012:knowledge-base/ABCDE12345"],
    )
    def test_it_may_be_a_knowledge_base(self, mint: Mint, knowledge_base: str) -> None:
        corpus = corpora.create(mint, ACCOUNT, "Handbook", knowledge_base)

        assert corpora.find(OWNER, corpus.id).knowledge_base == knowledge_base

    @pytest.mark.parametrize("knowledge_base", ["", "x", "ABCDE1234?", "arn:aws:s3:::bucket"])
    def test_but_not_anything(self, mint: Mint, knowledge_base: str) -> None:
        with pytest.raises(Invalid, match="knowledge base: needs its id"):
            corpora.create(mint, ACCOUNT, "Handbook", knowledge_base)

    def test_a_knowledge_base_takes_no_documents(self, mint: Mint) -> None:
        corpus = corpora.create(mint, ACCOUNT, "Handbook", "ABCDE12345")

        with pytest.raises(Invalid, match="is a knowledge base"):
            corpora.add(mint, OWNER, corpus.id, "tea.txt", TEA)

        assert objects() == []


class TestSearching:
    def test_finds_documents_with_their_pages(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        add("guide.pdf", GUIDE)

        assert found(corpus, "Where do I keep the receipts?")[0] == ("guide.pdf", 2)
        assert found(corpus, "When is tea served?")[0] == ("tea.txt", 1)

    def test_finds_nothing_in_an_empty_corpus(self, corpus: Corpus) -> None:
        assert found(corpus, "tea") == []

    def test_finds_what_was_added_since(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        assert len(found(corpus, "kettle")) == 1

        add("coffee.txt", COFFEE)

        assert len(found(corpus, "kettle")) == 2

    def test_takes_turns_between_corpora(self, mint: Mint, corpus: Corpus, add: Add) -> None:
        other = corpora.create(mint, ACCOUNT, "More")
        corpora.add(mint, OWNER, other.id, "coffee.txt", COFFEE)
        add("tea.txt", TEA)
        add("more tea.txt", TEA)

        matches = corpora.search(OWNER, [corpus.id, other.id, corpus.id], "kettle", 3)

        titles = [match.document for match in matches]
        assert titles == ["tea.txt", "coffee.txt", "more tea.txt"]

    def test_is_the_owners_alone(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)

        assert found(corpus, "tea", owner=OTHER) == []
        with pytest.raises(NotFound):
            corpora.find(OTHER, corpus.id)

    def test_looks_at_the_stored_owner_too(self, corpus: Corpus) -> None:
        """Should an id ever say what is not so."""
        item = store.CorpusItem(keys.corpus(corpus.id), keys.CORPUS)
        item.update([store.CorpusItem.owner_pk.set(OTHER)])

        with pytest.raises(NotFound):
            corpora.find(OWNER, corpus.id)
        assert corpora.search(OWNER, [corpus.id], "tea") == []

    @pytest.mark.parametrize("corpus_id", ["", "x", ID, "x" * 5_000, "\0", "CORPUS#"])
    def test_leaves_out_what_there_is_not(self, corpus_id: str) -> None:
        assert corpora.search(OWNER, [corpus_id], "tea") == []
        with pytest.raises(NotFound):
            corpora.find(OWNER, corpus_id)

    def test_reads_only_the_corpus_once_its_index_is_here(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        found(corpus, "tea")
        calls: list[str] = []

        def note(call: Call) -> object:
            calls.append(call.operation)
            return call.proceed()

        with faults(Fault("*", note, EVERY)):
            found(corpus, "tea")

        assert calls == ["GetItem"]

    def test_goes_on_with_the_newer_index_where_one_came_meanwhile(
        self, corpus: Corpus, add: Add
    ) -> None:
        add("tea.txt", TEA)

        with faults(Fault("GetObject", meanwhile(lambda: add("coffee.txt", COFFEE)))) as struck:
            titles = [title for title, _ in found(corpus, "kettle")]

        assert struck
        assert sorted(titles) == ["coffee.txt", "tea.txt"]

    def test_fetches_again_what_was_damaged_here(
        self, corpus: Corpus, add: Add, kept: Path
    ) -> None:
        add("tea.txt", TEA)
        found(corpus, "tea")
        (file,) = kept.iterdir()
        file.write_bytes(file.read_bytes()[:3_000])

        assert found(corpus, "tea") == [("tea.txt", 1)]

    @pytest.mark.parametrize("how", ["gone", "damaged"])
    def test_says_so_where_the_index_is_gone_or_damaged(
        self, corpus: Corpus, add: Add, how: str
    ) -> None:
        add("tea.txt", TEA)
        spoil(corpus, how)
        before = everything_stored()

        with pytest.raises(Unsearchable, match="the documents cannot be searched now"):
            found(corpus, "tea")

        assert everything_stored() == before


def spoil(corpus: Corpus, how: str) -> None:
    key = corpora.find(OWNER, corpus.id).index
    assert key
    if how == "gone":
        bucket.delete(key)
    else:
        bucket.put(key, bucket.get(key)[:5_000], "application/vnd.sqlite3")


class TestAdding:
    def test_tells_what_was_added(self, corpus: Corpus, add: Add) -> None:
        added = add("guide.pdf", GUIDE)

        assert (added.title, added.media_type, added.pages) == ("guide.pdf", "application/pdf", 2)
        assert added.size == len(GUIDE)
        assert bucket.get(added.file) == GUIDE
        after = corpora.find(OWNER, corpus.id)
        assert (after.documents, after.pages, after.version) == (1, 2, 1)
        assert store.documents_of(corpus.id) == [added]

    def test_leaves_one_index(self, add: Add) -> None:
        for number in range(3):
            add(f"{number}.txt", TEA)

        assert len(objects("/indexes/")) == 1
        assert len(objects("/documents/")) == 3

    def test_cleans_a_title(self, add: Add) -> None:
        assert add("a\udcff\0b" + "x" * 300, TEA).title == "a\ufffdb" + "x" * 197

    def test_of_what_has_no_text_changes_nothing(self, add: Add) -> None:
        before = everything_stored()

        with pytest.raises(Unreadable, match="file: is damaged"):
            add("guide.pdf", b"%PDF-1.7\n\xff")

        assert everything_stored() == before

    def test_to_anothers_corpus_changes_nothing(self, mint: Mint, corpus: Corpus) -> None:
        before = everything_stored()

        with pytest.raises(NotFound):
            corpora.add(mint, OTHER, corpus.id, "tea.txt", TEA)

        assert everything_stored() == before

    def test_of_two_at_once_loses_neither(self, corpus: Corpus, add: Add) -> None:
        with faults(
            Fault("TransactWriteItems", meanwhile(lambda: add("coffee.txt", COFFEE)))
        ) as struck:
            add("tea.txt", TEA)

        assert len(struck) == 1
        assert {title for title, _ in found(corpus, "kettle")} == {"tea.txt", "coffee.txt"}
        after = corpora.find(OWNER, corpus.id)
        assert (after.documents, after.version) == (2, 2)
        assert len(store.documents_of(corpus.id)) == 2
        assert (len(objects("/documents/")), len(objects("/indexes/"))) == (2, 1)

    def test_while_the_index_is_replaced_begins_again(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        read: list[str] = []

        def replace_it(call: Call) -> Any:
            read.append(call.request["Key"])
            if len(read) == 1:
                add("coffee.txt", COFFEE)
            return call.proceed()

        with faults(Fault("GetObject", replace_it, EVERY)):
            add("guide.pdf", GUIDE)

        assert all("/indexes/" in key for key in read)  # without reading the documents again
        after = corpora.find(OWNER, corpus.id)
        assert (after.documents, after.pages) == (3, 4)
        assert len(objects("/indexes/")) == 1

    def test_by_many_threads_loses_none(self, corpus: Corpus, mint: Mint) -> None:
        def add_some(who: int) -> None:
            for number in range(2):
                corpora.add(mint, OWNER, corpus.id, f"{who} {number}.txt", b"kettle")

        threads = [threading.Thread(target=add_some, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert corpora.find(OWNER, corpus.id).documents == 8
        assert len(store.documents_of(corpus.id)) == 8
        assert len(found(corpus, "kettle")) == 8
        assert (len(objects("/documents/")), len(objects("/indexes/"))) == (8, 1)

    def test_ends_where_others_never_do(self, corpus: Corpus, add: Add) -> None:
        def somebody_else(call: Call) -> Any:
            item = store.CorpusItem(keys.corpus(corpus.id), keys.CORPUS)
            item.update([store.CorpusItem.version.add(1)])
            return call.proceed()

        with (
            faults(Fault("TransactWriteItems", somebody_else, EVERY)) as struck,
            pytest.raises(Invalid, match="too many at once"),
        ):
            add("tea.txt", TEA)

        assert len(struck) == corpora.ATTEMPTS
        assert objects() == []

    def test_to_what_is_deleted_meanwhile_leaves_nothing(self, corpus: Corpus, add: Add) -> None:
        with (
            faults(
                Fault("TransactWriteItems", meanwhile(lambda: corpora.delete(OWNER, corpus.id)))
            ),
            pytest.raises(NotFound),
        ):
            add("tea.txt", TEA)

        assert everything_stored() == {}

    @pytest.mark.parametrize("on", [1, 2], ids=["the document", "the index"])
    @pytest.mark.parametrize("before", [False, True], ids=["empty", "filled"])
    def test_that_the_bucket_refuses_changes_nothing(
        self, corpus: Corpus, add: Add, on: int, before: bool
    ) -> None:
        if before:
            add("coffee.txt", COFFEE)
        stored = everything_stored()

        with faults(Fault("PutObject", internal, on)) as struck, pytest.raises(ClientError):
            add("tea.txt", TEA)

        assert struck
        assert everything_stored() == stored
        assert len(found(corpus, "kettle")) == before

    def test_does_not_mind_what_cannot_be_tidied_up(self, corpus: Corpus, add: Add) -> None:
        add("coffee.txt", COFFEE)

        with faults(Fault("DeleteObjects", timeout, EVERY)) as struck:
            add("tea.txt", TEA)

        assert struck
        assert len(found(corpus, "kettle")) == 2
        assert len(objects("/indexes/")) == 2

    @pytest.mark.parametrize("kind", [throttled, timeout])
    def test_that_the_table_does_not_answer_keeps_what_may_be_needed(
        self, corpus: Corpus, add: Add, kind: Kind
    ) -> None:
        with (
            faults(Fault("TransactWriteItems", kind, EVERY)),
            pytest.raises(PynamoDBException),
        ):
            add("tea.txt", TEA)

        assert len(objects()) == 2
        assert corpora.find(OWNER, corpus.id) == corpus
        add("coffee.txt", COFFEE)
        assert found(corpus, "kettle") == [("coffee.txt", 1)]

    @pytest.mark.parametrize("how", ["gone", "damaged"])
    def test_makes_an_index_anew_that_is_gone_or_damaged(
        self, corpus: Corpus, add: Add, how: str
    ) -> None:
        add("guide.pdf", GUIDE)
        add("tea.txt", TEA)
        spoil(corpus, how)

        add("coffee.txt", COFFEE)

        assert {title for title, _ in found(corpus, "kettle")} == {"tea.txt", "coffee.txt"}
        assert found(corpus, "receipts") == [("guide.pdf", 2)]
        assert corpora.find(OWNER, corpus.id).documents == 3
        assert len(objects("/indexes/")) == 1

    def test_has_an_end(self, corpus: Corpus, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(corpora, "MOST_BYTES", 50_000)
        add("tea.txt", TEA)
        stored = everything_stored()

        with pytest.raises(Invalid, match="would become too large"):
            add("much.txt", b"tea and coffee\n" * 5_000)

        assert everything_stored() == stored


class TestDeleting:
    def test_leaves_nothing(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        add("guide.pdf", GUIDE)

        corpora.delete(OWNER, corpus.id)

        assert everything_stored() == {}
        assert found(corpus, "tea") == []

    def test_leaves_the_other_corpora(self, mint: Mint, corpus: Corpus, add: Add) -> None:
        other = corpora.create(mint, ACCOUNT, "More")
        corpora.add(mint, OWNER, other.id, "coffee.txt", COFFEE)
        add("tea.txt", TEA)

        corpora.delete(OWNER, corpus.id)

        assert found(other, "coffee") == [("coffee.txt", 1)]

    def test_goes_on_where_it_was_cut_off(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        with faults(Fault("DeleteObjects", internal)), pytest.raises(ClientError):
            corpora.delete(OWNER, corpus.id)
        assert found(corpus, "tea") == []

        corpora.delete(OWNER, corpus.id)

        assert everything_stored() == {}

    def test_is_the_owners_alone(self, corpus: Corpus, add: Add) -> None:
        add("tea.txt", TEA)
        before = everything_stored()

        with pytest.raises(NotFound):
            corpora.delete(OTHER, corpus.id)

        assert everything_stored() == before

    @pytest.mark.parametrize("corpus_id", ["", "x", ID, "x" * 5_000])
    def test_of_what_there_is_not_is_told(self, corpus_id: str) -> None:
        with pytest.raises(NotFound):
            corpora.delete(OWNER, corpus_id)

    def test_twice_is_told(self, corpus: Corpus) -> None:
        corpora.delete(OWNER, corpus.id)

        with pytest.raises(NotFound):
            corpora.delete(OWNER, corpus.id)

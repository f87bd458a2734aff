"""A corpus in a process of its own, which `bench.knowledge` starts: prints JSON.

    python bench/first_search.py make PAGES          makes one; prints its owner and id
    python bench/first_search.py search OWNER ID     searches it, for the first time and again

Times are elapsed seconds. Nothing is imported before the clock runs.
"""

import sys
import time

QUESTIONS, WORDS = 60, 8
mode, *arguments = sys.argv[1:]
began = time.perf_counter()

from reprise.knowledge import corpora  # noqa: E402

imported = time.perf_counter() - began

import json  # noqa: E402
from random import Random  # noqa: E402
from string import ascii_lowercase  # noqa: E402

random = Random(1)
VOCABULARY = ["".join(random.choices(ascii_lowercase, k=2 + n % 9)) for n in range(20_000)]
WEIGHTS = [1 / (place + 1) for place in range(len(VOCABULARY))]  # as words are used


def some(count: int) -> list[str]:
    return random.choices(VOCABULARY, WEIGHTS, k=count)


def page() -> str:
    return ".\n".join(" ".join(some(12)) for _ in range(42))


def make(pages: int) -> dict[str, object]:
    from reprise.chat.ids import Mint
    from reprise.store import keys

    mint, account = Mint(), 1
    corpus = corpora.create(mint, account, "Bench")
    text = "\f".join(page() for _ in range(pages))
    since = time.perf_counter()
    corpora.add(mint, keys.account(account), corpus.id, "book.txt", text.encode())
    took = time.perf_counter() - since
    return {"owner": corpus.owner, "id": corpus.id, "characters": len(text), "add": took}


def search(owner: str, corpus_id: str) -> dict[str, object]:
    from reprise.store import bucket, keys
    from reprise.store.table import connection

    def seconds(question: str) -> float:
        since = time.perf_counter()
        if not corpora.search(owner, [corpus_id], question):
            raise RuntimeError("nothing was found")
        return time.perf_counter() - since

    questions = [" ".join(some(WORDS)) for _ in range(QUESTIONS)]
    first, *later = map(seconds, questions)
    since = time.perf_counter()
    index = bucket.get(str(corpora.find(owner, corpus_id).index))
    fetched = time.perf_counter() - since
    gets = []
    for _ in questions:
        since = time.perf_counter()
        connection().get_item(keys.corpus(corpus_id), keys.CORPUS, consistent_read=True)
        gets.append(time.perf_counter() - since)
    return {
        "import": imported,
        "first": first,
        "later": later,
        "fetch": fetched,
        "bytes": len(index),
        "get": gets,
    }


print(json.dumps(make(int(arguments[0])) if mode == "make" else search(*arguments)))

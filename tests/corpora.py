"""Corpora that are really filled, agents that may look into them, and models that do.

agent = consulting(api, put_corpus(api, {"tea.txt": TEA}))
looks(models, "When is tea served?", "At four.")
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reprise.chat.agents import BUILT_IN, QUERY_KNOWLEDGE_BASE
from reprise.chat.ids import Mint, number_of
from reprise.chat.messages import ToolCall, Usage
from reprise.knowledge import corpora, files
from reprise.llm.protocol import Finished
from tests.api import Api
from tests.chatbase import caller_of, put_agent
from tests.models import FakeModels

TOOL = BUILT_IN[QUERY_KNOWLEDGE_BASE]
TEA = b"Tea is served at four."
QUESTION = "When is tea served?"
NOTHING = {"kind": "docs", "results": []}


def put_corpus(
    api: Api, documents: Mapping[str, bytes] | None = None, knowledge_base: str | None = None
) -> str:
    """The id of a corpus of a client's account."""
    caller, mint = caller_of(api), Mint()
    account = number_of(caller.account_id)
    assert account is not None
    corpus = corpora.create(mint, account, "Handbook", knowledge_base)
    for title, data in (documents or {}).items():
        corpora.add(mint, caller.owner, corpus.id, title, data)
    return corpus.id


def consulting(api: Api, *corpus_ids: str, **changes: Any) -> str:
    """The id of an agent of a client's account that has these corpora, and the tool."""
    changes = {"tools": (TOOL,)} | changes
    return put_agent(api, corpora=corpus_ids, **changes)


def looks(models: FakeModels, query: str = QUESTION, then: str = "At four.") -> None:
    """The next answer first looks into the corpora."""
    call = ToolCall("c1", QUERY_KNOWLEDGE_BASE, {"query": query})
    models.enqueue([call, Finished("tool-calls", Usage(20, 5))])
    models.enqueue([then])


@contextmanager
def another_machine() -> Iterator[Path]:
    """One that has fetched no index yet."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        files.here.cache_clear()
        yield Path(folder)
    files.here.cache_clear()

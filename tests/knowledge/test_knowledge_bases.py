"""Bedrock knowledge bases, against a scripted server: the SDK is real, and so is the wire."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from reprise.chat.ids import Mint
from reprise.knowledge import corpora, knowledge_bases
from reprise.knowledge.matches import Match, Unsearchable
from tests.store.scribe import OWNER
from tests.upstream import CUT, Reply, Upstream, whole

ID = "ABCDE12345"
ARN = f"arn:aws:bedrock:eu-west-1:123456789012:knowledge-base/{ID}"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    knowledge_bases._make.cache_clear()
    with Upstream() as upstream:
        endpoint = f"http://127.0.0.1:{upstream.port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME", endpoint)
        yield upstream
    knowledge_bases._make.cache_clear()


def result(text: str, score: float | None = 0.5, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"content": {"text": text, "type": "TEXT"}} | more
    return made if score is None else made | {"score": score}


def s3(uri: str) -> dict[str, Any]:
    return {"type": "S3", "s3Location": {"uri": uri}}


def answer(*results: dict[str, Any]) -> Reply:
    return whole({"retrievalResults": list(results)})


def error(kind: str, status: int) -> Reply:
    return whole({"message": "secret"}, status=status, headers={"x-amzn-ErrorType": kind})


def test_it_is_asked_for_the_best_passages(upstream: Upstream) -> None:
    upstream.enqueue(answer())

    knowledge_bases.search(ID, "Why is the sky blue?", 5)

    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", f"/knowledgebases/{ID}/retrieve")
    assert request.body == {
        "retrievalQuery": {"text": "Why is the sky blue?"},
        "retrievalConfiguration": {"vectorSearchConfiguration": {"numberOfResults": 5}},
    }


def test_what_it_finds_is_told_as_ever(upstream: Upstream) -> None:
    upstream.enqueue(
        answer(
            result(
                "Blue light\r\nscatters.",
                0.75,
                location=s3("s3://docs/physics/The%20sky.pdf"),
                metadata={"x-amz-bedrock-kb-document-page-number": 3.0},
            ),
            result(
                "Rayleigh",
                0.5,
                location={"type": "WEB", "webLocation": {"url": "https://a.example/sky/?x=/y"}},
            ),
        )
    )

    assert knowledge_bases.search(ID, "sky", 5) == [
        Match("The sky.pdf", 3, "Blue light\nscatters.", 0.75),
        Match("sky", None, "Rayleigh", 0.5),
    ]


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"metadata": {"x-amz-bedrock-kb-source-uri": "s3://docs/a.md"}}, "a.md"),
        ({"location": {"type": "SQL", "sqlLocation": {"query": "SELECT 1"}}}, "SELECT 1"),
        ({"location": {"type": "CUSTOM", "customDocumentLocation": {"id": "x7"}}}, "x7"),
        ({"location": {"type": "S3"}}, ""),
        ({"location": s3("a\nb")}, "a b"),
        ({}, ""),
    ],
)
def test_a_document_is_called_by_where_it_is_from(
    upstream: Upstream, more: dict[str, Any], title: str
) -> None:
    upstream.enqueue(answer(result("x", **more)))

    (match,) = knowledge_bases.search(ID, "sky", 5)

    assert match.document == title


def test_what_is_no_text_is_left_out(upstream: Upstream) -> None:
    image = {
        "content": {"type": "IMAGE", "byteContent": "data:image/png;base64,AA=="},
        "score": 1.0,
    }
    upstream.enqueue(answer(image, result(" \n"), result("Text", None)))

    assert knowledge_bases.search(ID, "sky", 5) == [Match("", None, "Text", 0.0)]


def test_a_passage_that_is_a_whole_document_is_cut(upstream: Upstream) -> None:
    upstream.enqueue(answer(result("x" * 100_000)))

    (match,) = knowledge_bases.search(ID, "sky", 5)

    assert match.text == "x" * 8_000


def test_no_more_are_taken_than_wanted(upstream: Upstream) -> None:
    upstream.enqueue(answer(*[result("x")] * 9))

    assert len(knowledge_bases.search(ID, "sky", 5)) == 5


def test_nothing_is_asked_for_nothing(upstream: Upstream) -> None:
    assert knowledge_bases.search(ID, " \n", 5) == []
    assert upstream.requests == []


def test_a_long_question_is_cut_and_so_are_too_many_results(upstream: Upstream) -> None:
    upstream.enqueue(answer())

    knowledge_bases.search(ID, "why " * 1_000, 1_000)

    body = upstream.requests[0].body
    assert len(body["retrievalQuery"]["text"]) == 1_000
    assert body["retrievalConfiguration"]["vectorSearchConfiguration"]["numberOfResults"] == 100


def region(upstream: Upstream) -> str:
    """That the last request was signed for."""
    return upstream.requests[-1].headers["authorization"].split("/")[2]


def test_it_is_asked_where_it_is(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = lambda _: answer()

    knowledge_bases.search(ID, "sky", 5)
    assert region(upstream) == "us-east-1"  # this process's

    monkeypatch.setenv("BEDROCK_REGION", "us-west-2")
    knowledge_bases.search(ID, "sky", 5)
    assert region(upstream) == "us-west-2"

    knowledge_bases.search(ARN, "sky", 5)
    assert region(upstream) == "eu-west-1"
    assert upstream.requests[-1].path.endswith("knowledge-base%2FABCDE12345/retrieve")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ResourceNotFoundException", 404),
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
        ("ThrottlingException", 429),
        ("InternalServerException", 500),
    ],
)
def test_an_error_is_told_without_its_text(upstream: Upstream, kind: str, status: int) -> None:
    upstream.otherwise = lambda _: error(kind, status)

    with pytest.raises(Unsearchable) as caught:
        knowledge_bases.search(ID, "sky", 5)

    assert str(caught.value) == "the documents cannot be searched now"


def test_one_that_passes_is_not_noticed(upstream: Upstream) -> None:
    upstream.enqueue(error("ThrottlingException", 429), answer(result("x")))

    assert len(knowledge_bases.search(ID, "sky", 5)) == 1


def test_a_connection_that_breaks_is_told(upstream: Upstream) -> None:
    upstream.otherwise = lambda _: Reply((CUT,), bare=True)

    with pytest.raises(Unsearchable):
        knowledge_bases.search(ID, "sky", 5)


def test_a_corpus_that_is_one_is_searched_there(upstream: Upstream, kept: object) -> None:
    upstream.enqueue(answer(result("Blue light", location=s3("s3://docs/sky.pdf"))))
    mint = Mint(randbits=Random(1).getrandbits)
    corpus = corpora.create(mint, 7, "Physics", ID)

    (match,) = corpora.search(OWNER, [corpus.id], "sky")

    assert match == Match("sky.pdf", None, "Blue light", 0.5)
    assert upstream.requests[0].body["retrievalQuery"] == {"text": "sky"}

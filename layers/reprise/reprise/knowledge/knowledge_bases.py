"""Amazon Bedrock knowledge bases: corpora that AWS keeps and searches.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
"""

import os
import re
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reprise.chat.errors import Invalid
from reprise.knowledge.matches import Match, Unsearchable
from reprise.knowledge.text import clean

logger = Logger(child=True)

MOST_RESULTS = 100
LONGEST_QUESTION = 1_000  # characters; what some kinds of knowledge bases take
LONGEST_PASSAGE = 8_000  # characters; some have whole documents in one

_ID = re.compile(
    r"[0-9a-zA-Z]{10}"
    r"|arn:aws(?:-[^:]+)?:bedrock:(?P<region>[a-z0-9-]{1,20}):[0-9]{12}:knowledge-base/[0-9a-zA-Z]{10}"
)
_SOURCE = "x-amz-bedrock-kb-source-uri"
_PAGE = "x-amz-bedrock-kb-document-page-number"
_PATIENCE = Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 2})

_making = threading.Lock()


def check(knowledge_base: str) -> None:
    """Raises Invalid for what can be neither an id nor an ARN."""
    if not _ID.fullmatch(knowledge_base):
        raise Invalid("knowledge base", "needs its id of 10 letters and digits, or its ARN")


def search(knowledge_base: str, question: str, limit: int) -> list[Match]:
    """The passages that fit a question best, as the knowledge base ranks them. It is asked in the
    region of its ARN, else where Bedrock's models are. Raises Unsearchable.
    """
    question = question.strip()[:LONGEST_QUESTION]
    if not question:
        return []
    found = _ID.fullmatch(knowledge_base)
    region = found["region"] if found else None
    try:
        answer = _client(region or os.environ.get("BEDROCK_REGION") or None).retrieve(
            knowledgeBaseId=knowledge_base,
            retrievalQuery={"text": question},
            retrievalConfiguration={
                "vectorSearchConfiguration": {"numberOfResults": min(limit, MOST_RESULTS)}
            },
        )
    except ClientError as error:
        raise _failure(knowledge_base, error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise _failure(knowledge_base, type(error).__name__) from error
    matches = map(_match, answer["retrievalResults"])
    return [match for match in matches if match is not None][:limit]


def _client(region: str | None) -> Any:
    with _making:
        return _make(region)


@cache
def _make(region: str | None) -> Any:
    # not boto3: see `store.bucket`
    from botocore.session import get_session

    return get_session().create_client(
        "bedrock-agent-runtime", region_name=region, config=_PATIENCE
    )


def _failure(knowledge_base: str, reason: str) -> Unsearchable:
    """For the operator by the error's code, as its text is not ours."""
    logger.error("knowledge base cannot be searched", knowledge_base=knowledge_base, reason=reason)
    return Unsearchable("the documents cannot be searched now")


def _match(result: Mapping[str, Any]) -> Match | None:
    """None for what is no text, such as an image."""
    text = clean(result["content"].get("text", ""))[:LONGEST_PASSAGE]
    if not text.strip():
        return None
    metadata = result.get("metadata", {})
    source = metadata.get(_SOURCE) or _location(result.get("location", {}))
    page = metadata.get(_PAGE)
    return Match(
        document=_title(source),
        page=int(page) if isinstance(page, int | float) else None,
        text=text,
        score=float(result.get("score", 0)),
    )


def _location(location: Mapping[str, Any]) -> str:
    """Where a passage is from: `{"type": "S3", "s3Location": {"uri": …}}`, or with a `url` or an
    `id`, by the kind of source.
    """
    for kind in location.values():
        if isinstance(kind, Mapping):
            for address in kind.values():
                return str(address)
    return ""


def _title(source: object) -> str:
    """The last part of an address, which is a document's name, or all of it."""
    address = clean(str(source)).replace("\n", " ")
    path = address.partition("?")[0].partition("#")[0]
    return unquote(path.rstrip("/").rpartition("/")[2]) or address

"""The bucket: bytes under keys, which `store.keys` writes."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

_PIECE = 1 << 20  # bytes
# Who may not list the bucket is not told what is not in it.
_ABSENT = ("NoSuchKey", "AccessDenied")

_making = threading.Lock()


@cache
def _make() -> Any:
    # not boto3: its resources and session cost a cold start what this one client does not need
    from botocore.config import Config
    from botocore.session import get_session

    # What is offered names the bucket's own region: until others know a new bucket, which may take
    # a day, the name without a region leads to a redirect.
    own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style = None if own else {"addressing_style": "virtual"}
    config = Config(signature_version="s3v4", s3=style)
    return get_session().create_client("s3", config=config)


def _client() -> Any:
    with _making:
        return _make()


def _bucket() -> str:
    return os.environ["BUCKET_NAME"]


def put(key: str, body: bytes | Path, media_type: str) -> None:
    """Store bytes, or those of a file."""
    if isinstance(body, Path):
        with body.open("rb") as file:
            _client().put_object(Bucket=_bucket(), Key=key, Body=file, ContentType=media_type)
    else:
        _client().put_object(Bucket=_bucket(), Key=key, Body=body, ContentType=media_type)


def get(key: str) -> bytes:
    body: bytes = _client().get_object(Bucket=_bucket(), Key=key)["Body"].read()
    return body


def fetch(key: str, into: Path) -> bool:
    """Write what lies under a key into a file. False when nothing does."""
    try:
        found = _client().get_object(Bucket=_bucket(), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return False
        raise
    with into.open("wb") as file:
        for piece in found["Body"].iter_chunks(_PIECE):
            file.write(piece)
    return True


def offer(key: str, media_type: str, most: int, seconds: int) -> tuple[str, dict[str, str]]:
    """URL and fields of a form by which somebody without credentials can put one object there: at
    least one byte, at most so many, within so many seconds. Calls nobody.
    """
    made = _client().generate_presigned_post(
        _bucket(),
        key,
        Fields={"Content-Type": media_type},
        Conditions=[{"Content-Type": media_type}, ["content-length-range", 1, most]],
        ExpiresIn=seconds,
    )
    return made["url"], made["fields"]


def delete(*keys: str) -> None:
    """Remove some objects, at most 1,000; what is gone already does not matter."""
    _delete(_client(), keys)


def delete_all(prefix: str, unwanted: Callable[[str], bool] = lambda rest: True) -> int:
    """Remove what lies under a prefix and is `unwanted`, by the rest of its key. Returns how many
    objects these were.
    """
    client, removed = _client(), 0
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix)
    for page in pages:
        found = [
            entry["Key"]
            for entry in page.get("Contents", ())
            if unwanted(entry["Key"].removeprefix(prefix))
        ]
        if found:
            _delete(client, found)
        removed += len(found)
    return removed


def _delete(client: Any, keys: Sequence[str]) -> None:
    """Raises ClientError also where only some could not be removed: the answer to that is a 200."""
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    answer = client.delete_objects(Bucket=_bucket(), Delete=wanted)
    for error in answer.get("Errors", ()):
        raise ClientError({"Error": error}, "DeleteObjects")

"""A client has put a file into the bucket: read it for its conversation. Woken by the bucket."""

import time
from typing import Any

from aws_lambda_powertools import Logger

from reprise.engine.extraction import extract

logger = Logger()


def handler(event: dict[str, Any], context: Any) -> None:
    """`event`: one of S3's by way of EventBridge, which is delivered again where this fails."""
    put = event["detail"]["object"]
    outcome = extract(put["key"], put["size"], int(time.time() * 1000))
    logger.info("extracted", outcome=outcome, bytes=put["size"])

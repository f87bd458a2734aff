"""A conversation was deleted: remove what is left of it. Woken by the removal of its META item."""

import time
from typing import Any

from aws_lambda_powertools import Logger

from reprise.store import conversations

logger = Logger()


def handler(event: dict[str, Any], context: Any) -> None:
    """`event`: DynamoDB stream records with their keys. A record that fails is delivered again."""
    for record in event["Records"]:
        _purge(record["dynamodb"]["Keys"]["pk"]["S"])


def _purge(partition: str) -> None:
    while True:
        purged = conversations.purge(partition, int(time.time() * 1000))
        logger.info("purged", partition=partition, items=purged.items, ahead_ms=purged.ahead)
        if not purged.ahead:
            return
        time.sleep(purged.ahead / 1000)

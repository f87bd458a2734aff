"""A lease ran out and nobody came by: end its answer with the text that was logged.

Woken by the table's own removal of an expired lease item.
"""

import time
from typing import Any

from aws_lambda_powertools import Logger

from reprise.engine.repair import repair_expired

logger = Logger()


def handler(event: dict[str, Any], context: Any) -> None:
    """`event`: DynamoDB stream records with old images of leases."""
    for record in event["Records"]:
        lease = record["dynamodb"]["OldImage"]
        partition, generation = lease["pk"]["S"], lease["g"]["S"]
        repaired = repair_expired(partition, generation, time.time())
        logger.info("repaired" if repaired else "nothing to repair", generation=generation)

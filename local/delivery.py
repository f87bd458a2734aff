"""Bringing a worker its records, as Lambda's event source mapping does, or EventBridge."""

import asyncio
import json
import logging
import queue
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from local import filters
from local.context import Context
from local.table_stream import Record
from local.template import Worker

_LONGEST_WAIT = 10.0  # seconds between two tries

logger = logging.getLogger(__name__)


class Delivery:
    """Brings a worker its records: in order, in batches, and again when it fails.

    `wait` waits the given seconds and says whether it is time to stop. Raises ValueError for a
    filter that cannot be understood.
    """

    def __init__(
        self, worker: Worker, handler: Callable[[Any, Any], Any], wait: Callable[[float], bool]
    ) -> None:
        for pattern in worker.filters:
            filters.check(pattern)
        self._worker = worker
        self._handler = handler
        self._wait = wait
        self._waiting: queue.SimpleQueue[Record | None] = queue.SimpleQueue()

    def offer(self, records: Iterable[Record]) -> None:
        """Take those records that pass the worker's filters."""
        for record in records:
            if filters.passes(record, self._worker.filters):
                self._waiting.put(record)

    def end(self) -> None:
        self._waiting.put(None)

    def run(self) -> None:
        """Deliver what was offered, until `end`."""
        asyncio.set_event_loop(asyncio.new_event_loop())
        while (batch := self._next_batch()) is not None:
            self.deliver(batch)

    def _next_batch(self) -> list[Record] | None:
        if (record := self._waiting.get()) is None:
            return None
        batch = [record]
        while len(batch) < self._worker.batch_size and not self._waiting.empty():
            if (record := self._waiting.get()) is None:
                self.end()  # for the next time
                break
            batch.append(record)
        return batch

    def deliver(self, batch: Sequence[Record]) -> None:
        """Call the worker until it succeeds, its retries are used up, or it is time to stop. Where
        the template wants it, a batch that fails is cut in two, which uses up no retry.
        """
        name, tried = self._worker.function.name, 0
        while not self._succeeds(batch):
            if self._worker.bisect and len(batch) > 1:
                middle = len(batch) // 2
                self.deliver(batch[:middle])
                self.deliver(batch[middle:])
                return
            if tried == self._worker.retries:
                logger.error("%s: given up, %d records lost", name, len(batch))
                return
            if self._wait(min(2.0**tried, _LONGEST_WAIT)):
                return
            tried += 1

    def _succeeds(self, batch: Sequence[Record]) -> bool:
        told = batch[0] if self._worker.alone else {"Records": batch}
        event = json.loads(json.dumps(told))
        try:
            self._handler(event, Context.of(self._worker.function))
        except Exception:
            logger.exception("%s failed", self._worker.function.name)
            return False
        logger.info("%s %d records", self._worker.function.name, len(batch))
        return True
